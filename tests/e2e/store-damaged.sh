#!/bin/bash
# The embedded store: a full disk refuses what must be written with SP-1013, keeps everything that was acknowledged and takes writes again when
# there is space; a file that is cut, damaged or somebody else's is refused at start with what to do, and never written to.
. "$(dirname "$0")/fixture.sh"
[ "$(id -u)" = 0 ] || skip "a small file system needs root"
lib_init
mkdir "$T/small"
mount -t tmpfs -o size=6m,mode=711 tmpfs "$T/small" 2>/dev/null || skip "no tmpfs may be mounted here"
cleanup_more() { umount -l "$T/small" 2>/dev/null; }
PG_DIR=none # lib_init was called
sp_user
edge_init "$T/edge"
mkdir "$T/small/state"
chown --reference="$T/edge/state" "$T/small/state"
chmod 700 "$T/small/state"
rmdir "$T/edge/state"
mount --bind "$T/small/state" "$T/edge/state" 2>/dev/null || { mkdir "$T/edge/state"; mount --bind "$T/small/state" "$T/edge/state" || skip "no bind mount"; }
cleanup_more() { umount -l "$T/edge/state" "$T/small" 2>/dev/null; }
edge_start
fixture_people
fixture_host ssh "$HOST"
signed_in
eq "before" "$(sh_ 'echo one')" one
group() { printf 'groups: [{name: %s, include: [%s{everyone: {}}]}]\n' "$1" "$(for _ in $(seq "${2:-1}"); do printf '{email: {email: %s@example.test}}, ' "$RANDOM"; done)"; }
runs "a change" apply < <(group kept)
dd if=/dev/zero of="$T/small/ballast" bs=4k 2>/dev/null
n=0
while [ $n -lt 100 ] && OUT=$(apply < <(group "more-$n" 200) 2>&1); do n=$((n + 1)); done
like "the refusal" "$OUT" 'SP-1013'
like "groups" "$("$SP" admin get groups)" kept
like "every acknowledged one" "$("$SP" admin get groups | grep -c more- || true)" "^$n\$"
eq "who is signed in goes on" "$(sh_ 'echo two')" two
rm "$T/small/ballast"
runs "a change with space again" apply < <(group again)
"$SP" admin get groups -o json | jq -e 'map(.name) | index("again") and index("kept")' >/dev/null || die "groups after there was space again"
edge_stop

db=$T/edge/state/sallyport.db
cp -p "$db" "$T/good.db"
refused() { # WHAT PART
	local sum
	sum=$(cksum <"$db")
	refuses "$1" timeout 20 "$SPD" run --dir "$EDGE"
	like "$1" "$OUT" "$2"
	eq "$1: the file is as it was" "$(cksum <"$db")" "$sum"
	rm -f "$db-wal" "$db-shm"
}
again() { cat "$T/good.db" >"$db"; }
truncate -s 700 "$db"
refused "cut to 700 bytes" 'restore a backup|not a store of ours'
again
truncate -s $(($(stat -c %s "$db") / 2 / 4096 * 4096)) "$db"
refused "cut in half" 'restore a backup'
again
printf 'This file is a letter to my aunt, and long enough to be taken for a database by its size alone. %0200d' 0 >"$db"
refused "another kind of file" 'not a store of ours; move it away'
sqlite3 -version >/dev/null 2>&1 && { rm -f "$db"; sqlite3 "$db" 'CREATE TABLE theirs(x)'; chown --reference="$T/good.db" "$db"; refused "another program's" "another program's database"; }
again
edge_start
like "after all that" "$("$SP" admin get groups)" again
