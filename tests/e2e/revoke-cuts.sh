#!/bin/bash
# `admin revoke` ends a live session within 2 s, new connections ask for a login, and the log says who was revoked.
. "$(dirname "$0")/fixture.sh"
fixture_up

live() { # starts a session and waits until its command runs; pid in $LIVE
	: >"$T/live"
	sh_ 'echo up; exec sleep 600' >"$T/live" 2>"$T/live.err" &
	LIVE=$!
	PIDS+=("$LIVE")
	wait_line "$T/live" '^up$' 20 >/dev/null
}
cut_by() { # WHAT COMMAND...: the live session must end within 2 s of it
	local what=$1 t0 t1
	shift
	t0=$(now_ms)
	"$@" >/dev/null || die "$what"
	wait "$LIVE"
	local rc=$?
	t1=$(now_ms)
	eq "$what: ssh's exit status" $rc 255
	say "$what: cut after $((t1 - t0)) ms"
	[ $((t1 - t0)) -le 2000 ] || die "$what: took longer than 2 s"
}
refused_now() {
	SALLYPORT_NO_LOGIN=1 sh_ true >"$T/no.out" 2>&1 && die "$1: a new connection was let in"
	eq "$1: lines" "$(grep -c SP- "$T/no.out")" 1
	like "$1" "$(cat "$T/no.out")" "SP-1110 not signed in to $HOST:$UPORT: run 'sallyport access login"
}

live
cut_by "revoke --email" "$SP" admin revoke --email "$EMAIL"
refused_now "after revoke --email"
audit_has 'revoke' | grep -q "$EMAIL" || { "$SP" admin log; die "the log does not tell of the revoke"; }

# The user's remaining cookie is dead too: a new sign-in is a new decision.
rm -f "$T"/jar.*
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "second sign-in"
live
cut_by "revoke --app" "$SP" admin revoke --app "$HOST"
refused_now "after revoke --app"

rm -f "$T"/jar.*
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "third sign-in"
live
id=$(node_lib claim "$(client_token)" identity_nonce)
like "sessions" "$("$SP" admin get sessions)" "$id"
cut_by "revoke --session" "$SP" admin revoke --session "$id"
refused_now "after revoke --session"

# Disabled: a right password does not help, until enabled again.
runs "users disable" "$SP" admin users disable "$EMAIL"
rm -f "$T"/jar.*
web_login "$T/jar.x" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/$HOST" "$EMAIL" "$PASSWORD"
like "page of a disabled user" "$(cat "$PAGE")" 'SP-1108'
runs "users enable" "$SP" admin users enable "$EMAIL"
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in after enable"
eq "after enable" "$(sh_ 'echo in')" in
