#!/bin/bash
# A connector that is stopped ends in order (exit 0, nobody is cut before the grace period); a second one serves; killed, it is noticed.
. "$(dirname "$0")/fixture.sh"
fixture_up
eq "before" "$(sh_ 'echo one')" one
status() { "$SP" tunnel list -o json | jq -r '.[] | select(.name == "ssh-pool") | .status'; }
eq "status" "$(status)" healthy

kill -TERM "$CONNECTOR_PID"
timeout 20 tail --pid="$CONNECTOR_PID" -f /dev/null || die "the connector did not end within 20 s"
wait "$CONNECTOR_PID"
eq "exit status of the connector" $? 0
until_ok 5 eval '[ "$(status)" = down ]' || die "status is $(status), expected down"
SALLYPORT_NO_LOGIN=1 refuses "ssh without a connector" timeout 30 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true
like "what ssh says" "$OUT" 'SP-1005'

: >"$T/connector-ssh.log"
fixture_connector ssh
eq "after" "$(sh_ 'echo two')" two

# Killed in the middle of a session: the edge notices, the next connector serves, and ssh ends as soon as there is somebody who can say that
# the session is gone; a client that does not resume ends at once.
sh_ 'echo up; exec sleep 600' >"$T/live" 2>/dev/null &
live=$!
PIDS+=("$live")
wait_line "$T/live" up 20 >/dev/null
SALLYPORT_NO_RESUME=1 sh_ 'echo up; exec sleep 600' >"$T/plain" 2>/dev/null &
plain=$!
PIDS+=("$plain")
wait_line "$T/plain" up 20 >/dev/null
kill -9 "$CONNECTOR_PID"
timeout 10 tail --pid="$plain" -f /dev/null || die "ssh without resume hangs after its connector died"
: >"$T/connector-ssh.log"
fixture_connector ssh
timeout 15 tail --pid="$live" -f /dev/null || die "ssh hangs although another connector answers"
until_ok 10 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || die "no connection through the new connector"

# Two connectors: one may go and nobody is refused.
first=$CONNECTOR_PID
: >"$T/connector-ssh.log"
fixture_connector ssh
kill -TERM "$first"
for i in 1 2 3 4 5; do
	eq "while one connector leaves" "$(sh_ "echo $i")" "$i"
done
