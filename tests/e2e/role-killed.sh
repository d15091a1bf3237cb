#!/bin/bash
# kill -9 of a role: the edge starts it again by itself and serves again; a live session survives the death of signer, judge and fetch; while
# the signer is away no certificate is granted.
. "$(dirname "$0")/fixture.sh"
fixture_up
mkfifo "$T/in"
sh_ 'echo up; while read -r l; do echo "got $l"; done' <"$T/in" >"$T/live" 2>"$T/live.err" &
LIVE=$!
PIDS+=("$LIVE")
exec 7>"$T/in"
wait_line "$T/live" '^up$' 20 >/dev/null
n=0
echo_works() {
	n=$((n + 1))
	echo "line $n" >&7
	wait_line "$T/live" "^got line $n\$" 10 >/dev/null
}
echo_works

until_ok 10 readyz || die "readyz before"
for role in signer judge fetch; do
	old=$(role_pid "$role")
	[ -n "$old" ] || die "no process of role $role"
	kill -9 "$old"
	if [ "$role" = signer ]; then
		# Either it is away (refused with the code) or it is back already (a certificate): never anything else.
		if OUT=$("$SP" access ssh-gen --hostname "$HOST:$UPORT" 2>&1); then
			say "the signer was back before the request"
		else
			like "refusal while the signer is down" "$OUT" 'SP-1307'
		fi
	fi
	until_ok 20 role_again "$role" "$old" || die "$role did not come back"
	echo_works || die "the live session did not survive the death of $role"
	until_ok 10 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || die "no new connection after the death of $role"
	say "$role: back, the session lives, new connections work"
done
exec 7>&-
wait "$LIVE"
eq "the session's end" $? 0

old=$(role_pid front)
kill -9 "$old"
until_ok 20 role_again front "$old" || die "front did not come back"
until_ok 30 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || die "no new connection after the death of front"
kill -0 "$EDGE_PID" || die "the edge ended"
say "front: back, the connector too"

# A signer that is held (stopped, not dead): a certificate is refused with the code, not granted and not waited for without end.
pid=$(role_pid signer)
kill -STOP "$pid"
refuses "certificate without a signer" timeout 60 "$SP" access ssh-gen --hostname "$HOST:$UPORT"
kill -CONT "$pid"
like "refusal" "$OUT" 'SP-1307'
until_ok 20 "$SP" access ssh-gen --hostname "$HOST:$UPORT" || die "no certificate after the signer went on"
