#!/bin/bash
# An ssh session in the middle of a transfer goes on, byte for byte, after kill -9 of front, both ways, again and again; it ends at once
# when the person is revoked; and without resume it ends as it always did.
. "$(dirname "$0")/fixture.sh"
MIB=${MIB:-48}
ROUNDS=${ROUNDS:-4}
fixture_up
head -c "${MIB}M" /dev/urandom >"$T/file"
chmod 644 "$T/file"
want=$(sha256sum <"$T/file" | cut -d' ' -f1)

# front_dies: the role is killed and another takes its place
front_dies() {
	local old
	old=$(role_pid front)
	kill -9 "$old"
	until_ok 10 front_is_new "$old" || die "front was not started again"
}
front_is_new() { local now; now=$(role_pid front); [ -n "$now" ] && [ "$now" != "$1" ]; }
# slow FILE: the file, at a pace that lets the kills fall into it; a line to fd 3 after each quarter
slow() { node -e '
	const fs = require("fs"), d = fs.readFileSync(process.argv[1]), n = Number(process.argv[2]), q = Math.ceil(d.length / n);
	let at = 0;
	const next = () => {
		if (at >= d.length) return;
		if (at && at % q < 65536) fs.writeSync(3, `at ${at}\n`);
		const k = Math.min(65536, d.length - at);
		process.stdout.write(d.subarray(at, at += k), () => setImmediate(next));
	};
	next();' "$1" "$ROUNDS"; }

t0=$(now_ms)
mkfifo "$T/marks"
sh_ 'sha256sum | cut -d" " -f1' < <(slow "$T/file" 3>"$T/marks") >"$T/up" 2>"$T/up.err" &
client=$!
PIDS+=($client)
kills=0
while read -r _ at; do
	front_dies
	kills=$((kills + 1))
done <"$T/marks"
wait "$client" || die "upload: $(cat "$T/up.err")"
eq "checksum of what arrived at the host" "$(cat "$T/up")" "$want"
[ "$kills" -ge $((ROUNDS - 1)) ] || die "only $kills kills fell into the upload"
say "upload of $MIB MiB with $kills kills: $(($(now_ms) - t0)) ms"

t0=$(now_ms)
sh_ "cat $T/file" 2>"$T/down.err" | (
	n=0
	while head -c $((MIB * 1024 * 1024 / ROUNDS)) >"$T/part" && [ -s "$T/part" ]; do
		n=$((n + 1))
		cat "$T/part"
		[ $n -lt "$ROUNDS" ] && front_dies >&2
	done
	echo "$n" >"$T/down.n"
) | sha256sum | cut -d' ' -f1 >"$T/down"
eq "checksum of what arrived here" "$(cat "$T/down")" "$want"
say "download with $(($(cat "$T/down.n") - 1)) kills: $(($(now_ms) - t0)) ms"

# an idle session: the very same shell
exec 5> >(sh_ 'echo here $$; read -r line; echo "$line" $$' >"$T/idle" 2>"$T/idle.err")
wait_line "$T/idle" '^here' 20 >/dev/null
front_dies
echo back >&5
wait_line "$T/idle" '^back' 30 >/dev/null
exec 5>&-
eq "the same shell" "$(sed -n 's/^back //p' "$T/idle")" "$(sed -n 's/^here //p' "$T/idle")"

# what is ended on purpose stays ended
mark=9$RANDOM.$$
ssh -tt -F "$T/ssh_config" "$UNIX_USER@$HOST" "echo here; exec sleep $mark" >"$T/cut" 2>"$T/cut.err" &
client=$!
PIDS+=($client)
wait_line "$T/cut" here 20 >/dev/null
t0=$(now_ms)
runs "revoke" "$SP" admin revoke --email "$EMAIL"
timeout 10 tail --pid="$client" -f /dev/null || die "a revoked session lives on"
say "revoked: ended after $(($(now_ms) - t0)) ms"
like "what the client says" "$(cat "$T/cut.err")" 'SP-12'
until_ok 5 eval '! pgrep -f "sleep $mark"' || die "the host's side of a revoked session lives on"
