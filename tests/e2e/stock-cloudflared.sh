#!/bin/bash
# A stock cloudflared, CLOUDFLARED=path: as management client, as connector (own and pushed configuration, ssh, http, bastion, private network,
# graceful end, restart of the edge) and as access client.
export TEAM_HOST=localhost # a name that every resolver knows
. "$(dirname "$0")/fixture.sh"
[ -n "${CLOUDFLARED:-}" ] || skip "CLOUDFLARED=path names no stock binary"
[ -x "$CLOUDFLARED" ] || skip "$CLOUDFLARED cannot be run"
CF=$(realpath "$CLOUDFLARED")
export SP
fixture_edge
sp_user
fixture_people
say "with $("$CF" --version)"
export SSL_CERT_FILE=$CA
cert=$EDGE/cert.pem
cf() { env -u SALLYPORT_API_TOKEN -u SALLYPORT_CA_FILE "$CF" "$@"; }
manage() { cf tunnel --origincert "$cert" "$@"; }

# --- management
runs "create" manage create --credentials-file "$T/alpha.json" alpha
A=$(jq -r .TunnelID "$T/alpha.json")
like "what it says" "$OUT" "$A"
refuses "a name in use" manage create --credentials-file "$T/again.json" alpha
runs "create another" manage create --credentials-file "$T/beta.json" beta
like "list" "$(manage list 2>/dev/null)" "$A +alpha"
like "token" "$(manage token alpha 2>/dev/null | base64 -d | jq -r .t)" "$A"
runs "route dns" manage route dns alpha "$HOST"
refuses "route of another's name" manage route dns beta "$HOST"
runs "route by force" manage route dns -f beta "$HOST"
runs "and back" manage route dns -f alpha "$HOST"
runs "info without a connector" manage info alpha

# --- connector with its own rules
free_port; web=$PORT
node -e 'require("http").createServer((q, r) => { r.setHeader("x-from", "origin"); r.end(q.headers.host + " " + q.url); }).listen(Number(process.argv[1]), "127.0.0.1", () => console.log("ready"))' "$web" >"$T/web" &
PIDS+=($!)
wait_line "$T/web" ready 10 >/dev/null
free_port; sshd=$PORT
stock_start() { # LOG ARGS...: of `tunnel`
	local log=$1
	shift
	env -u SALLYPORT_API_TOKEN -u SALLYPORT_CA_FILE "$CF" tunnel --no-autoupdate --protocol http2 --edge "127.0.0.1:$TPORT" --edge "localhost:$TPORT" --cacert "$CA" --metrics 127.0.0.1:0 "$@" >"$log" 2>&1 &
	STOCK=$!
	PIDS+=($STOCK)
	wait_line "$log" 'Registered tunnel connection' 60 >/dev/null
}
cat >"$T/config.yml" <<-YML
	tunnel: $A
	credentials-file: $T/alpha.json
	ingress:
	  - {hostname: $HOST, service: "ssh://127.0.0.1:$sshd"}
	  - {service: "http_status:404"}
YML
like "ingress validate" "$(cf tunnel --config "$T/config.yml" ingress validate 2>&1)" 'OK'
runs "an application whose service the connector knows" apply <<-YML
	apps:
	  - name: ssh
	    domain: $HOST
	    type: self_hosted
	    session_duration: 8h
	    ssh: {certificate_ttl: 3m}
	    policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]
YML
"$SP" admin ca "$HOST" | head -1 >"$T/ca.pub"
sshd_start one "$T/ca.pub" "$sshd"
stock_start "$T/own.log" --config "$T/config.yml" run
signed_in
eq "ssh by its own rules" "$(sh_ 'echo in')" in
like "info" "$(manage info alpha 2>/dev/null)" 'http2|linux|CONNECTOR|connector'
like "its version reached the edge" "$("$SP" tunnel info alpha)" 'connector [0-9a-f-]{36}  [0-9a-z.-]+'
eq "its rules are shown" "$("$SP" admin get tunnels -o json | jq -r '.[] | select(.name == "alpha") | .config_src')" local

