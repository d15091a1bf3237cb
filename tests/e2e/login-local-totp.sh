#!/bin/bash
# init's one-time link sets password and TOTP of the first administrator; signing in then wants both; a wrong code, a replayed code and a
# used link are refused, and nothing says which part was wrong.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=$ADMIN
like "setup link" "$SETUP_LINK" "^https://$TEAM_HOST:$UPORT/cdn-cgi/access/setup/"

# A preview (HEAD) uses nothing up.
eq "HEAD of the link" "$(web /dev/null -o /dev/null -I -w '%{http_code}' "$SETUP_LINK")" 200
web_step "$T/j0" "$SETUP_LINK" "$T/page" || die "setup page"
eq "setup page" "$STATUS" 200
SECRET=$(sed -n 's/.*id="totp">\([A-Z2-7]*\)<.*/\1/p' "$T/page")
like "TOTP secret" "$SECRET" '^[A-Z2-7]{16,}$'
like "otpauth link" "$(cat "$T/page")" 'otpauth://totp/'
post_setup() { # PASSWORD CODE
	web_step "$T/j0" "$SETUP_LINK" "$T/page" --data-urlencode "password=$1" --data-urlencode "code=$2"
}
good=$(node_lib totp "$SECRET")
bad=$(printf '%06d' $(((10#$good + 1) % 1000000)))
post_setup 'a long password' "$bad"
eq "wrong code at setup" "$STATUS" 403
post_setup 'a long password' "$good"
eq "setup" "$STATUS" 200
post_setup 'another password' "$(node_lib totp "$SECRET" 1)"
like "used link" "$STATUS" '^4'

login() { # PASSWORD CODE: status of a sign-in at the team host in a fresh browser; page in $PAGE
	JAR=$(mktemp "$T/jar.XXXXXX")
	web_login "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/$TEAM_HOST" "$EMAIL" "$1" "$2"
}
in_() { grep -q CF_Authorization "$JAR"; }
refused_login() { # WHAT
	in_ && die "$1: signed in"
	like "$1" "$(cat "$PAGE")" 'SP-1102'
}
# The code of the setup itself cannot be played again.
login 'a long password' "$good"
refused_login "replay of the code of the setup"
next=$(node_lib totp "$SECRET" 1) # within the window of one step
login 'wrong password' "$next"
refused_login "wrong password"
login 'a long password' ''
refused_login "no code"
login 'a long password' "$bad"
refused_login "wrong code"
login 'a long password' "$next"
in_ || die "right password and code: refused: $(sed 's/<[^>]*>//g' "$PAGE")"
login 'a long password' "$next"
refused_login "replay of a code"

# What signing in with a code is worth: policies see it.
identity=$(web "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/get-identity")
unlike "identity without a session" "$identity" '"email"'
audit_has 'login_refused' >/dev/null || die "the log lacks the refusals"
say "set up once, code wanted, replay refused"
