#!/bin/bash
# A policy with approval_required: nobody gets in, by any path, before as many people of each group as it wants have said yes; not the person who
# asks, no stranger, nobody twice. In the browser and for a waiting client; a refusal reaches the client at once. When the time is over a live
# session is cut within seconds, and certificates are refused. A grant survives a restart of judge, and none survives a change of its policy.
. "$(dirname "$0")/fixture.sh"
lib_init
edge_init "$T/edge"
printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\n' >>"$EDGE/sallyportd.yml"
if [ -d "$TOP/tests/oidc/node_modules/smtp-server" ]; then
	node "$TOP/tests/oidc/smtp-sink.mjs" >"$T/mails" 2>"$T/mails.log" &
	PIDS+=($!)
	SINK=$(wait_line "$T/mails" '^ready' 20)
	printf 'mail: {url: "smtp://localhost:%s", from: sallyport@corp.test}\n' "${SINK#ready }" >>"$EDGE/sallyportd.yml"
fi
edge_start
sp_user
BOSS=boss@example.test
ERIN=erin@example.test
SEC=sec@example.test
EVE=eve@example.test
free_port
SSHD=$PORT
document() { # [reason for the change]
	cat <<-YML
		identity_providers:
		  - name: people
		    type: local
		    users:
		      - {email: $EMAIL, password: $PASSWORD}
		      - {email: $BOSS, password: $PASSWORD}
		      - {email: $ERIN, password: $PASSWORD}
		      - {email: $SEC, password: $PASSWORD}
		      - {email: $EVE, password: $PASSWORD}
		  - name: elsewhere
		    type: local
		    users: [{email: $BOSS, password: $PASSWORD}]
		lists: [{name: security, type: EMAIL, items: [$SEC, $EMAIL]}]
		tunnels: [{name: ssh-pool}]
		apps:
		  - name: ssh
		    domain: $HOST
		    type: self_hosted
		    allowed_idps: [people]
		    tunnel: ssh-pool
		    service: ssh://127.0.0.1:$SSHD
		    policies:
		      - name: for a time
		        decision: allow
		        include: [{email: {email: $EMAIL}}]
		        purpose_justification_required: true
		        purpose_justification_prompt: "${1:-Which <ticket>?}"
		        approval_required: true
		        approval_groups:
		          - {approvals_needed: 1, email_addresses: [$BOSS, $ERIN, $EMAIL]}
		          - {approvals_needed: 1, email_list_uuid: security}
	YML
}
document | apply >"$T/apply.out" || die "apply: $(cat "$T/apply.out")"
until_ok 5 web /dev/null -o /dev/null "https://$HOST:$UPORT/" || die "no leaf"
"$SP" admin ca "$HOST" >"$T/ca" || die "ca"
head -1 "$T/ca" >"$T/ca.pub"
sshd_start ssh "$T/ca.pub" "$SSHD"
fixture_connector ssh

IDP=$(idp_id people)
TEAM=https://$TEAM_HOST:$UPORT
link_of() { grep -o 'https://[^< ]*/cdn-cgi/access/approve/[0-9a-f-]*' "$1" | head -1; }
requests() { "$SP" admin requests -o json | jq -r "$1"; }
# as WHO LINK: opens the approver's page, signed in; PAGE, STATUS
as() {
	JAR=$T/jar.$1
	[ -f "$JAR" ] || web_login "$JAR" "$TEAM/cdn-cgi/access/login/$TEAM_HOST?idp=$IDP&redirect_url=/" "$1" "$PASSWORD" || die "$1 signs in"
	PAGE=$JAR.page
	web_step "$JAR" "$2" "$PAGE" || die "$1 opens the link"
}
# decide WORD [PERIOD]: answers the page in $PAGE
decide() {
	form_fields "$PAGE"
	web_step "$JAR" "$(form_action "$PAGE" "$LAST_URL")" "$PAGE" "${FIELDS[@]}" --data-urlencode "decision=$1" --data-urlencode "period=${2-1h}"
}
# ask WHY: fills the form in $PAGE for the person who asks
ask() {
	form_fields "$PAGE"
	web_step "$T/jar.$EMAIL" "$(form_action "$PAGE" "$LAST_URL")" "$PAGE" "${FIELDS[@]}" --data-urlencode "purpose=$1"
}
has_token() { grep "^#HttpOnly_$HOST.*CF_Authorization" "$T/jar.$EMAIL" >/dev/null; }
# client: a client that waits, up to the page in $PAGE; $CLIENT
client() {
	: >"$T/say"
	"$SP" access login "https://$HOST:$UPORT" --no-browser >"$T/tok" 2>"$T/say" &
	CLIENT=$!
	PIDS+=("$CLIENT")
	local url
	url=$(wait_line "$T/say" 'https://[^ ]*/cdn-cgi/access/cli' 20 | grep -o 'https://[^ ]*')
	CLIENT_PAGE=$url
	web_login "$T/jar.$EMAIL" "$url" "$EMAIL" "$PASSWORD" || die "client's page"
}

