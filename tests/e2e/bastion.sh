#!/bin/bash
# service: bastion: the default destination without a word, --destination to what is listed, everything else refused by the edge; a connector
# never dials what was not allowed.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
free_port; one=$PORT
free_port; two=$PORT
free_port; forbidden=$PORT
fixture_app ssh "$HOST" bastion "    default_destination: 127.0.0.1:$one
    destinations: [\"127.0.0.0/8:$two\"]"
"$SP" admin ca "$HOST" >"$T/ca" || die "admin ca"
head -1 "$T/ca" >"$T/ca.pub"
sshd_start one "$T/ca.pub" "$one"
log_one=$SSHD_LOG
sshd_start two "$T/ca.pub" "$two"
log_two=$SSHD_LOG
node "$E2E/lib.mjs" trap "$forbidden" >"$T/trap" &
PIDS+=($!)
wait_line "$T/trap" ready 10 >/dev/null
fixture_connector ssh
signed_in

eq "default destination" "$(sh_ 'echo $SSH_CONNECTION' | cut -d' ' -f4)" "$one"
grep -q 'Accepted publickey' "$log_one" || die "the default destination saw nobody"
to() { # DESTINATION: ssh with a ProxyCommand that names it
	ssh -F "$T/ssh_config" -o ProxyCommand="$SP access ssh --hostname $HOST:$UPORT --ca-file $CA --destination $1" "$UNIX_USER@$HOST" \
		'echo $SSH_CONNECTION' 2>&1
}
eq "listed destination" "$(to "127.0.0.1:$two" | cut -d' ' -f4)" "$two"
grep -q 'Accepted publickey' "$log_two" || die "the listed destination saw nobody"
like "other port" "$(to "127.0.0.1:$forbidden")" 'SP-1403'
like "name of loopback" "$(to "localhost:$forbidden")" 'SP-1403'
like "other form of the address" "$(to "[::ffff:127.0.0.1]:$forbidden")" 'SP-(1403|1501)'
like "address as a number" "$(to "2130706433:$forbidden")" 'SP-(1403|1501)'
like "short form" "$(to "127.1:$forbidden")" 'SP-(1403|1501)'
like "hexadecimal form" "$(to "0x7f000001:$forbidden")" 'SP-(1403|1501)'
like "port 0" "$(to "127.0.0.1:0")" 'SP-(1403|1501)'
like "user in front" "$(to "127.0.0.1@127.0.0.1:$forbidden")" 'SP-(1403|1501)'
like "other network" "$(to "10.0.0.1:$two")" 'SP-1403'
like "metadata address" "$(to "169.254.169.254:80")" 'SP-1403'
eq "connections to what is forbidden" "$(wc -l <"$T/trap")" 1
audit_has '1403' >/dev/null || die "the log lacks the refusals"

# a session to a destination that is taken off the list while judge is away
mkfifo "$T/keep"
ssh -F "$T/ssh_config" -o ProxyCommand="$SP access ssh --hostname $HOST:$UPORT --ca-file $CA --destination 127.0.0.1:$two" "$UNIX_USER@$HOST" \
	'echo up; cat' <"$T/keep" >"$T/live" 2>"$T/live.err" &
live=$!
PIDS+=("$live")
exec 8>"$T/keep"
wait_line "$T/live" up 20 >/dev/null
old=$(role_pid judge)
kill -9 "$old"
until_ok 20 role_again judge "$old" || die "no judge again"
echo still >&8
wait_line "$T/live" still 20 >/dev/null # judge's death ends nobody's session
fixture_app ssh "$HOST" bastion "    default_destination: 127.0.0.1:$one
    destinations: []"
ended() { ! kill -0 "$live" 2>/dev/null; }
until_ok 20 ended || die "the session to a destination that is no longer listed lives on"
audit_has 'destination is no longer listed' >/dev/null || die "the log does not say why"
exec 8>&-
say "only what is listed can be reached"
