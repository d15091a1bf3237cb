#!/bin/bash
# service: warp-routing: ssh reaches addresses behind a tunnel by streams of raw TCP, past the connector's rules, within what is listed, with a
# token of that application.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
free_port; one=$PORT
free_port; other=$PORT
fixture_app ssh "$HOST" warp-routing "    destinations: [\"127.0.0.0/8:$one\"]"
"$SP" admin ca "$HOST" | head -1 >"$T/ca.pub"
sshd_start one "$T/ca.pub" "$one"
fixture_connector ssh
signed_in
to() { # DESTINATION COMMAND
	ssh -F "$T/ssh_config" -o ProxyCommand="$SP access ssh --hostname $HOST:$UPORT --ca-file $CA --destination $1" "$UNIX_USER@$HOST" "$2" 2>&1
}
eq "ssh to an address" "$(to "127.0.0.1:$one" 'echo $SSH_CONNECTION' | cut -d' ' -f4)" "$one"
eq "another of the range" "$(to "127.0.0.1:$one" 'echo in')" in
head -c 30M /dev/urandom >"$T/file"
want=$(sha256sum <"$T/file" | cut -d' ' -f1)
eq "30 MiB up" "$(to "127.0.0.1:$one" sha256sum <"$T/file" | cut -d' ' -f1)" "$want"
eq "and down" "$(to "127.0.0.1:$one" "cat $T/file" | sha256sum | cut -d' ' -f1)" "$want"
like "other port" "$(to "127.0.0.1:$other" true)" 'SP-1403'
like "a name" "$(to "localhost:$one" true)" 'SP-1403'
like "no destination" "$(sh_ true 2>&1)" 'SP-1403'

# live sessions are cut, also by a judge that came later
ssh -tt -F "$T/ssh_config" -o ProxyCommand="$SP access ssh --hostname $HOST:$UPORT --ca-file $CA --destination 127.0.0.1:$one" "$UNIX_USER@$HOST" \
	'echo here; exec sleep 600' >"$T/live" 2>&1 &
client=$!
PIDS+=($client)
wait_line "$T/live" here 20 >/dev/null
old=$(role_pid judge)
kill -9 "$old"
until_ok 20 eval '[ -n "$(role_pid judge)" ] && "$SP" admin get apps' || die "no new judge"
kill -0 $client || die "the session ended with the judge"
runs "revoke" "$SP" admin revoke --email "$EMAIL"
timeout 10 tail --pid=$client -f /dev/null || die "a revoked session lives on"

# what the apply file may say
refuses "a name in destinations" apply <<<"apps: [{name: ssh, domain: $HOST, service: warp-routing, destinations: [\"db.internal:22\"]}]"
like "a name in destinations" "$OUT" 'ADDRESS:PORT or CIDR:PORT'
refuses "a browser terminal" apply <<<"apps: [{name: ssh, domain: $HOST, type: ssh, service: warp-routing}]"

# config.yml
printf 'tunnel: own\ningress: [{service: "http_status:404"}]\nwarp-routing: {enabled: tru}\n' >"$T/own.yml"
refuses "a typo" "$SP" tunnel --config "$T/own.yml" ingress validate
like "a typo" "$OUT" 'own.yml:3: .*expected true or false'
sed -i 's/tru}/true, destinations: ["127.0.0.1:*"]}/' "$T/own.yml"
runs "validate" "$SP" tunnel --config "$T/own.yml" ingress validate
say "private networks are reached by raw TCP"
