#!/bin/bash
# Removal at the provider ends access: a user disabled there, or taken out of a group, loses a live ssh session within 7 s (recheck: 2s) and
# gets no new certificate; a provider that is merely silent leaves live sessions, allows certificates up to recheck_grace and then refuses with
# SP-1111; all of it goes on after a restart of fetch and of the edge; refresh tokens stand nowhere on disk in the clear.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
oidc_start "{\"jdoe\": {\"email\": \"$EMAIL\", \"groups\": [\"ops\"], \"amr\": [\"pwd\", \"mfa\"]}}"
fixture_host ssh "$HOST"
{
	echo "identity_providers:"
	oidc_idp corp rs256 $'recheck: 2s\n      recheck_grace: 20s'
} | apply >/dev/null || die "apply corp"
apply >/dev/null <<-YML || die "apply policy"
	apps:
	  - name: ssh
	    domain: $HOST
	    allowed_idps: [$(idp_id corp)]
	    policies:
	      - name: ops
	        decision: allow
	        include: [{oidc: {claim_name: groups, claim_value: ops, identity_provider_id: $(idp_id corp)}}]
	        require: [{auth_method: {auth_method: mfa}}]
YML
export SALLYPORT_LOGIN_TIMEOUT=20s
sign_in() {
	rm -f "$T"/jar.* "$SALLYPORT_HOME"/*token*
	client_login "https://$HOST:$UPORT" "$EMAIL" - || die "sign-in $1"
}
# live NAME: an ssh session that says the time ten times a second; every byte's arrival is noted. $LIVE is its pid
live() {
	( sh_ 'while :; do echo tick; sleep 0.1; done' 2>"$T/live.$1.err" | while read -r _; do now_ms >"$T/live.$1.tmp"; mv "$T/live.$1.tmp" "$T/live.$1"; done
		: >"$T/live.$1.over" ) &
	LIVE=$!
	PIDS+=("$LIVE")
	until_ok 10 test -s "$T/live.$1" || { cat "$T/live.$1.err"; die "no live session for $1"; }
}
# ended NAME SINCE: it must end; prints how long its last byte came after SINCE
ended() {
	until_ok 30 test -e "$T/live.$1.over" || die "$1: the live session goes on"
	local took=$(($(cat "$T/live.$1") - $2))
	say "$1: last byte $took ms after"
	[ "$took" -lt 7000 ] || die "$1: last byte after $took ms, expected less than 7000"
}
lives() {
	local was
	[ ! -e "$T/live.$1.over" ] || die "$1: the live session was cut"
	was=$(cat "$T/live.$1")
	[ "$(($(now_ms) - was))" -lt 3000 ] || die "$1: the live session says nothing any more"
}
cert() { SALLYPORT_NO_LOGIN=1 "$SP" access ssh-gen --hostname "$HOST:$UPORT"; }

# --- disabled ---
sign_in "first"
ssh_conf "$HOST:$UPORT"
runs "certificate" cert
live disabled
until_ok 15 eval '[ "$(oidc_admin refreshed)" -ge 2 ]' || die "the provider is not asked again"
[ ! -e "$T/live.disabled.over" ] || die "a session that the provider confirms was cut"
if grep -rqsE 'refresh_token|eyJhbGciOi[A-Za-z0-9_.-]{200,}' "$EDGE/fetch"; then die "fetch keeps tokens in the clear"; fi
oidc_admin disable/jdoe >/dev/null
ended disabled "$(now_ms)"
refuses "certificate of a disabled user" cert
like "what it says" "$OUT" 'SP-'
audit_has 'session_revoked.*sign-in is over' >/dev/null || die "the end is not in the audit log"
oidc_admin enable/jdoe >/dev/null

# --- group removed, and given back ---
sign_in "after enable"
runs "certificate after a new sign-in" cert
live group
oidc_admin groups/jdoe/sales >/dev/null
ended group "$(now_ms)"
refuses "certificate without the group" cert
like "what it says" "$OUT" 'SP-1202'
oidc_admin groups/jdoe/ops,dev >/dev/null
until_ok 10 cert || die "the group came back, the certificate did not"

# --- silent: nobody answers at its address ---
live silent
kill -USR1 "$OIDC_PID"
silent=$(now_ms)
until_ok 15 grep -q recheck_no_answer "$T/edge.log" || die "nobody noticed that the provider is silent"
runs "certificate within the grace" cert
until_ok 40 eval '! cert' || die "certificates are issued for ever while the provider is silent"
say "silent: refused $(($(now_ms) - silent)) ms after it fell silent"
refuses "certificate after the grace" cert
like "what it says" "$OUT" 'SP-1111'
[ $(($(now_ms) - silent)) -ge 17000 ] || die "refused before the grace was over"
lives silent
kill -USR2 "$OIDC_PID"
until_ok 20 cert || die "the provider answers again, certificates do not come"
lives silent
kill "$LIVE" 2>/dev/null

# --- an answer gets lost, and with it the refresh token that took the old one's place ---
live slow
oidc_admin lose/1 >/dev/null
until_ok 15 grep -q recheck_lost "$T/edge.log" || die "the used refresh token was not refused"
lives slow
refuses "certificate without a way to ask" cert
like "what it says" "$OUT" 'SP-1205|SP-1110'
until_ok 30 test -e "$T/live.slow.over" || die "a sign-in that nobody can ask for lives for ever"
say "lost: live until the grace was over, nothing new meanwhile"
sign_in "after the loss"

# --- fetch killed, edge restarted: what it asks with is still there ---
kill -9 "$(role_pid fetch)"
n=$(oidc_admin refreshed)
until_ok 20 eval 'cert && [ "$(oidc_admin refreshed)" -gt '"$n"' ]' || die "after fetch was killed nobody asks again"
edge_stop
edge_start
until_ok 30 sh_ true || die "no session after the restart"
n=$(oidc_admin refreshed)
until_ok 20 eval 'cert && [ "$(oidc_admin refreshed)" -gt '"$n"' ]' || die "after the restart nobody asks again"
live restarted
oidc_admin disable/jdoe >/dev/null
ended restarted "$(now_ms)"
refuses "certificate after the restart" cert
say "removal at the provider ends access, here and after a restart"
