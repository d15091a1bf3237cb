#!/bin/bash
# `sallyport admin explain`: the first line is the verdict alone, then why; the same verdict as at the door; exit 0 for both. Then the
# ways to end what a verdict began: revoke, users disable, users enable.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=jdoe@example.test
fixture_people
SSH_OPTIONS='certificate_ttl: 3m' fixture_app ssh "$HOST" ssh://127.0.0.1:1
runs "a second policy" apply <<YML
apps:
  - name: inner
    domain: inner.localhost
    policies:
      - name: ops from the office
        decision: allow
        include: [{group: {name: staff}}]
        require: [{ip: {ip: 192.0.2.0/24}}]
YML

explain() { "$SP" admin explain "$@"; }
runs "allowed" explain --app "$HOST" --email "$EMAIL"
eq "first line" "$(head -1 <<<"$OUT")" allow
like "policy" "$OUT" staff
runs "denied" explain --app "$HOST" --email eve@elsewhere.test
eq "first line" "$(head -1 <<<"$OUT")" deny
like "code" "$OUT" 'SP-1202'
runs "from the office" explain --app inner.localhost --email "$EMAIL" --ip 192.0.2.7
eq "first line" "$(head -1 <<<"$OUT")" allow
runs "from elsewhere" explain --app inner.localhost --email "$EMAIL" --ip 198.51.100.7
eq "first line" "$(head -1 <<<"$OUT")" deny
runs "from nobody knows where" explain --app inner.localhost --email "$EMAIL"
eq "first line: unknown never opens" "$(head -1 <<<"$OUT")" deny
runs "JSON" explain --app "$HOST" --email "$EMAIL" --group ops --group more --amr pwd --amr otp --idp people -o json
jq -e '.decision == "allow" and (.trace | length > 0)' <<<"$OUT" >/dev/null || die "explain -o json: $OUT"
# which rule decided, and what would have to be different; for people whom the edge has never seen, and for programs
runs "the rule" explain --app "$HOST" --email new@example.test
like "the rule" "$OUT" 'rule: include group "staff", by include email_domain "example.test"'
runs "what would change it" explain --app inner.localhost --email eve@elsewhere.test --ip 198.51.100.7
like "what would change it" "$OUT" 'to change: policy "ops from the office" allow would need one of: group "staff"; also ip "192.0.2.0/24"'
runs "for programs" apply <<YML
service_tokens: [{name: ci}]
apps:
  - name: machines
    domain: machines.localhost
    policies:
      - {name: ci, decision: non_identity, include: [{service_token: {name: ci}}]}
      - {name: build hosts, decision: non_identity, include: [{common_name: {common_name: build-7}}]}
YML
for way in '--service-token ci' '--common-name build-7'; do
	runs "explain $way" explain --app machines.localhost $way
	eq "explain $way" "$(head -1 <<<"$OUT")" allow
done
runs "explain another name" explain --app machines.localhost --common-name build-8
eq "explain another name" "$(head -1 <<<"$OUT")" deny
runs "a door that only an address keeps shut" explain --app inner.localhost --email "$EMAIL"
like "what would change it" "$OUT" 'to change: policy "ops from the office" allow would need ip "192.0.2.0/24"'
refuses "a service token that is none" explain --app machines.localhost --service-token cj
like "a service token that is none" "$OUT" 'no service token "cj"'
refuses "no such application" explain --app none.localhost --email "$EMAIL"
refuses "no application at all" explain --email "$EMAIL"

# the door agrees, and what it let in can be ended
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
like "users" "$("$SP" admin users)" "jdoe@example.test +people +active"
session=$("$SP" admin get sessions -o json | jq -r '.[0].id')
like "sessions" "$("$SP" admin sessions)" "$session +$EMAIL"
door() { # prints 302 when a token is dead, another status while it lives
	curl -sS --max-time 20 -o /dev/null -w '%{http_code}' --cacert "$CA" --resolve "*:$UPORT:127.0.0.1" \
		-H "Cf-Access-Token: $1" "https://$HOST:$UPORT/"
}
token=$(client_token)
unlike "before" "$(door "$token")" '^302'
runs "revoke the session" "$SP" admin revoke --session "$session"
eq "after" "$(door "$token")" 302
like "no session left" "$("$SP" admin get sessions)" 'Nobody is signed in'

rm -f "$T/jar.$EMAIL"
rm -f "$SALLYPORT_HOME"/*token
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in again"
token=$(client_token)
unlike "a new sign-in is a new decision" "$(door "$token")" '^302'
runs "revoke the application" "$SP" admin revoke --app "$HOST"
eq "after" "$(door "$token")" 302

rm -f "$T/jar.$EMAIL" "$SALLYPORT_HOME"/*token
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "third sign-in"
token=$(client_token)
runs "disable" "$SP" admin users disable "$EMAIL"
eq "after" "$(door "$token")" 302
like "users" "$("$SP" admin users)" "disabled"
runs "explain" explain --app "$HOST" --email "${EMAIL^^}" --group ops --group more --amr otp
eq "first line: the policy allows, the person is disabled" "$(head -1 <<<"$OUT")" deny
like "why" "$OUT" "^deny"$'\n'"reason: $EMAIL is disabled; .*SP-1108"
rm -f "$T/jar.$EMAIL"
web_login "$T/jar.x" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD"
like "no sign-in" "$(cat "$PAGE")" 'SP-11'
runs "enable" "$SP" admin users enable "$EMAIL"
rm -f "$T/jar.x" "$SALLYPORT_HOME"/*token
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "fourth sign-in"
refuses "two things at once" "$SP" admin revoke --email "$EMAIL" --app "$HOST"
say "explained and ended as promised"
