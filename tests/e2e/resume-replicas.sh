#!/bin/bash
# Two connectors of one tunnel: sessions of both go on after kill -9 of front, each with the connector that keeps it.
. "$(dirname "$0")/fixture.sh"
N=${N:-6}
fixture_up
mv "$T/connector-ssh.log" "$T/first.log"
fixture_connector ssh
info() { "$SP" tunnel info -o json ssh-pool | jq '.connectors | length'; }
until_ok 10 eval '[ "$(info)" = 2 ]' || die "$(info) connectors, expected 2"

for i in $(seq "$N"); do
	mkfifo "$T/in.$i"
	sh_ 'echo here $$; read -r line; echo "$line" $$' <"$T/in.$i" >"$T/out.$i" 2>"$T/err.$i" &
	PIDS+=($!)
	exec {fd}>"$T/in.$i"
	FDS[i]=$fd
	wait_line "$T/out.$i" '^here' 20 >/dev/null
done
old=$(role_pid front)
kill -9 "$old"
front_is_new() { local now; now=$(role_pid front); [ -n "$now" ] && [ "$now" != "$old" ]; }
until_ok 10 front_is_new || die "front was not started again"
until_ok 20 eval '[ "$(info)" = 2 ]' || die "$(info) connectors came back, expected 2"
for i in $(seq "$N"); do
	echo back >&"${FDS[i]}"
	wait_line "$T/out.$i" '^back' 30 >/dev/null
	eq "the same shell" "$(sed -n 's/^back //p' "$T/out.$i")" "$(sed -n 's/^here //p' "$T/out.$i")"
done
say "$N sessions over two connectors went on"
