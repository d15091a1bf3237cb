#!/bin/bash
# A plain HTTP application behind the edge: sign-in leads back to the page asked for; requests, bodies of every framing, WebSocket and keep-alive go
# through byte for byte; the service sees who it is and no lie about it; what it answers wrongly is a 502; a revocation ends what is under way.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
WEB=web.localhost
free_port; ORIGIN=$PORT
bg node "$E2E/http-origin.mjs" "$ORIGIN" >"$T/origin.out"
wait_line "$T/origin.out" ready 10 >/dev/null
fixture_app web "$WEB" "http://127.0.0.1:$ORIGIN"
fixture_connector web
export APP_URL=https://$WEB:$UPORT ORIGIN_PORT=$ORIGIN CA_FILE=$CA EMAIL HOST=$WEB

# a browser that is not signed in
web "$T/none" -o "$T/p" -w '%{http_code} %{redirect_url}' "$APP_URL/echo?a=b%20c" >"$T/r"
like "nobody's page" "$(cat "$T/r")" "^302 https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/"
eq "nobody's upload" "$(web "$T/none" -o /dev/null -w '%{http_code}' --data-binary "@$TOP/meson.build" "$APP_URL/echo")" 401
eq "what the service saw" "$(curl -s "http://127.0.0.1:$ORIGIN/count")" 0
web_login "$T/jar" "$APP_URL/echo?a=b%20c" "$EMAIL" "$PASSWORD" || die "sign-in"
eq "page after sign-in" "$LAST_URL" "$APP_URL/echo?a=b%20c"
eq "its path" "$(jq -r .url "$PAGE")" "/echo?a=b%20c"

JAR=$T/jar node "$E2E/http-app.mjs" || die "see above"

# a page and a download are cut when access is withdrawn
before=$(curl -s "http://127.0.0.1:$ORIGIN/open")
web "$T/jar" -N -o "$T/events" -w '%{exitcode}' "$APP_URL/events" >"$T/events.rc" 2>/dev/null &
CURL=$!
PIDS+=("$CURL")
wait_line "$T/events" 'data: 2' 10 >/dev/null
eq "open at the service" "$(curl -s "http://127.0.0.1:$ORIGIN/open")" $((before + 1))
t0=$(now_ms)
"$SP" admin revoke --email "$EMAIL" >/dev/null || die "revoke"
wait "$CURL" && die "the stream ended as if whole"
[ $(($(now_ms) - t0)) -lt 5000 ] || die "cut only after $(($(now_ms) - t0)) ms"
until_ok 5 eval '[ "$(curl -s "http://127.0.0.1:$ORIGIN/open")" = 0 ]' || die "the service still has it open"
eq "afterwards" "$(web "$T/jar" -o /dev/null -w '%{http_code}' "$APP_URL/echo")" 302
# audited: that they came, not each request
n=$("$SP" admin log -o json | jq -r 'if type == "array" then .[] else . end | select(.kind == "access_allowed" and .domain == "web.localhost") | .kind' | wc -l)
[ "$n" -ge 1 ] && [ "$n" -le 6 ] || die "$n records of access for a few hundred requests"
grep -q role_died "$T/edge.log" && die "a role died: $(grep role_died "$T/edge.log")"
say "plain HTTP applications are served"
