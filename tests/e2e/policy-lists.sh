#!/bin/bash
# Lists of addresses and networks that rules name: made by `admin apply` and by the API, asked by explain and at the door; a change of a
# list changes who gets in at once, and a list that a rule names cannot be taken away.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=jdoe@example.test
fixture_people
document() { # ITEMS
	cat <<-YML
		lists:
		  - {name: guests, type: EMAIL, items: [$1]}
		  - {name: offices, type: IP, items: [192.0.2.0/24, 127.0.0.0/8, "2001:db8::/32"]}
		tunnels: [{name: pool}]
		apps:
		  - name: ssh
		    domain: $HOST
		    tunnel: pool
		    service: ssh://127.0.0.1:1
		    policies:
		      - name: guests from an office
		        decision: allow
		        include: [{email_list: {name: guests}}]
		        require: [{ip_list: {name: offices}}]
	YML
}
runs "apply" apply <<<"$(document "$EMAIL, Other@Example.test")"
like "difference" "$OUT" '\+ list guests'
runs "again" apply <<<"$(document "other@example.test, $EMAIL" | sed 's/Other/other/')"
runs "the same" apply <<<"$(document "other@example.test, $EMAIL")"
eq "idempotent" "$OUT" "nothing to change"

says() { # WHAT WANT ARGS...
	local what=$1 want=$2
	shift 2
	runs "$what" "$SP" admin explain --app "$HOST" "$@"
	eq "$what" "$(head -1 <<<"$OUT")" "$want"
}
says "a guest from an office" allow --email "$EMAIL" --ip 192.0.2.9
says "in capitals" allow --email JDoe@Example.Test --ip 2001:db8::7
says "a guest from elsewhere" deny --email "$EMAIL" --ip 198.51.100.9
says "with a plus" deny --email jdoe+x@example.test --ip 192.0.2.9
says "nobody's guest" deny --email eve@elsewhere.test --ip 192.0.2.9
like "why" "$OUT" 'email_list "guests": no \(e-mail is eve@elsewhere.test\)'

# what is wrong is told, and changes nothing
bad() { # WHAT REGEX ITEMS-LINE
	refuses "$1" apply <<<"lists: [$3]"
	like "$1" "$OUT" "$2"
}
bad "a network of 33 bits" 'found "10.0.0.0/33", expected a network' '{name: offices, type: IP, items: [10.0.0.0/33]}'
bad "a type" 'expected EMAIL or IP' '{name: x, type: URL, items: []}'
bad "another type under a rule" 'has type EMAIL, expected IP' "{name: offices, type: EMAIL, items: [$EMAIL]}"
refuses "a list nobody made" apply <<<"apps: [{name: ssh, domain: $HOST, policies: [{name: p, decision: allow, include: [{email_list: {name: guest}}]}]}]"
like "nearest" "$OUT" 'no list "guest"; did you mean "guests"'
refuses "a list of addresses as network" apply <<<"apps: [{name: ssh, domain: $HOST, policies: [{name: p, decision: allow, include: [{ip_list: {name: guests}}]}]}]"

# the door, and the API
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
token=$(client_token)
door() {
	curl -sS --max-time 20 -o /dev/null -w '%{http_code}' --cacert "$CA" --resolve "*:$UPORT:127.0.0.1" \
		-H "Cf-Access-Token: $token" "https://$HOST:$UPORT/"
}
eq "the door" "$(door)" 200
account=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID)
lists=$TUNNEL_API_URL/accounts/$account/gateway/lists
api() { # METHOD URL [BODY]: prints the status, the answer is in $T/answer
	web /dev/null -o "$T/answer" -w '%{http_code}' -X "$1" -H "Authorization: Bearer $SALLYPORT_API_TOKEN" ${3:+-d "$3"} "$2"
}
answer() { jq -r "$1" "$T/answer"; }
eq "GET" "$(api GET "$lists")" 200
eq "overview" "$(answer '[.result[] | "\(.name) \(.type) \(.count)"] | sort | join(",")')" "guests EMAIL 2,offices IP 3"
id=$(answer '.result[] | select(.name == "guests") | .id')
eq "PATCH" "$(api PATCH "$lists/$id" "{\"remove\":[\"$EMAIL\"],\"append\":[{\"value\":\"new@example.test\"}]}")" 200
eq "items" "$(api GET "$lists/$id/items")" 200
eq "items" "$(answer '[.result[].value] | sort | join(" ")')" "new@example.test other@example.test"
eq "the door, off the list" "$(door)" 403
eq "removing who is not there" "$(api PATCH "$lists/$id" '{"remove":["nobody@example.test"]}')" 400
eq "an address twice" "$(api PATCH "$lists/$id" '{"append":[{"value":"NEW@example.test"}]}')" 400
eq "PUT" "$(api PUT "$lists/$id" "{\"name\":\"guests\",\"items\":[{\"value\":\"$EMAIL\"}]}")" 200
eq "the door, on the list" "$(door)" 200
eq "DELETE in use" "$(api DELETE "$lists/$id")" 409
like "DELETE in use" "$(answer '.errors[0].message')" 'in use by (application|group|policy) "'
eq "POST" "$(api POST "$lists" '{"name":"more","type":"EMAIL","items":[]}')" 201
eq "a name twice" "$(api POST "$lists" '{"name":"more","type":"IP"}')" 409
eq "DELETE" "$(api DELETE "$lists/$(api GET "$lists" >/dev/null; answer '.result[] | select(.name == "more") | .id')")" 200
like "get lists" "$("$SP" admin get lists)" 'offices +IP +3'
