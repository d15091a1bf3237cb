#!/bin/bash
# Somebody outside the policy: the browser shows the code, the waiting client ends at once with exit 1 and one line that says who refused
# and the code; the reason is in `admin log`; the user is told no more.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1

"$SP" access login "https://$HOST:$UPORT" --no-browser >"$T/out" 2>"$T/err" &
client=$!
PIDS+=("$client")
url=$(wait_line "$T/err" 'https://[^ ]*/cdn-cgi/access/cli' 20 | grep -o 'https://[^ ]*')
web_login "$T/jar" "$url" eve@elsewhere.test "$PASSWORD" || die "browser"
eq "status of the page" "$STATUS" 403
like "page" "$(cat "$PAGE")" 'SP-1202'
t0=$(now_ms)
timeout 10 tail --pid="$client" -f /dev/null || die "the client still waits"
[ $(($(now_ms) - t0)) -le 3000 ] || die "the client did not end at once"
wait "$client"
eq "exit status of the client" $? 1
line=$(grep 'SP-' "$T/err" | grep -v cdn-cgi)
eq "lines" "$(wc -l <<<"$line")" 1
like "who refused, and the code" "$line" "SP-1202.*$TEAM_HOST"
[ ! -s "$T/out" ] || die "a token was printed"
[ -z "$(ls "$SALLYPORT_HOME" | grep -E 'token|cf_key')" ] || die "files were left: $(ls "$SALLYPORT_HOME")"

# the reason, for the administrator alone
log=$("$SP" admin log)
like "admin log" "$log" 'eve@elsewhere.test'
like "reason in admin log" "$log" 'SP-1202|1202'
for secret in staff 'e-mail' example.test group policy_id; do
	if sed 's/<[^>]*>//g' "$PAGE" | grep -qi -- "$secret"; then die "the page tells '$secret'"; fi
	if [ "$secret" != example.test ] && grep -qi -- "$secret" <<<"$line"; then die "the client tells '$secret'"; fi
done
like "explain, for the administrator" "$("$SP" admin explain --app "$HOST" --email eve@elsewhere.test)" '^deny'
like "explain, for the administrator" "$("$SP" admin explain --app "$HOST" --email "$EMAIL")" '^allow'
say "refused: $line"

# where nobody can be let in, no sign-in page is offered: the client says so at once, without a browser
apply >/dev/null <<YML || die "apply"
apps: [{name: shut, domain: shut.localhost, type: self_hosted, tunnel: ssh-pool, service: "ssh://127.0.0.1:1",
  policies: [{name: away, decision: deny, include: [{ip: {ip: 127.0.0.0/8}}]}, {name: staff, decision: allow, include: [{group: {name: staff}}]}]}]
YML
until_ok 5 web /dev/null -o /dev/null "https://shut.localhost:$UPORT/" || die "the edge does not serve shut.localhost"
refuses "sign-in where nobody may" timeout 20 "$SP" access login "https://shut.localhost:$UPORT"
like "what it says" "$OUT" "SP-1203 shut.localhost:$UPORT refuses whoever comes from here"
audit_has '"shut.localhost"' | grep -q 'policy .*away.* blocks' || die "no reason in the log"
