#!/bin/bash
# A backup of a running edge, restored elsewhere: the tokens of before, certificates, tunnels, the log and accounts go on; from the embedded
# store to PostgreSQL and back. A running edge or a folder in use is never restored over, a store in use neither, and a backup that is
# damaged in any byte, cut off or not ours is refused with nothing left behind.
. "$(dirname "$0")/fixture.sh"
fixture_pg
fixture_edge
sp_user
fixture_people
fixture_host ssh "$HOST"
signed_in
eq "before" "$(sh_ 'echo one')" one
ca=$("$SP" admin ca "$HOST" | head -1)
token=$(client_token)

runs "backup" "$SPD" backup --dir "$EDGE" "$T/one.backup"
eq "its mode" "$(stat -c %a "$T/one.backup")" 600
[ -z "$(ls "$T" | grep -F .new)" ] || die "something was left beside it"
grep -qa "$(sed -n 2p "$EDGE/cert.pem")" "$T/one.backup" && die "the operator's credential is in it"
grep -qaF "$(cat "$EDGE/admin.token")" "$T/one.backup" && die "the administrator's token is in it"
LC_ALL=C grep -qaF "$(head -c 12 "$EDGE/node.key" | tr -d '\0\n')" "$T/one.backup" && die "node.key is in it"
runs "backup with keys" "$SPD" backup --dir "$EDGE" --with-keys "$T/keys.backup"
grep -qaF "$(cat "$EDGE/admin.token")" "$T/keys.backup" || die "--with-keys lacks the token"
runs "over an old one" "$SPD" backup --dir "$EDGE" "$T/keys.backup" --with-keys
eq "the edge did not notice" "$(sh_ 'echo two')" two

refuses "into the running edge" "$SPD" restore --dir "$EDGE" "$T/one.backup"
like "what it says" "$OUT" 'is not empty, and may be a running edge'
eq "the edge lives" "$(sh_ 'echo three')" three
# damaged, cut, foreign: nothing is made
size=$(stat -c %s "$T/one.backup")
for at in 3 25 60 $((size / 3)) $((size / 2)) $((size - 30)); do
	cp "$T/one.backup" "$T/bad"
	byte=$(od -An -tu1 -j "$at" -N1 "$T/bad")
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$T/bad" bs=1 seek="$at" conv=notrunc 2>/dev/null
	refuses "a byte changed at $at" "$SPD" restore --dir "$T/none" "$T/bad"
	like "what it says" "$OUT" 'damaged|not a backup of ours|newer release|cut off'
done
for n in 0 10 100 $((size / 2)) $((size - 1)); do
	head -c "$n" "$T/one.backup" >"$T/bad"
	refuses "cut after $n" "$SPD" restore --dir "$T/none" "$T/bad"
	like "what it says" "$OUT" 'cut off|damaged'
done
printf x | cat "$T/one.backup" - >"$T/bad"
refuses "a byte more" "$SPD" restore --dir "$T/none" "$T/bad"
refuses "not a backup" "$SPD" restore --dir "$T/none" "$SP"
like "what it says" "$OUT" 'not a backup of ours'
[ ! -e "$T/none" ] || [ -z "$(ls -A "$T/none")" ] || die "something was left: $(ls -A "$T/none")"

# elsewhere, on PostgreSQL
old=$EDGE
edge_stop
runs "restore" "$SPD" restore --dir "$T/two" --store "$PG_URL" "$T/one.backup"
like "what it says" "$OUT" 'node.key'
eq "mode of the configuration" "$(stat -c %a "$T/two/sallyportd.yml")" 600
[ ! -e "$T/two/state/sallyport.db" ] || die "an embedded store was made"
EDGE=$T/two
refuses "without node.key" timeout 20 "$SPD" run --dir "$EDGE"
cp -p "$old/node.key" "$EDGE/node.key"
edge_start
until_ok 20 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || { tail -5 "$T/connector-ssh.log" "$T/edge.log"; die "no connection after the restore"; }
eq "the token of before" "$(client_token)" "$token"
eq "the authority" "$("$SP" admin ca "$HOST" | head -1)" "$ca"
audit_has '"login' >/dev/null || die "the log was lost"
refuses "a store in use" "$SPD" restore --dir "$T/three" --store "$PG_URL" "$T/one.backup"
like "what it says" "$OUT" 'not empty'
[ -z "$(ls -A "$T/three")" ] || die "something was left: $(ls -A "$T/three")"
runs "a change there" apply <<<'groups: [{name: later, include: [{everyone: {}}]}]'

# and back, with everything in one file
runs "backup of PostgreSQL" "$SPD" backup --dir "$EDGE" --with-keys "$T/two.backup"
edge_stop
runs "restore" "$SPD" restore --dir "$T/four" --store sqlite "$T/two.backup"
unlike "what it says" "$OUT" 'node.key'
EDGE=$T/four
edge_start
until_ok 20 env SALLYPORT_NO_LOGIN=1 ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" true || die "no connection after the second restore"
like "groups" "$("$SP" admin get groups)" later
rm -f "$T"/jar.* "$SALLYPORT_HOME"/*token
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in with the password of before"
eq "after" "$(sh_ 'echo four')" four
