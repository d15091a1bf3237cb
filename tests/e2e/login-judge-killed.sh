#!/bin/bash
# judge is killed in the middle of sign-ins: one that is at the provider comes back, a code that was not yet used is good once, a client that
# waits gets its token. What a killed judge knew alone would be asked for again.
. "$(dirname "$0")/fixture.sh"
fixture_edge
oidc_start '{"jdoe": {"email": "jdoe@corp.test", "groups": ["ops"]}}'
{ echo "identity_providers:"; oidc_idp corp rs256; } | apply >/dev/null || die "apply the provider"
apply >"$T/apply.out" <<YML || die "apply"
tunnels: [{name: pool}]
apps:
  - name: ops
    domain: $HOST
    type: self_hosted
    tunnel: pool
    service: ssh://127.0.0.1:1
    policies: [{name: corp, decision: allow, include: [{email_domain: {domain: corp.test}}]}]
YML
A=https://$HOST:$UPORT
TEAM=https://$TEAM_HOST:$UPORT
kill_judge() {
	local old
	old=$(role_pid judge)
	kill -9 "$old"
	until_ok 20 role_again judge "$old" || die "no judge again"
}
# next JAR URL: where it redirects to
next() { web "$1" -o "$T/page" -w '%{redirect_url}' "$2"; }
# to JAR URL PATTERN: follows until the next address matches; prints that one, unvisited
to() {
	local url=$2 i
	for i in {1..10}; do
		url=$(next "$1" "$url")
		[[ $url =~ $3 ]] && { echo "$url"; return; }
		[ -n "$url" ] || break
	done
	die "nowhere: $(sed 's/<[^>]*>//g' "$T/page" | head -c 300)"
}
oidc_as jdoe

# --- at the provider -----------------------------------------------------------------------------------------------------
back=$(to "$T/jar" "$TEAM/cdn-cgi/access/login/$HOST?idp=$(idp_id corp)&redirect_url=/" '/cdn-cgi/access/callback\?')
kill_judge
code=$(to "$T/jar" "$back" '/cdn-cgi/access/authorized\?nonce=')
eq "the same callback again" "$(web "$T/jar" -o "$T/again" -w '%{http_code}' "$back")" 403
like "what it says" "$(cat "$T/again")" SP-1103

# --- between the hosts ---------------------------------------------------------------------------------------------------
kill_judge
like "the code" "$(next "$T/app" "$code")" "^$A/"
grep -q CF_Authorization "$T/app" || die "no cookie"
kill_judge
eq "the same code again" "$(web "$T/other" -o "$T/again" -w '%{http_code}' "$code")" 403
like "what it says" "$(cat "$T/again")" SP-1103

# --- a client that waits ---------------------------------------------------------------------------------------------------
"$SP" access login "$A" --no-browser >"$T/tok" 2>"$T/err" &
CLIENT=$!
PIDS+=("$CLIENT")
cli=$(wait_line "$T/err" 'https://[^ ]*/cdn-cgi/access/cli' 20 | grep -o 'https://[^ ]*')
kill_judge
web_step "$T/jar" "$cli" "$T/confirm" || die "confirmation page"
form_fields "$T/confirm"
eq "confirmed" "$(web "$T/jar" -o "$T/done" -w '%{http_code}' "${FIELDS[@]}" "$(form_action "$T/confirm" "$LAST_URL")")" 200
wait "$CLIENT"
eq "exit status of the client: $(tail -3 "$T/err")" $? 0
like "its token" "$(cat "$T/tok")" eyJ
say "sign-ins outlive judge"