# --- the browser: asked for, approved by one of each group
web_login "$T/jar.$EMAIL" "https://$HOST:$UPORT/here" "$EMAIL" "$PASSWORD" || die "sign-in"
like "the form" "$(cat "$PAGE")" 'Which &lt;ticket&gt;\?'
cp "$PAGE" "$T/ask.page"
ask "  "
eq "blank" "$STATUS" 400
cp "$T/ask.page" "$PAGE"
ask 'ticket "4711" & <b>café</b>'
eq "asked" "$STATUS" 200
web "$T/jar.$EMAIL" -o /dev/null -D "$T/waits.head" "$LAST_URL"
like "it looks again by itself" "$(cat "$T/waits.head")" 'refresh: 5'
web "$T/jar.$EMAIL" -o /dev/null -D "$T/waits.head" "$LAST_URL&still=1"
unlike "unless it is told not to" "$(cat "$T/waits.head")" 'refresh'
like "what was said" "$(cat "$PAGE")" 'ticket &quot;4711&quot; &amp; &lt;b&gt;café'
unlike "no script" "$(cat "$PAGE")" '<script'
LINK=$(link_of "$PAGE")
[ -n "$LINK" ] || die "no link"
WAIT=$LAST_URL
has_token && die "a token before the approval"
web_step "$T/jar.$EMAIL" "https://$HOST:$UPORT/here" "$PAGE" || die "again"
eq "the same request" "$(link_of "$PAGE")" "$LINK"
eq "one request" "$(requests length)" 1

if [ -f "$T/mails" ]; then
	mails() { grep '^{' "$T/mails"; }
	until_ok 10 eval '[ "$(mails | wc -l)" -ge 3 ]' || die "mails: $(mails)"
	eq "written to" "$(mails | jq -r '.to | if type == "array" then .[] else . end' | tr -d '<>' | sort | xargs)" "$BOSS $ERIN $SEC"
	like "the mail has the link" "$(mails | head -1 | jq -r .text | tr -d '=\r\n')" "${LINK#https://}"
	unlike "and not the reason" "$(mails)" 4711
fi

# not the person who asks, though a list names them; no stranger; nobody who is not signed in
as "$EMAIL" "$LINK"
eq "own request" "$STATUS" 403
like "own request" "$(cat "$PAGE")" 'yourself'
as "$EVE" "$LINK"
eq "stranger" "$STATUS" 403
unlike "stranger sees" "$(cat "$PAGE")" '4711'
# an address of a provider that the application does not admit
JAR=$T/jar.elsewhere
web_login "$JAR" "$TEAM/cdn-cgi/access/login/$TEAM_HOST?idp=$(idp_id elsewhere)&redirect_url=/" "$BOSS" "$PASSWORD" || die "elsewhere"
web_step "$JAR" "$LINK" "$PAGE"
eq "by another provider" "$STATUS" 403
like "by another provider" "$(cat "$PAGE")" 'by a provider that the application admits'
web_step "$T/jar.nobody" "$LINK" "$T/nobody.page"
like "nobody" "$(cat "$T/nobody.page")" 'Continue with people.*approve%2F|approve%2F.*Continue with people'
as "$BOSS" "$TEAM/cdn-cgi/access/approve/00000000-0000-4000-8000-000000000000"
eq "no such request" "$STATUS" 404

as "$BOSS" "$LINK"
like "who" "$(cat "$PAGE")" "$EMAIL"
like "why" "$(cat "$PAGE")" 'ticket &quot;4711&quot;'
like "from" "$(cat "$PAGE")" '127\.0\.0\.1'
cp "$PAGE" "$T/boss.page"
BOSS_URL=$LAST_URL
for wrong in 25h 86401 -1h ''; do
	decide approve "$wrong"
	eq "period '$wrong'" "$STATUS" 400
	cp "$T/boss.page" "$PAGE"
