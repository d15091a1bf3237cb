#!/bin/bash
# Port forwarding: -L reaches a service beside the host, -D is a SOCKS proxy that resolves names there, -R comes back.
. "$(dirname "$0")/fixture.sh"
fixture_up
free_port; web=$PORT
free_port; local_=$PORT
free_port; socks=$PORT
free_port; back=$PORT
node "$E2E/lib.mjs" serve "$web" 'hello from inside' >"$T/web.out" &
PIDS+=($!)
wait_line "$T/web.out" ready 10 >/dev/null

ssh -F "$T/ssh_config" -v -N -o ExitOnForwardFailure=yes -L "127.0.0.1:$local_:127.0.0.1:$web" -D "127.0.0.1:$socks" \
	-R "127.0.0.1:$back:127.0.0.1:$web" "$UNIX_USER@$HOST" 2>"$T/ssh.log" &
PIDS+=($!)
wait_line "$T/ssh.log" 'remote forward success' 20 >/dev/null
eq "-L" "$(curl -sS --max-time 10 "http://127.0.0.1:$local_/")" 'hello from inside'
eq "-D" "$(curl -sS --max-time 10 --socks5-hostname "127.0.0.1:$socks" "http://localhost:$web/")" 'hello from inside'
eq "-R" "$(curl -sS --max-time 10 "http://127.0.0.1:$back/")" 'hello from inside'
eq "a big answer through -L" "$(curl -sS --max-time 30 "http://127.0.0.1:$local_/bytes/20000000" | wc -c)" 20000000
# Many at once over the one session.
for i in 1 2 3 4 5 6 7 8; do
	curl -sS --max-time 20 --socks5-hostname "127.0.0.1:$socks" "http://localhost:$web/bytes/500000" | wc -c >"$T/n.$i" &
	pids[i]=$!
done
wait "${pids[@]}"
eq "eight at once through -D" "$(sort -u "$T"/n.*)" 500000
say "-L, -D and -R work"
