#!/bin/bash
# A sign-in that fails ends at our message: exactly one SP- line, and ssh never dials the host by itself.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_host ssh "$HOST"

# ssh would dial HostName:Port if our block let it fall through: there waits a trap that writes down who comes.
free_port; trap_port=$PORT
node "$E2E/lib.mjs" trap "$trap_port" >"$T/trap" &
PIDS+=($!)
wait_line "$T/trap" ready 10 >/dev/null
ssh_conf "$HOST:$UPORT"
cat >>"$T/ssh_config" <<CONF
    HostName 127.0.0.1
    Port $trap_port
CONF
like "our block names a ProxyCommand under Host" "$(sed -n "/^Host ${HOST//./\\.}/,/^Match/p" "$T/ssh_config")" 'ProxyCommand'

one_line() { # WHAT
	eq "$1: lines with a code" "$(grep -c 'SP-[0-9]' <<<"$OUT")" 1
	[ "$(wc -l <"$T/trap")" = 1 ] || { cat "$T/trap"; die "$1: ssh dialled the host directly"; }
}
SALLYPORT_NO_LOGIN=1 refuses "ssh without a login" timeout 30 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true
like "message" "$OUT" "SP-1110 not signed in to $HOST:$UPORT: run 'sallyport access login https://$HOST:$UPORT'"
one_line "no login"

# neither terminal nor browser: the same, without being told
OUT=$(env -u SALLYPORT_NO_LOGIN -u DISPLAY -u WAYLAND_DISPLAY -u BROWSER timeout 30 setsid -w ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true 2>&1 </dev/null) &&
	die "ssh without terminal and browser worked"
like "message without a terminal" "$OUT" 'SP-1110'
one_line "no terminal"

# a login that nobody finishes
OUT=$(BROWSER=true SALLYPORT_LOGIN_TIMEOUT=2s timeout 60 setsid -w ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true 2>&1 </dev/null) && die "worked"
like "message after the time" "$OUT" 'SP-1109'
[ "$(wc -l <"$T/trap")" = 1 ] || die "ssh dialled the host directly after a timed out login"

# an edge that is away
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
eq "signed in" "$(sh_ 'echo in')" in
edge_stop
SALLYPORT_NO_LOGIN=1 refuses "ssh without an edge" timeout 30 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true
[ "$(wc -l <"$T/trap")" = 1 ] || die "ssh dialled the host directly when the edge was away"
say "the host was never dialled"
