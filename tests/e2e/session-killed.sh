#!/bin/bash
# kill -9 of anything in the middle of a browser session: the session ends with a reason or goes on, the host's side is gone at once, every begin has an end in the
# audit log, nothing is left, and the next session works.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
TYPE=ssh fixture_host ssh "$HOST"
web_login "$T/jar" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD" || die "sign-in"
export JAR=$T/jar HOST_=$HOST
mkfifo "$T/in"
node "$E2E/session-killed.mjs" <"$T/in" >"$T/out" 2>"$T/err" &
PIDS+=($!)
exec 8>"$T/in"
tell() { echo "$*" >&8; }
heard() { wait_line "$T/out" "^$1" 25 || die "$1: $(cat "$T/err")"; }
opened() { tell "open $1"; heard "up $1" >/dev/null; ID=$(sed -n "s/^up $1 //p" "$T/out"); }
sshd_empty() { [ -z "$(pgrep -P "$SSHD_PID")" ]; }
over() { # what was killed is gone everywhere
	until_ok 3 sshd_empty || die "$1: sshd still has it"
	until_ok 10 eval '[ -z "$(role_pid session)" ]' || die "$1: the process is left"
	until_ok 10 eval 'audit_has ssh_ended | grep -q "$ID"' || die "$1: no end of $ID in the audit log: $(audit_has ssh_ended)"
}

opened session
kill -9 "$(role_pid session)"
tell "end session"
heard "end session" >/dev/null
over session
like "its end" "$(audit_has ssh_ended | grep "$ID")" '"why":"signal 9"'

opened judge
J=$(role_pid judge)
kill -9 "$J"
tell "end judge"
heard "end judge" >"$T/line"
like "told" "$(cat "$T/line")" 'SP-1008 The edge was restarted'
until_ok 10 eval '[ -n "$(role_pid judge)" ] && [ "$(role_pid judge)" != "$J" ]' || die "judge is not back"
over judge

opened front
kill -9 "$(role_pid front)"
tell "end front"
heard "end front" >/dev/null
over front

opened signer # a live session does not need it
kill -9 "$(role_pid signer)"
tell "alive signer"
heard "alive signer" >/dev/null
over signer

opened connector
kill -9 "$CONNECTOR_PID"
tell "end connector"
heard "end connector" >"$T/line"
like "told" "$(cat "$T/line")" 'SP-1705'
over connector
fixture_connector ssh

opened sshd
MONITOR=$(pgrep -P "$SSHD_PID")
kill -9 $(pgrep -P "$MONITOR") "$MONITOR"
tell "end sshd"
heard "end sshd" >"$T/line"
like "told" "$(cat "$T/line")" 'SP-1705'
over sshd

opened stopped # one that does not answer any more is not waited for
P=$(role_pid session)
kill -STOP "$P"
"$SP" admin ssh-sessions end "$ID" >/dev/null || die "end"
until_ok 12 eval '! kill -0 $P 2>/dev/null' || die "a process that does not listen lives on"
tell "end stopped"
heard "end stopped" >/dev/null
over stopped

opened last
tell "alive last"
heard "alive last" >/dev/null
over last
say "whatever dies, the session's end is told and nothing is left"
