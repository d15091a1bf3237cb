#!/bin/bash
# The edge restarts: SIGTERM ends it in order, after the next "ready" the connector is back by itself and new connections work within
# 5 s, on the token of before.
. "$(dirname "$0")/fixture.sh"
fixture_up
eq "before" "$(sh_ 'echo one')" one
token=$(client_token)

edge_stop
eq "exit status after SIGTERM" $? 0
# Nothing answers meanwhile, and the client says so instead of hanging.
SALLYPORT_NO_LOGIN=1 refuses "ssh without an edge" timeout 30 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true
like "what ssh says" "$OUT" 'SP-1502'

edge_start
t0=$(now_ms)
until_ok 20 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || { tail -5 "$T/connector-ssh.log"; die "no connection 20 s after ready"; }
took=$(($(now_ms) - t0))
say "new connections work $took ms after ready"
[ "$took" -le 5000 ] || die "took longer than 5 s"
eq "token" "$(client_token)" "$token"
eq "after" "$(sh_ 'echo two')" two
kill -0 "$CONNECTOR_PID" || die "the connector ended"

# What was configured and logged is still there.
like "applications" "$("$SP" admin get apps)" "$HOST"
audit_has 'login' >/dev/null || die "the log lost the login"

# Since when a tunnel is down outlives the edge; a judge that comes later knows since when one is up.
told() { "$SP" tunnel info -o json ssh-pool | jq -r '[.status, .conns_active_at, .conns_inactive_at] | map(. // "-") | join(" ")'; }
up=$(told)
like "up" "$up" '^healthy 2[0-9TZ:.-]+ -$'
like "as people read it" "$("$SP" tunnel info ssh-pool)" 'STATUS: +healthy, since 2'
old=$(role_pid judge)
kill -9 "$old"
until_ok 20 eval '[ "$(told)" = "$up" ]' || die "a new judge says: $(told), not $up"
kill -TERM "$CONNECTOR_PID"
wait "$CONNECTOR_PID"
until_ok 5 eval 'told | grep -q ^down' || die "not down: $(told)"
down=$(told)
like "down" "$down" '^down - 2'
edge_stop
edge_start
eq "after a restart" "$(told)" "$down"
fixture_connector ssh
until_ok 5 eval 'told | grep -q "^healthy 2.* -$"' || die "not up again: $(told)"
edge_stop
edge_start_alone() { kill -STOP "$CONNECTOR_PID"; edge_start; }
edge_start_alone
like "stopped while it was up" "$(told)" '^down - 2'
kill -CONT "$CONNECTOR_PID"
