#!/bin/bash
# Bad networks, with real parts in namespaces of their own: loss and delay, resets, cuts of either leg in the middle of a transfer. What was
# copied is what arrives, a dead link is noticed within 20 s at both ends, and a healed network is used again within 5 s.
# FAULTS_LONG=1: cuts of 10 s and 60 s and more to copy, where else they are as short as shows the same.
. "$(dirname "$0")/netlab.sh"
LONG=${FAULTS_LONG:-}
MIB=$([ -n "$LONG" ] && echo 20 || echo 8)
lab_up
REMOTE=$UNIX_HOME/faults.$$
cleanup_more() { rm -f "$REMOTE"; }
head -c "${MIB}M" /dev/urandom >"$T/file"
sum() { sha256sum <"$1" | cut -d' ' -f1; }
want=$(sum "$T/file")
wait_s() { read -rt "$1" <> <(:) || :; }
status() { "$SP" tunnel list -o json | jq -r '.[] | select(.name == "ssh-pool") | .status'; }
size_over() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt "$2" ]; }
scp_() { at_client scp -q -F "$T/ssh_config" "$@"; }

# --- 1% of the packets lost on both legs, 80 ms there and back from client to edge
lab_delay client 40
lab_loss client 1
lab_loss connector 1
t0=$(now_ms)
scp_ "$T/file" "$UNIX_USER@$HOST:$REMOTE" || die "scp up under loss and delay"
eq "what arrived at the host" "$(sum "$REMOTE")" "$want"
up=$(($(now_ms) - t0))
scp_ "$UNIX_USER@$HOST:$REMOTE" "$T/back" || die "scp down under loss and delay"
eq "what came back" "$(sum "$T/back")" "$want"
say "1% loss, 80 ms: $MIB MiB up in $up ms, down in $(($(now_ms) - t0 - up)) ms"
lab_delay client 0
lab_loss client 0
lab_loss connector 0

# upload: in the background, at a pace that leaves time to break something; $XFER
upload() {
	rm -f "$REMOTE"
	bg scp_ "$T/file" "$UNIX_USER@$HOST:$REMOTE" 2>"$T/xfer.err"
	XFER=$BG
	until_ok 20 size_over "$REMOTE" 1000000 || die "the transfer does not begin: $(cat "$T/xfer.err")"
}
uploaded() { # WHAT
	wait "$XFER" || die "$1: scp: $(cat "$T/xfer.err")"
	eq "$1" "$(sum "$REMOTE")" "$want"
}

# --- resets of either leg
lab_rate client 20mbit
for leg in client connector; do
	upload
	lab_reset "$leg"
	[ "$RESETS" -gt 0 ] || die "nothing was reset on the $leg's leg"
	size_over "$REMOTE" $((MIB * 1048576 - 1)) && die "too late: all had arrived"
	uploaded "after $RESETS resets on the $leg's leg"
done

# --- the client's leg is cut
upload
lab_cut client
wait_s "$([ -n "$LONG" ] && echo 10 || echo 3)"
before=$(stat -c %s "$REMOTE")
lab_heal client
t0=$(now_ms)
uploaded "after a cut of the client's leg"
[ "$before" -lt $((MIB * 1048576)) ] || die "the cut came too late"
say "client's leg cut: done $(($(now_ms) - t0)) ms after it was healed"

# --- the connector's leg is cut, until both ends have noticed; then it is back, and what was under way goes on
: >"$T/connector-ssh.log"
upload
lab_cut connector
t0=$(now_ms)
until_ok 25 eval '[ "$(status)" != healthy ]' || die "the edge has not noticed a dead link"
edge=$(($(now_ms) - t0))
wait_line "$T/connector-ssh.log" link_lost 25 >/dev/null
connector=$(($(now_ms) - t0))
say "half-open link noticed by the edge after $edge ms, by the connector within $connector ms"
[ "$edge" -le 21000 ] || die "the edge took longer than 20 s"
[ "$connector" -le 21000 ] || die "the connector took longer than 20 s"
[ -z "$LONG" ] || wait_s $((60 - ($(now_ms) - t0) / 1000))
lab_heal connector
t0=$(now_ms)
until_ok 10 eval '[ "$(status)" = healthy ] || [ "$(status)" = degraded ]' || die "the connector does not come back"
back=$(($(now_ms) - t0))
say "connector back $back ms after healing"
[ "$back" -le 5500 ] || die "the connector took longer than 5 s"
uploaded "after a cut of the connector's leg"