done
# somebody else's form, with their own cookie, and a forged one
form_fields "$T/boss.page"
web_step "$T/jar.$EMAIL" "$BOSS_URL" "$T/forged" "${FIELDS[@]}" --data-urlencode decision=approve --data-urlencode period=1h
eq "posted by who asks" "$STATUS" 403
web_step "$T/jar.$EVE" "$BOSS_URL" "$T/forged" "${FIELDS[@]}" --data-urlencode decision=approve --data-urlencode period=1h
eq "posted by a stranger" "$STATUS" 403
web_step "$T/jar.$BOSS" "$BOSS_URL" "$T/forged" --data-urlencode csrf=00 --data-urlencode decision=approve --data-urlencode period=1h
eq "forged" "$STATUS" 403
eq "nothing yet" "$(requests '.[0].state + (.[0].approvals | length | tostring)')" pending0
JAR=$T/jar.$BOSS
decide approve 8h
eq "approved by one" "$STATUS" 200
like "others must" "$(cat "$PAGE")" 'Others must approve too'
# twice, and another of the same group: the second group is still not heard
cp "$T/boss.page" "$PAGE"
LAST_URL=$BOSS_URL decide approve 8h
eq "counted once" "$(requests '.[0].approvals | length')" 1
as "$ERIN" "$LINK"
decide approve 4h
eq "two of one group" "$(requests '.[0].state + (.[0].approvals | length | tostring)')" pending2
web_step "$T/jar.$EMAIL" "$WAIT" "$PAGE" || die "wait"
like "still waits" "$(cat "$PAGE")" '2 here, 1 missing'
has_token && die "a token with one group missing"
as "$SEC" "$LINK"
decide approve 24h
like "granted" "$(cat "$PAGE")" 'access is open until'
eq "the shortest period counts" "$(requests '.[0].state + " " + (.[0].seconds | tostring)')" "granted 14400"
web_step "$T/jar.$EMAIL" "$WAIT" "$PAGE" || die "go on"
eq "where it led" "$LAST_URL" "https://$HOST:$UPORT/here"
has_token || die "no token after the approval"
UNTIL=$(requests '.[0].until')
# an old form changes nothing
cp "$T/boss.page" "$PAGE"
JAR=$T/jar.$BOSS LAST_URL=$BOSS_URL
decide refuse
eq "replayed" "$(requests '.[0].state')$(requests '.[0].until')" "granted$UNTIL"

for kind in request_made request_approved request_granted; do
	like "$kind" "$(audit_has "\"$kind\"")" "$EMAIL"
done
eq "approvals in the audit log" "$(audit_has '"request_approved"' | wc -l)" 3
row=$(curl -sS --cacert "$CA" --resolve "*:$UPORT:127.0.0.1" -H "authorization: Bearer $(cat "$EDGE/admin.token")" \
	"$TEAM/client/v4/accounts/$("$SP" admin get apps -o json >/dev/null; sed -n 's/^account: *//p' "$EDGE/sallyportd.yml")/access/logs/access_requests?allowed=true" |
	jq -c '[.result[] | select(.temporary_access_duration)][0] | [.purpose_justification_prompt, .purpose_justification_response, .temporary_access_duration, .temporary_access_approvers]')
eq "access_requests" "$row" "[\"Which <ticket>?\",\"ticket \\\"4711\\\" & <b>café</b>\",14400,[\"$BOSS\",\"$ERIN\",\"$SEC\"]]"

# --- a client: its own session's request is there already, so it goes straight to the button; ssh works
client
like "the button" "$(cat "$PAGE")" 'let it in'
web_confirm "$T/jar.$EMAIL" || die "confirm"
wait "$CLIENT" || die "$(cat "$T/say")"
ssh_conf "$HOST:$UPORT"
eq "ssh" "$(sh_ 'echo in')" in
# judge dies: the grant is still there
kill -9 "$(role_pid judge)"
until_ok 20 sh_ true || die "after a restart of judge"
# a changed policy: what was approved was another one
live() {
	: >"$T/live"
	SALLYPORT_NO_LOGIN=1 sh_ 'echo up; exec sleep 600' >"$T/live" 2>"$T/live.err" &
	LIVE=$!
	PIDS+=("$LIVE")
	wait_line "$T/live" '^up$' 20 >/dev/null
}
live
document "Another question" | apply >"$T/apply.out" || die "apply: $(cat "$T/apply.out")"
wait "$LIVE"
eq "cut by a changed policy" $? 255
until_ok 5 eval '[ "$(requests ".[0].state")" = expired ]' || die "not expired: $(requests '.[0]')"
SALLYPORT_NO_LOGIN=1 refuses "after the change" sh_ true

