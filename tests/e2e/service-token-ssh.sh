#!/bin/bash
# A service token lets stock ssh in without any human: as the Unix user that policy and administrator name, and no longer than the token.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
free_port
port=$PORT

document() { # USERNAMES: two applications on one host, the second without a Unix user
	cat <<-YML
		service_tokens:
		  - {name: ci, duration: 24h}
		  - {name: other}
		tunnels: [{name: ssh-pool}]
		apps:
		  - name: ssh
		    domain: $HOST
		    tunnel: ssh-pool
		    service: ssh://127.0.0.1:$port
		    policies:
		      - {name: robots, decision: non_identity, include: [{service_token: {name: ci}}], usernames: [$UNIX_USER]}
		  - name: nobody
		    domain: nobody.localhost
		    tunnel: ssh-pool
		    service: ssh://127.0.0.1:$port
		    policies:
		      - {name: robots, decision: non_identity, include: [{any_valid_service_token: {}}]}
	YML
}
document | apply >"$T/applied" || die "apply"
[ "$(grep -c 'CF-Access-Client-Secret' "$T/applied")" = 2 ] || die "apply shows no secret: $(cat "$T/applied")"
ids=($(sed -n 's/^ *CF-Access-Client-Id: //p' "$T/applied"))
secrets=($(sed -n 's/^ *CF-Access-Client-Secret: //p' "$T/applied"))
document | apply >"$T/again" || die "apply again"
unlike "applied again" "$(cat "$T/again")" 'Secret'
like "get service-tokens" "$("$SP" admin get service-tokens)" "ci +${ids[0]} +yes"
unlike "get service-tokens" "$("$SP" admin get service-tokens -o json)" "${secrets[0]}"

"$SP" admin ca "$HOST" >"$T/ssh.ca" || die "admin ca"
"$SP" admin ca nobody.localhost >"$T/nobody.ca" || die "admin ca"
cat <(head -1 "$T/ssh.ca") <(head -1 "$T/nobody.ca") >"$T/both.pub"
sshd_start ssh "$T/both.pub" "$port"
fixture_connector ssh
until_ok 5 web /dev/null -o /dev/null "https://nobody.localhost:$UPORT/" || die "the edge does not serve nobody.localhost"
export SALLYPORT_NO_LOGIN=1
ssh_conf "$HOST:$UPORT"
mv "$T/ssh_config" "$T/ssh_config.1"
ssh_conf "nobody.localhost:$UPORT"
mv "$T/ssh_config" "$T/ssh_config.2"
mv "$T/ssh_config.1" "$T/ssh_config"
as() { # N: from now on this service token
	export TUNNEL_SERVICE_TOKEN_ID=${ids[$1]} TUNNEL_SERVICE_TOKEN_SECRET=${secrets[$1]}
}

as 0
# The policy names the Unix user, but no administrator has given that name to this token: the signer does not sign.
refuses "unbound name" sh_ true
like "unbound name" "$OUT" 'SP-1304'
"$SP" admin principals bind "$UNIX_USER" --service-token ci >/dev/null || die "bind"
like "owners" "$("$SP" admin principals -o json)" "${ids[0]}"
eq "stock ssh" "$(sh_ 'id -un')" "$UNIX_USER"
ssh-keygen -L -f "$SALLYPORT_HOME/$HOST-cf_key-cert.pub" >"$T/cert" || die "no certificate"
like "key id" "$(cat "$T/cert")" "Key ID: \"${ids[0]} [0-9a-f]{16}\""
like "principal" "$(grep -A1 Principals "$T/cert" | tail -1)" "^ *$UNIX_USER\$"
# As a playbook does it: many at once.
pids=()
for i in 1 2 3 4 5 6; do
	sh_ "echo $i" >"$T/par.$i" 2>&1 &
	pids+=($!)
done
for p in "${pids[@]}"; do wait "$p" || die "one of many at once failed: $(cat "$T"/par.*)"; done
eq "many at once" "$(cat "$T"/par.? | sort | tr -d '\n')" 123456

# A policy without a Unix user buys a connection, but no certificate.
refuses "no usernames" ssh -F "$T/ssh_config.2" "$UNIX_USER@nobody.localhost" true
like "no usernames" "$OUT" 'SP-1304'

# Another token, a wrong secret, half of one.
as 1
refuses "another token" sh_ true
like "another token" "$OUT" 'SP-1202'
TUNNEL_SERVICE_TOKEN_SECRET=${secrets[0]} refuses "wrong secret" sh_ true
like "wrong secret" "$OUT" 'SP-1209'
refuses "half a token" env -u TUNNEL_SERVICE_TOKEN_SECRET "$SP" access ssh-gen --hostname "$HOST:$UPORT"
like "half a token" "$OUT" 'SP-1501'

# The other ways in: a JWT, and curl.
as 0
eq "access token" "$(node_lib claim "$("$SP" access token --app "https://$HOST:$UPORT")" common_name)" "${ids[0]}"
eq "access curl" "$("$SP" access curl "https://$HOST:$UPORT/" -s -o /dev/null -w '%{http_code}')" 200
eq "without it" "$(env -u TUNNEL_SERVICE_TOKEN_ID -u TUNNEL_SERVICE_TOKEN_SECRET curl -s --cacert "$CA" \
	--resolve "$HOST:$UPORT:127.0.0.1" -o /dev/null -w '%{http_code}' "https://$HOST:$UPORT/")" 403
audit_has cert_issued | grep -q "${ids[0]}" || die "the log does not name the service token"

# Deleted: the live session ends, and so does everything after it.
sh_ 'echo up; exec sleep 600' >"$T/live" 2>"$T/live.err" &
LIVE=$!
PIDS+=("$LIVE")
wait_line "$T/live" '^up$' 20 >/dev/null
id=$("$SP" admin get service-tokens -o json | jq -r '.[] | select(.name == "ci") | .id')
account=$("$SP" admin get apps -o json >/dev/null && sed -n 's/^account: *//p' "$EDGE/sallyportd.yml" | tr -d '"')
t0=$(now_ms)
curl -sS --cacert "$CA" --resolve "$TEAM_HOST:$UPORT:127.0.0.1" -X PUT -H "Authorization: Bearer $SALLYPORT_API_TOKEN" \
	-H 'Content-Type: application/json' -d '{"enabled": false}' \
	"$TUNNEL_API_URL/accounts/$account/access/service_tokens/$id" >"$T/put" || die "PUT"
like "disabled" "$(cat "$T/put")" '"success": *true'
wait "$LIVE"
eq "ssh's exit status" $? 255
t1=$(now_ms)
say "cut after $((t1 - t0)) ms"
[ $((t1 - t0)) -le 2000 ] || die "a disabled token's session lived longer than 2 s"
refuses "disabled" sh_ true
like "disabled" "$OUT" 'SP-1209'
