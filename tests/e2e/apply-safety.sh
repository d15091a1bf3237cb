#!/bin/bash
# What `admin apply` says before it does anything: who of the known users gains and loses which application, what is probably not meant, and
# tests in the file that must hold: an apply that breaks them, now or later, changes nothing.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=jdoe@example.test
fixture_people
document() { # INCLUDE [TESTS]
	cat <<-YML
		apps:
		  - name: ssh
		    domain: $HOST
		    policies:
		      - {name: staff, decision: allow, include: [$1]}
		${2:-}
	YML
}
TESTS="tests:
  - {app: $HOST, email: $EMAIL, expect: allow}
  - {app: ssh, email: eve@elsewhere.test, ip: 192.0.2.1, country: PT, groups: [ops], amr: [pwd], idp: people, expect: deny}
  - {app: $HOST, expect: deny}"
runs "dry run" apply --dry-run <<<"$(document '{group: {name: staff}}' "$TESTS")"
like "gains" "$OUT" "access: $EMAIL gains $HOST \(ssh\)"
unlike "Eve gains nothing" "$OUT" 'eve@elsewhere.test'
refuses "nothing was changed" "$SP" admin explain --app "$HOST" --email "$EMAIL"
runs "apply" apply <<<"$(document '{group: {name: staff}}' "$TESTS")"
like "tests" "$OUT" '\+ tests of policies'
runs "again" apply <<<"$(document '{group: {name: staff}}' "$TESTS")"
eq "idempotent" "$OUT" "nothing to change"

# who signed in counts as they were then
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
runs "dry run of a group they have" apply --dry-run <<-YML
	apps: [{name: other, domain: other.localhost, policies: [{name: p, decision: allow, include: [{okta: {name: ops}}], require: [{ip: {ip: 127.0.0.0/8}}]}]}]
YML
like "by the groups and the address of then" "$OUT" "access: $EMAIL gains other.localhost"
runs "dry run of one they lack, on an application without tests" apply --dry-run <<-YML
	apps: [{name: other, domain: other.localhost, policies: [{name: p, decision: allow, include: [{okta: {name: nobody}}]}]}]
YML
like "nobody" "$OUT" 'access: nobody known gains or loses any'

# what breaks a test is refused, by a file that says nothing of tests too
broken() { # WHAT REGEX < document
	refuses "$1" apply
	like "$1" "$OUT" "$2"
	eq "$1: the door" "$("$SP" admin explain --app "$HOST" --email "$EMAIL" | head -1)" allow
}
broken "a policy that locks out" "test 1 expects allow for $EMAIL on $HOST, but no policy of \"ssh\" allows" \
	<<<"$(document '{email: {email: boss@example.test}}')"
broken "a policy that opens" 'test 2 expects deny for eve@elsewhere.test on ssh, but policy "staff" of "ssh" allows' <<<"$(document '{everyone: {}}')"
broken "by a group" 'test 1 expects allow' <<<'groups: [{name: staff, include: [{email_domain: {domain: elsewhere.test}}]}]'
broken "a test that never held" 'test 1 expects deny' <<<"tests: [{app: $HOST, email: $EMAIL, expect: deny}]"
broken "a test of nothing" 'no application "nowhere"' <<<'tests: [{app: nowhere, expect: deny}]'
broken "a test with a field nobody knows" 'did you mean country' <<<"tests: [{app: $HOST, contry: PT, expect: deny}]"
broken "a test without a verdict" 'lacks the field "expect"' <<<"tests: [{app: $HOST}]"
refuses "dry run says so too" apply --dry-run <<<"$(document '{everyone: {}}')"

# so is a single change, unless it says that it may: then it is told what it breaks
account=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID)
api() { web /dev/null -o "$T/answer" -w '%{http_code}' -X "$1" -H "Authorization: Bearer $SALLYPORT_API_TOKEN" ${3:+-d "$3"} "$TUNNEL_API_URL/accounts/$account/access/$2"; }
api GET groups >/dev/null
id=$(jq -r '.result[0].id' "$T/answer")
closed='{"name":"staff","include":[{"email":{"email":"boss@example.test"}}],"require":[{"geo":{"country_code":"PT"}},{"geo":{"country_code":"ES"}}]}'
eq "PUT that breaks a test" "$(api PUT "groups/$id" "$closed")" 400
like "which" "$(jq -r '.errors[].message' "$T/answer")" 'test 1 expects allow.*ignore_tests=true'
eq "PUT with another word" "$(api PUT "groups/$id?ignore_tests=1" "$closed")" 400
eq "the door" "$("$SP" admin explain --app "$HOST" --email "$EMAIL" | head -1)" allow
eq "PUT of the group" "$(api PUT "groups/$id?ignore_tests=true" "$closed")" 200
like "messages" "$(jq -r '.messages[].message' "$T/answer")" 'test 1 expects allow'
like "messages" "$(jq -r '.messages[].message' "$T/answer")" 'group "staff": require wants both geo "PT" and geo "ES"'
eq "what has nothing to do with it" "$(api POST groups '{"name":"other","include":[{"everyone":{}}]}')" 201
like "is told it too" "$(jq -r '.messages[].message' "$T/answer")" 'test 1 expects allow'
refuses "the same file refuses now" apply <<<"tests: [{app: $HOST, email: $EMAIL, expect: allow}]"
runs "without tests all goes" apply <<<"$(document '{everyone: {}}' 'tests: []')"
like "warning" "$OUT" 'warning: policy "staff" of "ssh": allows everyone'
like "gone" "$OUT" '~ tests of policies'
runs "now anything goes" apply <<<"$(document '{email: {email: boss@example.test}}')"
