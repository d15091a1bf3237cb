#!/bin/bash
# The same shell again: after a lost connection nothing of the output is missing, after a reload the screen is there; nobody else, no other sign-in, no other
# site takes it up. A revocation ends it, says why, and the host's side is gone at once. A browser that stays away loses it.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
runs "second person" apply <<-YML
	identity_providers:
	  - name: people
	    type: local
	    users:
	      - {email: $EMAIL, password: $PASSWORD, groups: [ops]}
	      - {email: second@example.test, password: $PASSWORD}
YML
TYPE=ssh fixture_host ssh "$HOST"
web_login "$T/jar" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD" || die "sign-in"
web_login "$T/jar2" "https://$HOST:$UPORT/" second@example.test "$PASSWORD" || die "sign-in of the second"
web_login "$T/jar3" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD" || die "second sign-in"
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in of the client"
CLIENT_TOKEN=$(client_token)
export CLIENT_TOKEN JAR=$T/jar JAR2=$T/jar2 JAR3=$T/jar3 HOST_=$HOST FLAG=$T/flag TEAM_HOST
node "$E2E/terminal-back.mjs" >"$T/out" &
NODE=$!
PIDS+=($NODE)
until_ok 60 eval '[ -s "$FLAG" ] || ! kill -0 $NODE' || die "the driver hangs"
[ -s "$FLAG" ] || { wait $NODE; die "see above"; }
t0=$(now_ms)
"$SP" admin get ssh-sessions >"$T/list" || die "get ssh-sessions"
like "list" "$(cat "$T/list")" "$EMAIL.*$HOST.*$UNIX_USER.*attached"
"$SP" admin revoke --email "$EMAIL" >/dev/null || die "revoke"
until_ok 3 eval '[ -z "$(pgrep -P "$SSHD_PID")" ]' || die "sshd still has it"
say "gone at the host $(($(now_ms) - t0)) ms after the order"
wait $NODE || die "see above: $(cat "$T/out")"
ID=$(sed -n 's/^session //p' "$T/out")
until_ok 5 eval 'audit_has ssh_ended | grep -q "$ID"' || die "no end in the audit log"
like "the end" "$(audit_has ssh_ended)" '"code":1707'
until_ok 8 eval '[ -z "$(role_pid session)" ]' || die "the session's process is left"
eq "relays" "$(curl -sf "http://127.0.0.1:$MPORT/metrics" | sed -n 's/^sallyport_front_relays_open //p')" 0
eq "sessions" "$(curl -sf "http://127.0.0.1:$MPORT/metrics" | sed -n 's/^sallyport_front_sessions_open //p')" 0
say "the same shell, and nobody else's"
