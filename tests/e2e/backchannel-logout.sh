#!/bin/bash
# OIDC back-channel logout: the provider posts that somebody signed out, and live sessions, cookies and certificates of that sign-in end; tokens
# that are forged, expired, used before, of another client or no logout tokens end nothing.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
oidc_start "{\"jdoe\": {\"email\": \"$EMAIL\", \"groups\": [\"ops\"]}}"
fixture_host ssh "$HOST"
{
	echo "identity_providers:"
	oidc_idp corp rs256 $'recheck: 24h\n      max_age: 1h'
} | apply >/dev/null || die "apply corp"
apply >/dev/null <<-YML || die "apply policy"
	apps:
	  - name: ssh
	    domain: $HOST
	    allowed_idps: [$(idp_id corp)]
	    policies: [{name: all, decision: allow, include: [{email: {email: $EMAIL}}]}]
YML
POST=$("$SP" admin get idps -o json | jq -r '.[] | select(.name == "corp") | .config.backchannel_logout_url')
like "where the provider posts to, as the API says" "$POST" "^https://$TEAM_HOST:$UPORT/cdn-cgi/access/backchannel-logout/"
sign_in() {
	rm -f "$T"/jar.* "$SALLYPORT_HOME"/*token*
	client_login "https://$HOST:$UPORT" "$EMAIL" - || die "sign-in $1"
}
live() { # NAME
	( sh_ 'echo on; sleep 60' >"$T/live.$1" 2>&1; : >"$T/live.$1.over" ) &
	PIDS+=($!)
	until_ok 10 grep -q on "$T/live.$1" || die "no live session for $1"
}
cert() { SALLYPORT_NO_LOGIN=1 "$SP" access ssh-gen --hostname "$HOST:$UPORT"; }
post() { web /dev/null -o "$T/post" -w '%{http_code}' --data-urlencode "logout_token=$1" "${2:-$POST}"; }
token() { oidc_admin "logout-token/jdoe?client=sp-rs256${1:-}"; }
esc() { jq -rn --arg v "$1" '$v | @uri'; }

# --- the provider's own post ---
sign_in first
ssh_conf "$HOST:$UPORT"
runs "certificate" cert
live first
begun=$(now_ms)
eq "the provider's post" "$(oidc_admin "signout/jdoe?client=sp-rs256&uri=$(esc "$POST")")" "signed out"
until_ok 20 test -e "$T/live.first.over" || die "the live session goes on after the sign-out"
say "live session ended $(($(now_ms) - begun)) ms after"
refuses "certificate after the sign-out" cert
audit_has 'session_revoked.*signed out at the provider' >/dev/null || die "the end is not in the audit log"

# --- what ends nothing ---
sign_in second
runs "certificate of the second sign-in" cert
live second
refused() { # WHAT TOKEN
	eq "$1" "$(post "$2")" 400
	like "$1: body" "$(cat "$T/post")" '"error": *"invalid_request"'
}
good=$(token)
refused "a changed signature" "${good%????}AAAA"
refused "a changed payload" "$(jq -rn --arg t "$good" '$t | split(".") | .[1] = .[1][0:20] + "A" + .[1][21:] | join(".")')"
refused "unsigned" "$(printf '{"alg":"none"}' | base64 -w0 | tr -d =).$(cut -d. -f2 <<<"$good")."
refused "nothing" ""
refused "expired" "$(token '&age=301')"
refused "from the future" "$(token '&age=-120')"
refused "of another client" "$(token "&with=$(esc '{"aud":"sp-es256"}')")"
refused "of another issuer" "$(token "&with=$(esc '{"iss":"https://evil.test"}')")"
refused "with a nonce" "$(token "&with=$(esc '{"nonce":"n"}')")"
refused "without the event" "$(token "&with=$(esc '{"events":{}}')")"
eq "at a provider that does not exist" "$(post "$good" "${POST%/*}/99999999-2222-4333-8444-555555555555")" 400
eq "at the local provider" "$(post "$good" "${POST%/*}/$(idp_id people)")" 400
eq "by GET" "$(web /dev/null -o /dev/null -w '%{http_code}' "$POST?logout_token=$good")" 405
eq "of another session" "$(post "$(token "&with=$(esc '{"sid":"another"}')")")" 200
eq "of another person" "$(post "$(token "&sid=no&with=$(esc '{"sub":"eve"}')")")" 200
runs "certificate after all that" cert
[ ! -e "$T/live.second.over" ] || die "a bad logout token ended a session"

# --- once: after a new sign-in the old token is worth nothing, even for another signer ---
eq "a good one" "$(post "$good")" 200
until_ok 20 test -e "$T/live.second.over" || die "a good logout token ended nothing"
refuses "certificate" cert
sign_in third
sub=$(token '&sid=no')
refused "the same again" "$good"
kill -9 "$(role_pid signer)"
until_ok 20 cert || die "the signer did not come back"
until_ok 20 eval '[ "$(post "$good")" = 400 ]' || die "the same again after the signer was killed"
cert >/dev/null || die "a used logout token ended a session"
# --- by subject alone ---
eq "by subject" "$(post "$sub")" 200
refuses "certificate after a sign-out by subject" cert
say "the provider signs people out; nobody else does"
