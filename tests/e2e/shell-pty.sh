#!/bin/bash
# A shell with a terminal: stock `ssh -tt` gets a pty of the client's size, and Ctrl-C interrupts the remote program, not the session.
. "$(dirname "$0")/fixture.sh"
fixture_up

# `script` gives ssh a terminal of its own whose size we choose; its input is a pipe that we write to.
mkfifo "$T/keys"
script -qefc "stty rows 33 cols 101; ssh -F '$T/ssh_config' -tt $UNIX_USER@$HOST 'exec bash --norc --noprofile'" /dev/null \
	<"$T/keys" >"$T/screen" 2>&1 &
PIDS+=($!)
shell=$!
exec 7>"$T/keys"
printf 'PS1=; stty -echo; tty; stty size; echo up-$((40 + 2))\n' >&7
until_ok 20 grep -qE 'up-42|Broken pipe|closed' "$T/screen" || die "no shell: $(cat "$T/screen")"
if [ "$(id -u)" != 0 ] && grep -q '^chown(.*) failed' "$SSHD_LOG"; then
	skip "an sshd without root cannot give out terminals here (devpts without gid=5)"
fi
wait_line "$T/screen" 'up-42' 1 >/dev/null
like "remote terminal" "$(cat "$T/screen")" '/dev/pts/[0-9]+'
like "size of the terminal" "$(cat "$T/screen")" '(^|[^0-9])33 101'

printf 'echo sleeping-$((2 + 1)); sleep 600.%d\n' $$ >&7
wait_line "$T/screen" 'sleeping-3' 20 >/dev/null
until_ok 10 pgrep -u "$UNIX_USER" -f "sleep 600[.]$$\$" # the command is in the foreground before the key is pressed
printf '\003' >&7
printf 'echo status-$?\n' >&7
wait_line "$T/screen" 'status-130' 20 >/dev/null
printf 'exit 5\n' >&7
exec 7>&-
wait "$shell"
eq "exit status of the shell" $? 5
say "pty, size and Ctrl-C work"