# --- a client that waits, refused: it hears at once
client
like "a form" "$(cat "$PAGE")" 'name="purpose"'
ask "backup"
LINK=$(link_of "$PAGE")
like "the client waits" "$(cat "$PAGE")" 'client waits too'
as "$BOSS" "$LINK"
decide refuse
like "refused" "$(cat "$PAGE")" 'was refused'
wait "$CLIENT" && die "the client got something"
like "the client hears" "$(cat "$T/say")" 'SP-1210 refused by .*The request was refused'
web_step "$T/jar.$EMAIL" "$CLIENT_PAGE" "$PAGE"
eq "the page too" "$STATUS" 403
like "the page too" "$(cat "$PAGE")" 'Your request was refused'
like "audit" "$(audit_has '"request_refused"')" "$BOSS"

# --- granted through the API for seconds: then a live session is cut and nothing opens
client
ask "restore"
ID=$(requests '.[] | select(.state == "pending") | .id')
refuses "too long" "$SP" admin requests approve "$ID" --for 25h
refuses "nothing" "$SP" admin requests approve "$ID" --for 0s
refuses "unknown" "$SP" admin requests deny 00000000-0000-4000-8000-000000000000
T0=$(now_ms)
runs "approve" "$SP" admin requests approve "$ID" --for 38s # a client takes no token that has less than 30 s left
web_step "$T/jar.$EMAIL" "$CLIENT_PAGE" "$PAGE"
web_confirm "$T/jar.$EMAIL" || die "confirm"
wait "$CLIENT" || die "$(cat "$T/say")"
[ "$(node_lib claim "$(client_token)" exp)" -le $((T0 / 1000 + 39)) ] || die "the token outlives the grant"
live
like "who approved" "$(requests '.[] | select(.state == "granted") | .approvals[0].email')" '^api:'
wait "$LIVE"
eq "cut at its end" $? 255
took=$(($(now_ms) - T0))
say "cut after $took ms"
[ "$took" -ge 36000 ] && [ "$took" -le 41000 ] || die "cut after $took ms of 38000"
SALLYPORT_NO_LOGIN=1 refuses "after its end" sh_ true
until_ok 5 eval '[ "$(requests "[.[] | select(.state == \"granted\")] | length")" = 0 ]' || die "not expired"
like "audit" "$(audit_has '"request_expired"')" 'time that was granted is over'

# --- a new session asks again, though another one was granted; taken back, it ends at once
client
ask "again"
ID=$(requests '.[] | select(.state == "pending") | .id')
runs "approve" "$SP" admin requests approve "$ID"
rm -f "$T/jar.$EMAIL"
web_login "$T/jar.$EMAIL" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD" || die "another session"
like "another session asks" "$(cat "$PAGE")" 'name="purpose"'
kill "$CLIENT" || die "the client ended: $(cat "$T/say" "$T/tok")"
client
ask "once more"
ID=$(requests '.[] | select(.state == "pending") | .id')
runs "approve" "$SP" admin requests approve "$ID"
web_step "$T/jar.$EMAIL" "$CLIENT_PAGE" "$PAGE"
web_confirm "$T/jar.$EMAIL" || die "confirm"
wait "$CLIENT" || die "$(cat "$T/say")"
live
t0=$(now_ms)
runs "deny" "$SP" admin requests deny "$ID"
wait "$LIVE"
eq "taken back" $? 255
[ $(($(now_ms) - t0)) -le 2000 ] || die "taken back: cut late"
# the token still lives, and opens nothing: neither a connection nor a certificate
TOKEN=$(client_token)
eq "a live token" "$(web /dev/null -o /dev/null -w '%{http_code}' -H "cf-access-token: $TOKEN" -X POST -d x=1 "https://$HOST:$UPORT/")" 403
rm -f "$T/k"*
ssh-keygen -q -t ed25519 -N '' -f "$T/k"
sign=$(jq -n --arg k "$(cat "$T/k.pub")" --arg t "$TOKEN" '{public_key: $k, jwt: $t, issuer: ""}' |
	web /dev/null -H 'content-type: application/json' --data-binary @- "$TEAM/cdn-cgi/access/cert_sign")
like "no certificate" "$sign" 'approve'
exit 0
