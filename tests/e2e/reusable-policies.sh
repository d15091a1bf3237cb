#!/bin/bash
# Reusable policies: one record that several applications name. A change of it counts everywhere at once; while it is used it cannot be
# taken away; an application's own policy can become one; the default groups of a new application.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=jdoe@example.test
fixture_people
document() {
	cat <<-YML
		policies:
		  - {name: staff everywhere, decision: allow, include: [{group: {name: staff}}]}
		apps:
		  - {name: one, domain: one.localhost, policies: [staff everywhere]}
		  - name: two
		    domain: two.localhost
		    policies:
		      - {name: own, decision: deny, include: [{email: {email: eve@elsewhere.test}}]}
		      - {name: staff everywhere}
	YML
}
runs "apply" apply <<<"$(document)"
like "difference" "$OUT" '\+ policy staff everywhere'
runs "again" apply <<<"$(document)"
eq "idempotent" "$OUT" "nothing to change"
first() { "$SP" admin explain --app "$1" --email "$2" | head -1; }
eq "one" "$(first one.localhost "$EMAIL")" allow
eq "two" "$(first two.localhost "$EMAIL")" allow
eq "one, Eve" "$(first one.localhost eve@elsewhere.test)" deny

account=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID)
base=$TUNNEL_API_URL/accounts/$account/access
api() { # METHOD PATH [BODY]: prints the status, the answer is in $T/answer
	web /dev/null -o "$T/answer" -w '%{http_code}' -X "$1" -H "Authorization: Bearer $SALLYPORT_API_TOKEN" ${3:+-d "$3"} "$base/$2"
}
answer() { jq -r "$1" "$T/answer"; }
eq "GET" "$(api GET policies)" 200
eq "reusable" "$(answer '.result[0] | "\(.name) \(.reusable) \(.app_count)"')" "staff everywhere true 2"
id=$(answer '.result[0].id')
api GET apps >/dev/null
two=$(answer '.result[] | select(.name == "two") | .id')
eq "shown in the application" "$(answer '.result[] | select(.name == "two") | [.policies[] | "\(.precedence) \(.name) \(.decision)"] | join(",")')" \
	"1 own deny,2 staff everywhere allow"

# what the API showed can be sent back
body=$(answer '.result[] | select(.name == "two") | tojson')
eq "PUT of what was shown" "$(api PUT "apps/$two" "$body")" 200
eq "still a reference" "$(api GET policies >/dev/null; answer '.result[0].app_count')" 2

eq "a Unix name that is none" "$(api POST policies '{"name":"bad","decision":"allow","include":[{"everyone":{}}],"usernames":["../root"]}')" 400
like "which" "$(answer '.errors[0].message')" '"../root", expected .email_prefix. or a Unix name'

# one change, all applications
eq "PUT" "$(api PUT "policies/$id" '{"name":"staff everywhere","decision":"allow","include":[{"email":{"email":"eve@elsewhere.test"}}]}')" 200
eq "one after" "$(first one.localhost "$EMAIL")" deny
eq "one after, Eve" "$(first one.localhost eve@elsewhere.test)" allow
eq "two after, Eve: its own comes first" "$(first two.localhost eve@elsewhere.test)" deny
eq "through an application" "$(api PUT "apps/$two/policies/$id" '{"name":"x","decision":"allow","include":[{"everyone":{}}]}')" 409
eq "DELETE while used" "$(api DELETE "policies/$id")" 409
like "who uses it" "$(answer '.errors[0].message')" 'used by 2 applications \((one, two|two, one)\)'
eq "out of two" "$(api DELETE "apps/$two/policies/$id")" 202
eq "one left" "$(api GET "policies/$id" >/dev/null; answer .result.app_count)" 1
eq "into two again" "$(api POST "apps/$two/policies" "{\"id\":\"$id\",\"precedence\":1}")" 201
eq "first there" "$(api GET "apps/$two/policies" >/dev/null; answer '.result[0].id')" "$id"
eq "Eve now" "$(first two.localhost eve@elsewhere.test)" allow

# an application's own becomes one
own=$(answer '.result[] | select(.name == "own") | .id')
eq "make_reusable" "$(api PUT "apps/$two/policies/$own/make_reusable" '{}')" 200
eq "the same id" "$(answer '.result | "\(.id) \(.reusable) \(.app_count)"')" "$own true 1"
eq "twice" "$(api PUT "apps/$two/policies/$own/make_reusable" '{}')" 409
eq "a name that is none" "$(api POST "apps/$two/policies" '{"id":"nobody"}')" 400

# default groups
runs "a default group" apply <<<'groups: [{name: staff, is_default: true, include: [{email_domain: {domain: example.test}}]}]'
eq "POST without policies" "$(api POST apps '{"name":"new","domain":"new.localhost","type":"self_hosted"}')" 201
eq "default groups" "$(first new.localhost "$EMAIL")" allow
eq "POST with none" "$(api POST apps '{"name":"none","domain":"none.localhost","type":"self_hosted","policies":[]}')" 201
eq "none" "$(first none.localhost "$EMAIL")" deny
