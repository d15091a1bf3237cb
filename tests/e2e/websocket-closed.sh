#!/bin/bash
# Sockets closed halfway: a client that goes without a word, ends its half, resets, or sends garbage frames costs one connection, nothing else; a
# tunnel's half-closed or garbage connection too. Afterwards nothing is left open and ssh works.
. "$(dirname "$0")/fixture.sh"
fixture_up
eq "before" "$(sh_ 'echo one')" one
APP_HOST=$HOST TOKEN=$(client_token) TPORT=$TPORT node "$E2E/websocket-closed.mjs" || die "see above"
# Everything that was opened is gone: in the edge and at sshd.
relays() { curl -sf --max-time 2 "http://127.0.0.1:$MPORT/metrics" | sed -n 's/^sallyport_front_relays_open //p'; }
sessions() { pgrep -P "$SSHD_PID" | wc -l; }
until_ok 20 eval '[ "$(sessions)" = 0 ]' || die "$(sessions) sessions are left at sshd"
until_ok 20 eval '[ "$(relays)" = 0 ]' || die "$(relays) relays are left in the edge"
grep -q role_died "$T/edge.log" && die "a role died: $(grep role_died "$T/edge.log")"
kill -0 "$CONNECTOR_PID" || die "the connector ended"
eq "after" "$(sh_ 'echo two')" two
say "nothing is left behind"
