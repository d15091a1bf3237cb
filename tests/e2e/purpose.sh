#!/bin/bash
# A policy that asks why: nobody gets a token without an answer, in the browser and for a waiting client; the answer stands in the audit log;
# the next token asks again; an answer of another page, an empty or an endless one is refused. A policy that wants an approval lets nobody in for an answer alone.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=jdoe@a.test
apply >"$T/apply.out" <<YML || die "apply"
identity_providers:
  - name: people
    type: local
    users: [{email: $EMAIL, password: $PASSWORD}]
tunnels: [{name: pool}]
apps:
  - name: ssh
    domain: $HOST
    type: self_hosted
    tunnel: pool
    service: ssh://127.0.0.1:1
    policies:
      - {name: why, decision: allow, include: [{everyone: {}}], purpose_justification_required: true, purpose_justification_prompt: "Which <ticket>?"}
  - name: more
    domain: more.localhost
    type: self_hosted
    tunnel: pool
    service: ssh://127.0.0.1:1
    policies:
      - {name: ask, decision: allow, include: [{everyone: {}}], purpose_justification_required: true, approval_required: true,
         approval_groups: [{approvals_needed: 1, email_addresses: [boss@a.test]}]}
YML
until_ok 5 web /dev/null -o /dev/null "https://$HOST:$UPORT/" || die "no leaf"
until_ok 5 web /dev/null -o /dev/null "https://more.localhost:$UPORT/" || die "no leaf"
JAR=$T/jar
has_token() { grep "^#HttpOnly_$HOST.*CF_Authorization" "$JAR" >/dev/null; }
answer() { # TEXT: fills the page in $PAGE
	form_fields "$PAGE"
	web_step "$JAR" "$(form_action "$PAGE" "$LAST_URL")" "$PAGE" "${FIELDS[@]}" --data-urlencode "purpose=$1"
}
web_login "$JAR" "https://$HOST:$UPORT/here" "$EMAIL" "$PASSWORD" || die "sign-in"
like "the page" "$(cat "$PAGE")" 'Which &lt;ticket&gt;\?'
eq "one form" "$(grep -c '<form' "$PAGE")" 1
has_token && die "a token before the answer"
answer "   "
eq "blank, on the page that came with the sign-in" "$STATUS" 400
# asking for the token again without an answer shows the page again
web_step "$JAR" "https://$HOST:$UPORT/here" "$PAGE" || die "again"
like "the page again" "$(cat "$PAGE")" 'name="purpose"'
answer "   "
eq "blank" "$STATUS" 400
answer "$(printf 'x%.0s' $(seq 1001))"
eq "too long" "$STATUS" 400
form_fields "$PAGE"
web_step "$JAR" "$(form_action "$PAGE" "$LAST_URL")" "$T/forged" --data-urlencode csrf=00 --data-urlencode purpose=x
eq "of another page" "$STATUS" 403
web_step "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/purpose?kid=$(sed -n 's/.*kid=\([0-9a-f]*\).*/\1/p' "$PAGE" | head -1)&next=%2F%2Fevil.test" "$T/forged" \
	"${FIELDS[@]}" --data-urlencode purpose=x
eq "leads elsewhere" "$STATUS" 400
has_token && die "a token without an answer"
answer 'ticket "4711" & <b>café</b>'
eq "answered" "$STATUS" 200
has_token || die "no token after the answer"
eq "where it led" "$LAST_URL" "https://$HOST:$UPORT/here"
like "audit" "$(audit_has purpose_given)" 'ticket \\"4711\\" & <b>café</b>'
# the next token of the application asks again
sed -i "/$HOST.*CF_Authorization/d" "$JAR"
web_step "$JAR" "https://$HOST:$UPORT/" "$PAGE" || die "next"
like "asked again" "$(cat "$PAGE")" 'name="purpose"'

# a waiting client: why comes before the one button
"$SP" access login "https://$HOST:$UPORT" --no-browser >"$T/tok" 2>"$T/say" &
CLIENT=$!
URL=$(wait_line "$T/say" 'https://[^ ]*/cdn-cgi/access/cli' 20 | grep -o 'https://[^ ]*')
web_step "$JAR" "$URL" "$PAGE" || die "client's page"
like "why first" "$(cat "$PAGE")" 'name="purpose"'
answer "backup"
like "then the button" "$(cat "$PAGE")" 'let it in'
web_confirm "$JAR" || die "confirm"
wait "$CLIENT" || die "$(cat "$T/say")"

# a policy that wants an approval gives no token for an answer (temporary-access has the rest)
web_step "$JAR" "https://more.localhost:$UPORT/" "$PAGE" || die "approval"
like "approval" "$(cat "$PAGE")" 'Ask for access'
grep "more.localhost.*CF_Authorization" "$JAR" >/dev/null && die "a token without an approval"
exit 0