# --- the edge restarts, the connector comes back
edge_stop
edge_start
until_ok 60 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || { tail -5 "$T/own.log"; die "it did not come back"; }

# --- 20 MiB both ways
head -c 20M /dev/urandom >"$T/file"
want=$(sha256sum <"$T/file" | cut -d' ' -f1)
eq "up" "$(sh_ sha256sum <"$T/file" | cut -d' ' -f1)" "$want"
eq "down" "$(sh_ "cat $T/file" | sha256sum | cut -d' ' -f1)" "$want"

# --- in order
kill -TERM "$STOCK"
timeout 60 tail --pid="$STOCK" -f /dev/null || die "it does not end"
wait "$STOCK"
eq "exit status" $? 0
until_ok 10 eval '"$SP" tunnel info alpha | grep -q "STATUS:  down"' || die "the edge thinks that it lives"

# --- pushed configuration: ssh, http, bastion, private network
free_port; other=$PORT
runs "services of the edge" apply <<-YML
	apps:
	  - {name: ssh, domain: $HOST, tunnel: alpha, service: "ssh://127.0.0.1:$sshd"}
	  - name: web
	    domain: web.localhost
	    tunnel: alpha
	    service: http://127.0.0.1:$web
	    policies: [{name: all, decision: bypass, include: [{everyone: {}}]}]
	  - name: bastion
	    domain: bastion.localhost
	    tunnel: alpha
	    service: bastion
	    default_destination: 127.0.0.1:$sshd
	    policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]
	  - name: network
	    domain: network.localhost
	    tunnel: alpha
	    service: warp-routing
	    destinations: ["127.0.0.0/8:$sshd"]
	    policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]
YML
stock_start "$T/pushed.log" run --token "$(manage token alpha 2>/dev/null)"
until_ok 30 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || { tail -5 "$T/pushed.log"; die "no pushed rule"; }
eq "http" "$(web /dev/null "https://web.localhost:$UPORT/a?b=c")" "web.localhost:$UPORT /a?b=c"
like "no certificate restriction without a report" "$("$SP" admin explain --app "$HOST" --email "$EMAIL")" '^allow'
banner() { # HOST DESTINATION: what sshd says first, through the tunnel
	client_login "https://$1:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in $1"
	timeout 20 "$SP" access ssh --hostname "$1:$UPORT" ${2:+--destination "$2"} < <(exec sleep 15) 2>/dev/null | head -c 7
}
eq "bastion" "$(banner bastion.localhost '')" SSH-2.0
version=$("$CF" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if [ "${version:-9999}" -ge 2024 ]; then
	eq "private network" "$(banner network.localhost "127.0.0.1:$sshd")" SSH-2.0
else
	say "private network: this version wants warp-routing in a file of its own, not tried"
fi
runs "a change while it runs" apply <<<"apps: [{name: ssh, domain: $HOST, tunnel: alpha, service: \"ssh://127.0.0.1:$other\"}]"
until_ok 10 eval '! env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true' || die "the new rule does not count"
runs "and back" apply <<<"apps: [{name: ssh, domain: $HOST, tunnel: alpha, service: \"ssh://127.0.0.1:$sshd\"}]"
until_ok 10 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || die "nor the one after"

# --- access client: the transport, with a token that we hand it
token=$(client_token)
eq "access ssh" "$(timeout 20 env -u SALLYPORT_CA_FILE "$CF" access ssh --hostname "$HOST" --connect-to "$HOST:$UPORT:127.0.0.1" \
	--header "Cf-Access-Token: $token" < <(exec sleep 15) 2>"$T/access.err" | head -c 7)" SSH-2.0

# --- and away
refuses "delete while it runs" manage delete alpha
runs "cleanup" manage cleanup alpha
kill -TERM "$STOCK"
timeout 60 tail --pid="$STOCK" -f /dev/null || die "it does not end"
runs "delete" manage delete -f beta
say "a stock cloudflared works with this edge"
