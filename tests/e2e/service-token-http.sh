#!/bin/bash
# Programs reach a plain HTTP application by service token: the headers on every request, no cookie, no sign-in page; the service learns which
# token it was and never its secret.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
WEB=web.localhost
free_port; ORIGIN=$PORT
bg node "$E2E/http-origin.mjs" "$ORIGIN" >"$T/origin.out"
wait_line "$T/origin.out" ready 10 >/dev/null
runs "apply" apply <<-YML
	service_tokens: [{name: ci, duration: forever}]
	tunnels: [{name: web-pool}]
	apps:
	  - name: web
	    domain: $WEB
	    tunnel: web-pool
	    service: http://127.0.0.1:$ORIGIN
	    read_service_tokens_from_header: Authorization
	    policies:
	      - {name: robots, decision: non_identity, include: [{service_token: {name: ci}}]}
	      - {name: staff, decision: allow, include: [{group: {name: staff}}]}
YML
id=$(sed -n 's/^ *CF-Access-Client-Id: //p' <<<"$OUT")
secret=$(sed -n 's/^ *CF-Access-Client-Secret: //p' <<<"$OUT")
fixture_connector web
until_ok 5 web /dev/null -o /dev/null "https://$WEB:$UPORT/" || die "the edge does not serve $WEB"
url=https://$WEB:$UPORT
by=(-H "CF-Access-Client-Id: $id" -H "CF-Access-Client-Secret: $secret")
code() { web /dev/null -o "$T/p" -w '%{http_code}' -D "$T/h" "$@"; }
# the connector may still be registering
until_ok 10 eval '[ "$(code "${by[@]}" "$url/echo")" = 200 ]' || die "not served: $(cat "$T/p")"

eq "nobody" "$(code "$url/echo")" 302
eq "by token" "$(code "${by[@]}" -H 'Cookie: CF_Authorization=planted; own=1' "$url/echo?x=1")" 200
unlike "the answer" "$(cat "$T/h")" '[Ss]et-[Cc]ookie: *CF_'
seen=$(cat "$T/p")
unlike "what the service sees" "$seen" "$secret"
unlike "what the service sees" "$seen" planted
like "what the service sees" "$seen" 'own=1'
jwt=$(jq -r '[.. | strings] | map(select(startswith("eyJ"))) | first' <<<"$seen")
eq "who it was" "$(node_lib claim "$jwt" common_name)" "$id"
eq "subject" "$(node_lib claim "$jwt" sub)" ""
eq "an upload" "$(code "${by[@]}" --data-binary "@$TOP/meson.build" "$url/echo")" 200
# both in one header, and the service does not get to see that header
eq "one header" "$(code -H "Authorization: {\"cf-access-client-id\": \"$id\", \"cf-access-client-secret\": \"$secret\"}" "$url/echo")" 200
unlike "one header" "$(cat "$T/p")" "$secret"
eq "another's use of that header" "$(code -H 'Authorization: Basic eDp5' "$url/echo")" 302

eq "wrong secret" "$(code -H "CF-Access-Client-Id: $id" -H "CF-Access-Client-Secret: ${secret/[0-9]/x}" "$url/echo")" 401
eq "half" "$(code -H "CF-Access-Client-Id: $id" "$url/echo")" 401
eq "twice" "$(code "${by[@]}" "${by[@]}" "$url/echo")" 401
eq "the token alone" "$(code -H "Cf-Access-Token: $jwt" "$url/echo")" 302
eq "the token as a cookie" "$(code -H "Cookie: CF_Authorization=$jwt" "$url/echo")" 302
# beside a person's own session it is still the program that asks
web_login "$T/jar" "$url/echo" "$EMAIL" "$PASSWORD" || die "sign-in"
eq "a person" "$(web "$T/jar" -o /dev/null -w '%{http_code}' "$url/echo")" 200
eq "a person with a wrong secret" \
	"$(web "$T/jar" -o /dev/null -w '%{http_code}' -H "CF-Access-Client-Id: $id" -H "CF-Access-Client-Secret: 0" "$url/echo")" 401
# a flood of requests costs the signer one token
for _ in 1 2 3 4 5 6 7 8 9 10; do eq "again" "$(code "${by[@]}" "$url/echo")" 200; done
audit_has access_allowed | grep -q "$id" || die "the log does not name the token"

# 401 instead of a sign-in page, where the application says so; then the token expires by being switched off
runs "apply 401" apply <<-YML
	service_tokens: [{name: ci, enabled: off}]
	apps: [{name: web, domain: $WEB, service_auth_401_redirect: on}]
YML
eq "nobody, 401" "$(code "$url/echo")" 401
eq "disabled" "$(code "${by[@]}" "$url/echo")" 401
like "disabled" "$(cat "$T/p")" SP-1209
