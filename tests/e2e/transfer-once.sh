#!/bin/bash
# What carries a login is good once and for one place: transfer keys, one-time codes of `authorized`, confirmation forms (csrf), whoever's browser.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
fixture_app other other.localhost ssh://127.0.0.1:1
A=https://$HOST:$UPORT
TEAM=https://$TEAM_HOST:$UPORT
code_of() { web "$1" -o "$T/answer" -w '%{http_code}' "${@:2}"; }

# --- the application's cookie: the code of `authorized` ------------------------------------------------------------
web_login "$T/jar" "$TEAM/cdn-cgi/access/login/$HOST?redirect_url=/" "$EMAIL" "$PASSWORD" || die "sign-in"
login() { web "$T/jar" -o /dev/null -w '%{redirect_url}' "$TEAM/cdn-cgi/access/login/$1?redirect_url=/"; }
url=$(login "$HOST")
like "where a signed-in browser goes" "$url" "^$A/cdn-cgi/access/authorized\?nonce="
eq "first use" "$(code_of "$T/one" "$url")" 302
grep -q CF_Authorization "$T/one" || die "no cookie"
like "second use" "$(code_of "$T/two" "$url")" '^4'
like "second use" "$(cat "$T/answer")" 'SP-1103'
unlike "cookies of the second use" "$(cat "$T/two" 2>/dev/null)" 'CF_Authorization'
url=$(login "$HOST")
like "a code at another application" "$(code_of "$T/three" "${url/$HOST/other.localhost}")" '^4'
unlike "its cookies" "$(cat "$T/three" 2>/dev/null)" 'CF_Authorization'
like "an invented code" "$(code_of "$T/four" "$A/cdn-cgi/access/authorized?nonce=$(printf '0%.0s' {1..32})&redirect_url=/")" '^4'
# a browser (it asks for HTML) in which no sign-in began does not get one put under it
url=$(login "$HOST")
code_of "$T/victim" -H 'Accept: text/html' "$url" >/dev/null
unlike "login forced on another browser" "$(cat "$T/victim" 2>/dev/null)" 'CF_Authorization.*\.'

# --- the client's transfer -------------------------------------------------------------------------------------------
"$SP" access login "$A" --no-browser >"$T/tok" 2>"$T/err" &
client=$!
PIDS+=("$client")
cli=$(wait_line "$T/err" 'https://[^ ]*/cdn-cgi/access/cli' 20 | grep -o 'https://[^ ]*')
key=$(sed -n 's/.*[?&]token=\([^&]*\).*/\1/p' <<<"$cli" | sed 's/%3D/=/g')
web_step "$T/jar" "$cli" "$T/confirm" || die "confirmation page"
like "confirmation page" "$(cat "$T/confirm")" 'name="csrf"'
shown=$(grep -oE '[A-Z2-7]{4}-[A-Z2-7]{4}' "$T/confirm")
like "the code of both sides" "$(cat "$T/err")" "$shown"
like "the requesting host" "$(cat "$T/confirm")" '127\.0\.0\.1'
confirm=$(form_action "$T/confirm" "$LAST_URL")
like "no csrf" "$(code_of "$T/jar" -d x=y "$confirm")" '^4'
like "invented csrf" "$(code_of "$T/jar" -d "csrf=$(printf 'a%.0s' {1..64})" "$confirm")" '^4'
form_fields "$T/confirm"
like "csrf from another origin" "$(code_of "$T/jar" -H 'Origin: https://evil.example' "${FIELDS[@]}" "$confirm")" '^4'
kill -0 "$client" || die "the client went without a confirmation"
[ ! -s "$T/tok" ] || die "a token left without a confirmation"
# csrf of somebody else's browser
web_login "$T/eve" "$TEAM/cdn-cgi/access/login/$HOST?redirect_url=/" "$EMAIL" "$PASSWORD"
web_step "$T/eve" "$cli" "$T/confirm.eve" && form_fields "$T/confirm.eve"
like "csrf of another browser" "$(code_of "$T/jar" "${FIELDS[@]}" "$confirm")" '^4'
# the right one
form_fields "$T/confirm"
eq "confirmed" "$(code_of "$T/jar" "${FIELDS[@]}" "$confirm")" 200
wait "$client"
eq "exit status of the client" $? 0
like "its token" "$(cat "$T/tok")" 'eyJ'
# It was taken: asking again under the same key finds nothing (a new row waits; it holds no token).
got=$(web /dev/null --max-time 3 -o "$T/again" -w '%{http_code}' "$TEAM/cdn-cgi/access/transfer/$key" 2>/dev/null)
like "the same transfer again" "$got" '^(000|404)$'
[ ! -s "$T/again" ] || unlike "its body" "$(cat "$T/again")" '^[A-Za-z0-9+/]{100}'
for bad in x "$(printf 'A%.0s' {1..43})" "$(printf 'A%.0s' {1..200})" '..%2f..%2fcerts'; do
	like "transfer of '$bad'" "$(web /dev/null --max-time 3 -o /dev/null -w '%{http_code}' "$TEAM/cdn-cgi/access/transfer/$bad")" '^4'
done

# --- the sign-in form ------------------------------------------------------------------------------------------------
web_step "$T/fresh" "$TEAM/cdn-cgi/access/login/$HOST?redirect_url=/" "$T/form" || die "form"
action=$(form_action "$T/form" "$LAST_URL")
like "sign-in without csrf" "$(code_of "$T/fresh" --data-urlencode "email=$EMAIL" --data-urlencode "password=$PASSWORD" "$action")" '^4'
form_fields "$T/form"
like "sign-in with csrf but without its cookie" "$(code_of "$T/nocookie" "${FIELDS[@]}" --data-urlencode "email=$EMAIL" --data-urlencode "password=$PASSWORD" "$action")" '^4'
unlike "cookies" "$(cat "$T/fresh" "$T/nocookie" 2>/dev/null)" 'CF_Authorization'

# --- signing out is a link with a confirmation, and ends the session ---------------------------------------------------
web_step "$T/jar" "$TEAM/cdn-cgi/access/logout" "$T/out" || die "logout"
unlike "logout page" "$(cat "$T/out")" '<form'
like "logout without its csrf" "$(code_of "$T/jar" "$TEAM/cdn-cgi/access/logout?confirm=1&csrf=x")" '^4'
link=$(grep -o 'href="[^"]*confirm=1[^"]*"' "$T/out" | sed 's/^href="//; s/"$//; s/&amp;/\&/g')
eq "logout" "$(code_of "$T/jar" "$TEAM$link")" 200
SALLYPORT_NO_LOGIN=1 refuses "certificate after logout" "$SP" access ssh-gen --hostname "$HOST:$UPORT"
like "message" "$OUT" 'SP-1'
say "everything is good once"
