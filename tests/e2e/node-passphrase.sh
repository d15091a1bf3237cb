#!/bin/bash
# Keys sealed under a passphrase: no key file is left, the wrong one opens nothing and says so, the right one still works after the signer
# was killed (a pipe can be read only once).
. "$(dirname "$0")/../../dev/lib.sh"
lib_init
free_port; U=$PORT
free_port; N=$PORT
free_port; M=$PORT
init() { "$SPD" init --dir "$1" --team "team.localhost:$U" --listen "127.0.0.1:$U" --tunnel-listen "127.0.0.1:$N" --metrics-listen "127.0.0.1:$M" --node-passphrase-fd 0; }
echo 'a long enough passphrase' | init "$T/e" >/dev/null || die init
[ ! -e "$T/e/node.key" ] || die "a key file was written although a passphrase was given"

echo short | init "$T/e2" >/dev/null 2>"$T/short" && die "a short passphrase was taken"
grep -q '12 to 1024 characters' "$T/short" || die "short passphrase: $(cat "$T/short")"

if echo 'another long passphrase!' | timeout 30 "$SPD" run --dir "$T/e" --node-passphrase-fd 0 >"$T/out" 2>"$T/wrong"; then die "ran on a wrong passphrase"; fi
grep -q 'does not open with this node key' "$T/wrong" || die "wrong passphrase: $(tail -2 "$T/wrong")"

mkfifo "$T/ready"
"$SPD" run --dir "$T/e" --node-passphrase-fd 0 <<<'a long enough passphrase' >"$T/ready" 2>"$T/log" &
PIDS+=($!)
EDGE_PID=$!
read -rt 60 line <"$T/ready"
[ "$line" = ready ] || die "not ready on the right passphrase: $(tail -3 "$T/log")"
kill -9 "$(pgrep -P "$EDGE_PID" -f sallyport-signer)"
wait_line "$T/log" 'role_died role="signer"' 10 >/dev/null
for _ in $(seq 100); do
	[ "$(grep -c 'role_ready role="signer"' "$T/log")" -ge 2 ] && break
	read -rt 0.1 <> <(:) || :
done
[ "$(grep -c 'role_ready role="signer"' "$T/log")" -ge 2 ] || die "the signer did not come back: $(tail -3 "$T/log")"
! grep -rq 'long enough passphrase' "$T/e" "$T/log" || die "the passphrase is written somewhere"
