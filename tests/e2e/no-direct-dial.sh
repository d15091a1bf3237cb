#!/bin/bash
# A sign-in that fails ends at our message: exactly one SP- line, and ssh never dials the host by itself.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_host ssh "$HOST"

# ssh would dial the host's name at this port if our block let it fall through: there waits a trap that writes down who comes. Where the
# resolver does not know the name, ssh's own account of what it does (-v) tells.
free_port; trap_port=$PORT
node "$E2E/lib.mjs" trap "$trap_port" >"$T/trap" &
PIDS+=($!)
wait_line "$T/trap" ready 10 >/dev/null
ssh_conf "$HOST:$UPORT"
printf '    Port %s\n' "$trap_port" >>"$T/ssh_config"
try() { timeout 60 "$@" ssh -v -E "$T/ssh.log" -F "$T/ssh_config" "$UNIX_USER@$HOST" true </dev/null; }
not_dialled() { # WHAT
	like "$1: ssh's log" "$(cat "$T/ssh.log")" 'Executing proxy command'
	unlike "$1: ssh's log" "$(cat "$T/ssh.log")" 'Connecting to|resolve hostname'
	[ "$(wc -l <"$T/trap")" = 1 ] || die "$1: ssh dialled the host directly"
	: >"$T/ssh.log"
}

one_line() { # WHAT: of all that reached the terminal
	[ "$(grep -c 'SP-[0-9]' <<<"$OUT")" = 1 ] || say "$OUT"
	eq "$1: lines with a code" "$(grep -c 'SP-[0-9]' <<<"$OUT")" 1
	not_dialled "$1"
}
SALLYPORT_NO_LOGIN=1 refuses "ssh without a login" try env
like "message" "$OUT" "SP-1110 not signed in to $HOST:$UPORT: run 'sallyport access login https://$HOST:$UPORT'"
one_line "no login"

# by themselves, one after the other from one shell: each says it
for half in ssh-gen ssh ssh; do
	SALLYPORT_NO_LOGIN=1 "$SP" access "$half" --hostname "$HOST:$UPORT" >"$T/half" 2>&1 </dev/null && die "$half without a login"
	eq "access $half alone" "$(cat "$T/half")" "SP-1110 not signed in to $HOST:$UPORT: run 'sallyport access login https://$HOST:$UPORT'"
done

# neither terminal nor browser: the same, without being told
refuses "ssh without terminal and browser" try env -u SALLYPORT_NO_LOGIN -u DISPLAY -u WAYLAND_DISPLAY -u BROWSER setsid -w
like "message without a terminal" "$OUT" 'SP-1110'
one_line "no terminal"

# a login that nobody finishes: asked once
printf '#!/bin/sh\necho "$1" >>%s\n' "$T/tabs" >"$T/browser"
chmod +x "$T/browser"
refuses "ssh with a login that nobody finishes" try env BROWSER="$T/browser" SALLYPORT_LOGIN_TIMEOUT=2s setsid -w
like "message after the time" "$OUT" 'SP-1109'
one_line "timed out"
eq "browser tabs" "$(wc -l <"$T/tabs")" 1

# an edge that is away
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
eq "signed in" "$(sh_ 'echo in')" in
edge_stop
SALLYPORT_NO_LOGIN=1 refuses "ssh without an edge" try env
like "message without an edge" "$OUT" 'SP-1502'
not_dialled "edge away"
say "the host was never dialled"
