#!/bin/bash
# The tutorial's words work: tunnel create, its config.yml as it stands (logDirectory, http2, bastion, catch-all), run by name, list, info, route
# dns, token, delete; a wrong secret is refused; ingress validate and rule; a missing catch-all is told with file:line.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
free_port; port=$PORT
bhost=ssh-bastion.localhost
unset SALLYPORT_API_TOKEN # cert.pem alone, as after `tunnel login`
export TUNNEL_ORIGIN_CERT=$EDGE/cert.pem

runs "tunnel create" "$SP" tunnel create ssh-pool
uuid=$(grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' <<<"$OUT" | tail -1)
creds=$SALLYPORT_HOME/$uuid.json
[ -s "$creds" ] || die "no credentials file at $creds: $OUT"
like "mode of the credentials" "$(stat -c %a "$creds")" '^[46]00$'
eq "TunnelID" "$(jq -r .TunnelID "$creds")" "$uuid"
refuses "a second tunnel of the name" "$SP" tunnel create ssh-pool
like "tunnel list" "$("$SP" tunnel list)" "$uuid +ssh-pool"
like "status before" "$("$SP" tunnel info ssh-pool)" 'inactive'

mkdir "$T/log"
cat >"$T/config.yml" <<YML
tunnel: $uuid
credentials-file: $creds
logDirectory: $T/log
http2: true
ingress:
- hostname: $bhost
  service: bastion
- service: http_status:404
YML
runs "ingress validate" "$SP" tunnel --config "$T/config.yml" ingress validate
like "ingress validate" "$OUT" 'OK'
runs "ingress rule" "$SP" tunnel --config "$T/config.yml" ingress rule "https://$bhost/"
like "rule of the host" "$OUT" 'bastion'
runs "ingress rule of another host" "$SP" tunnel --config "$T/config.yml" ingress rule https://other.localhost/
like "rule of another host" "$OUT" '404'
sed '$d' "$T/config.yml" >"$T/no-catch-all.yml"
refuses "ingress without a catch-all" "$SP" tunnel --config "$T/no-catch-all.yml" ingress validate
like "message" "$OUT" 'no-catch-all\.yml:[0-9]+: .*(catch-all|last rule)'
refuses "run without a catch-all" timeout 20 "$SP" tunnel --config "$T/no-catch-all.yml" --edge "127.0.0.1:$TPORT" run
sed 's/^http2: true/htp2: true/' "$T/config.yml" >"$T/typo.yml"
refuses "a misspelt key" "$SP" tunnel --config "$T/typo.yml" ingress validate
like "message" "$OUT" 'typo\.yml:4: .*htp2.*http2'

runs "route dns" "$SP" tunnel route dns ssh-pool "$bhost"
SALLYPORT_API_TOKEN=$(cat "$EDGE/admin.token")
export SALLYPORT_API_TOKEN
apply >/dev/null <<YML || die "apply"
apps:
  - name: bastion
    domain: $bhost
    type: self_hosted
    destinations: ["127.0.0.0/8:$port"]
    policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]
YML
"$SP" admin ca "$bhost" >"$T/ca" || die "admin ca"
head -1 "$T/ca" >"$T/ca.pub"
sshd_start seed "$T/ca.pub" "$port"

# run by NAME: the file of config.yml is found by its default place
# (the tutorial's host is elsewhere; ours is on this machine, which a bastion does not reach unless told)
sed "s|^  service: bastion|&\n  originRequest: {destinations: [\"127.0.0.0/8:$port\"]}|" "$T/config.yml" >"$SALLYPORT_HOME/config.yml"
"$SP" tunnel --edge "127.0.0.1:$TPORT" --edge "localhost:$TPORT" --cacert "$CA" run ssh-pool >"$T/run.out" 2>&1 &
PIDS+=($!)
run=$!
wait_line "$T/log/sallyport.log" 'Registered tunnel connection.*connIndex="1"' 30 >/dev/null
like "status" "$("$SP" tunnel list -o json | jq -r '.[].status')" 'healthy'
like "tunnel info" "$("$SP" tunnel info ssh-pool)" 'connector [0-9a-f-]{36}'

client_login "https://$bhost:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
ssh_conf "$bhost:$UPORT"
out=$(ssh -F "$T/ssh_config" -o ProxyCommand="$SP access ssh --hostname $bhost:$UPORT --ca-file $CA --destination 127.0.0.1:$port" \
	"$UNIX_USER@$bhost" 'echo in' 2>&1)
eq "ssh through the bastion of config.yml" "$out" in

# a wrong secret, and a tunnel that is not there
jq '.TunnelSecret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="' "$creds" >"$T/wrong.json"
chmod 600 "$T/wrong.json"
"$SP" tunnel --edge "127.0.0.1:$TPORT" --edge "localhost:$TPORT" --cacert "$CA" --credentials-file "$T/wrong.json" run ssh-pool \
	>"$T/wrong.out" 2>&1 &
PIDS+=($!)
wrong=$!
until_ok 10 grep -qE 'SP-1401|Unauthorized' "$T/wrong.out" "$T/log/sallyport.log" || die "a wrong secret was not refused"
kill "$wrong" 2>/dev/null
eq "connectors that run" "$("$SP" tunnel info -o json ssh-pool | jq '.connectors | length')" 1
chmod 644 "$T/wrong.json"
refuses "credentials that others can read" timeout 20 "$SP" tunnel --edge "127.0.0.1:$TPORT" --cacert "$CA" --credentials-file "$T/wrong.json" run ssh-pool

like "token" "$("$SP" tunnel token ssh-pool | base64 -d | jq -r .t)" "$uuid"
refuses "delete while it runs" "$SP" tunnel delete ssh-pool
kill -TERM "$run"
wait "$run"
eq "exit status of run" $? 0
runs "another tunnel" "$SP" tunnel create other
printf 'apps: [{name: named, domain: named.localhost, type: self_hosted, tunnel: other, service: "ssh://127.0.0.1:22"}]\n' >"$T/named.yml"
runs "an application that names it" "$SP" admin apply "$T/named.yml"
refuses "delete while an application names it" "$SP" tunnel delete other
like "message" "$OUT" 'Application named uses this tunnel'
runs "delete of a tunnel that only a route leads to" "$SP" tunnel delete ssh-pool
unlike "tunnel list after delete" "$("$SP" tunnel list)" "$uuid"
like "tunnel list after delete" "$("$SP" tunnel list)" ' other '
unlike "its route" "$("$SP" admin get routes)" "$uuid"
say "the tutorial's steps work"
