#!/bin/bash
# A connector as operators run it: token from a file, credentials inline, metrics and readiness, pid file, replicas, configuration pushed under a
# live session, an end that waits for the last session, and a back-off that never spins.
. "$(dirname "$0")/fixture.sh"
fixture_up
kill -TERM "$CONNECTOR_PID" && wait "$CONNECTOR_PID"
ask() { curl -sS --max-time 10 -o "$T/answer" -w '%{http_code}' "http://127.0.0.1:$M$1" "${@:2}"; }
count() { sed -n "s/^$1 //p" "$T/answer"; }

# --- token from a file; metrics; pid file
"$SP" tunnel token ssh-pool >"$T/token"
chmod 644 "$T/token"
refuses "a token that others can read" timeout 20 "$SP" tunnel --edge "127.0.0.1:$TPORT" --cacert "$CA" run --token-file "$T/token"
chmod 600 "$T/token"
free_port; M=$PORT
refuses "a metrics address that is not one" timeout 20 "$SP" tunnel --edge "127.0.0.1:$TPORT" --cacert "$CA" --metrics nonsense run --token-file "$T/token"
like "message" "$OUT" 'metrics.*ADDR:PORT'
connector_start "$T/one.log" run --token-file "$T/token" --metrics "127.0.0.1:$M" --pidfile "$T/pid" --loglevel info --no-autoupdate --tag a=b
one=$CONNECTOR_PID
wait_line "$T/one.log" 'Registered tunnel connection.*connIndex="1"' 20 >/dev/null
eq "pid file" "$(cat "$T/pid")" "$one"
eq "ready" "$(ask /ready)" 200
eq "ready in full" "$(jq -c '[.status, .readyConnections]' "$T/answer")" '[200,2]'
eq "its id is the edge's" "$(jq -r .connectorId "$T/answer")" "$("$SP" tunnel info -o json ssh-pool | jq -r '.connectors[0].id')"
eq "healthcheck" "$(ask /healthcheck) $(cat "$T/answer")" "200 OK"
eq "configuration" "$(ask /config) $(jq -r '.config.ingress[0].hostname' "$T/answer")" "200 $HOST"
eq "a command" "$(ask /metrics -d x=1)" 405
eq "a page that is not there" "$(ask /debug/pprof/)" 404
eq "a name that leads here" "$(ask /config -H 'Host: evil.example.test')" 421
eq "ssh" "$(sh_ 'echo in')" in
eq "metrics" "$(ask /metrics)" 200
eq "connections" "$(count cloudflared_tunnel_ha_connections)" 2
eq "sessions" "$(count cloudflared_tcp_total_sessions)" 1
eq "registrations" "$(count 'cloudflared_tunnel_tunnel_register_success{rpcName="registerConnection"}')" 2
like "where" "$(cat "$T/answer")" 'server_locations\{connection_id="1",edge_location="[a-z0-9]+"\} 1'
if command -v promtool >/dev/null; then promtool check metrics <"$T/answer" || die "promtool"; fi

# --- a replica with the same credentials, given inline
"$SP" tunnel token --cred-file "$T/cred.json" ssh-pool
TUNNEL_CRED_CONTENTS=$(cat "$T/cred.json") connector_start "$T/two.log" run
two=$CONNECTOR_PID
eq "two connectors" "$("$SP" tunnel info -o json ssh-pool | jq '.connectors | length')" 2
kill -9 "$two"
wait "$two" 2>/dev/null
for i in 1 2 3; do eq "the other serves at once" "$(sh_ "echo $i")" "$i"; done

# --- configuration pushed under a live session: the session goes on, new ones follow the new rules
mkfifo "$T/in"
sh_ cat <"$T/in" >"$T/out" 2>"$T/live.err" &
live=$!
PIDS+=("$live")
exec 7>"$T/in"
echo before >&7
wait_line "$T/out" before 20 >/dev/null
version() { ask /metrics >/dev/null && count cloudflared_orchestration_config_version; }
was=$(version)
free_port
apply >/dev/null <<-YML || die "apply"
	apps:
	  - {name: ssh, domain: $HOST, type: self_hosted, session_duration: 8h, tunnel: ssh-pool, service: "ssh://127.0.0.1:$PORT", ssh: {certificate_ttl: 3m},
	     policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]}
YML
until_ok 10 eval '[ "$(version)" -gt "$was" ]' || die "the configuration was not pushed"
echo after >&7
wait_line "$T/out" after 20 >/dev/null
SALLYPORT_NO_LOGIN=1 refuses "a new session follows the new rule" timeout 30 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true

# --- its end waits for the session, and no longer
kill -TERM "$one"
until_ok 5 eval '[ "$(ask /ready)" = 503 ]' || die "still ready while it leaves"
echo leaving >&7
wait_line "$T/out" leaving 20 >/dev/null
exec 7>&-
timeout 20 tail --pid="$one" -f /dev/null || die "the connector waits although nothing is left"
wait "$one"
eq "exit status" $? 0
[ ! -e "$T/pid" ] || die "the pid file was left"

# --- an edge that closes every connection is not hammered; there is an end to waiting for it, too
node -e '
let n = 0;
const s = require("net").createServer((c) => { n++; c.on("error", () => {}); c.destroy(); }).listen(0, "127.0.0.1", () => console.log("port " + s.address().port));
process.on("SIGUSR1", () => console.log("count " + n));' >"$T/refusing" &
refusing=$!
PIDS+=("$refusing")
port=$(wait_line "$T/refusing" '^port' 20)
port=${port#port }
"$SP" tunnel --edge "127.0.0.1:$port" --edge "localhost:$port" --cacert "$CA" --metrics "127.0.0.1:$M" run --token-file "$T/token" 2>"$T/three.log" &
three=$!
PIDS+=("$three")
until_ok 20 eval 'ask /metrics && [ "$(count sallyport_connector_dials_total)" -ge 5 ]' || die "it does not come back"
begun=$(now_ms)
eq "not ready" "$(ask /ready)" 503
until_ok 30 eval 'ask /metrics && [ "$(count sallyport_connector_dials_total)" -ge 7 ]' || die "it does not come back"
[ $(($(now_ms) - begun)) -ge 2500 ] || die "two more attempts within $(($(now_ms) - begun)) ms"
kill -USR1 "$refusing"
n=$(wait_line "$T/refusing" '^count' 20)
[ "${n#count }" -ge 7 ] && [ "${n#count }" -le 9 ] || die "the edge saw ${n#count } attempts"
kill -TERM "$three"
timeout 10 tail --pid="$three" -f /dev/null || die "it does not end while it waits for an edge"
wait "$three"
eq "exit status without an edge" $? 0
