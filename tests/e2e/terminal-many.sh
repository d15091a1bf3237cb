#!/bin/bash
# Many browser terminals at once (MANY, 50): each has its own process and shell and none another's bytes; one over the limit is refused with the reason; the
# memory of an idle one stays small; all of them end and nothing is left.
. "$(dirname "$0")/fixture.sh"
MANY=${MANY:-50}
lib_init
edge_init "$T/edge"
printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\nsessions: {max: %d}\n' "$MANY" >>"$EDGE/sallyportd.yml"
edge_start
sp_user
fixture_people
TYPE=ssh fixture_host ssh "$HOST"
web_login "$T/jar" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD" || die "sign-in"
export JAR=$T/jar HOST_=$HOST
mkfifo "$T/go"
node "$E2E/terminal-many.mjs" "$MANY" <"$T/go" >"$T/out" &
NODE=$!
PIDS+=($NODE)
exec 8>"$T/go"
until_ok 90 eval 'grep -q "^open" "$T/out" || ! kill -0 $NODE' || die "not open: $(cat "$T/out")"
say "$(cat "$T/out")"
session_pids() { ps -o pid=,args= --ppid "$EDGE_PID" | sed -n 's/^ *\([0-9]*\) .*sallyport-session.*/\1/p'; }
eq "processes" "$(session_pids | wc -l)" "$MANY"
OUT=$(node "$E2E/terminal-hosts.mjs" "$HOST") || die "$OUT"
like "one more" "$OUT" '^503 .*SP-1709'
pss=0
for p in $(session_pids); do pss=$((pss + $(awk '/^Pss:/ {print $2}' "/proc/$p/smaps_rollup"))); done
say "memory of an idle session: $((pss / MANY)) KiB"
[ $((pss / MANY)) -lt 6000 ] || die "more than 6000 KiB"
echo go >&8
wait $NODE || die "see above"
say "$(tail -1 "$T/out")"
until_ok 10 eval '[ -z "$(session_pids)" ]' || die "$(session_pids | wc -l) processes are left"
until_ok 10 eval '[ -z "$(pgrep -P "$SSHD_PID")" ]' || die "sshd still has some"
ended() { audit_has '"kind":"ssh_ended"' | grep -c '"why":"Closed by the user'; }
until_ok 5 eval '[ "$(ended)" = "$MANY" ]' || die "$(ended) ends of $MANY in the audit log: $(audit_has ssh_ended | grep -v 'Closed by' | head -3)"
grep -q '_died' "$T/edge.log" && die "a process died: $(grep _died "$T/edge.log")"
say "$MANY terminals at once"
