#!/bin/bash
# The edge on PostgreSQL: from the login to the certificate and through to a host. What another process commits is in force within a
# second. The database dies: who is signed in goes on, new connections included; what must be written is refused with SP-1013 and nothing
# of it stays; it comes back: everything works again by itself, and whatever was acknowledged is there.
. "$(dirname "$0")/fixture.sh"
fixture_pg
fixture_edge --store "$PG_URL"
eq "mode of the file with the password" "$(stat -c %a "$EDGE/sallyportd.yml")" 600
sp_user
fixture_people
fixture_host ssh "$HOST"
signed_in
eq "through the tunnel" "$(sh_ 'echo one')" one
[ ! -e "$EDGE/state/sallyport.db" ] || die "an embedded store was made too"
eq "sessions in the database" "$(sql "SELECT count(*) FROM doc WHERE kind='session'")" 1
if grep -q p4ss-of "$T/edge.log" "$T/init.out"; then die "the password is in a log"; fi
for role in front fetch signer; do # nor in the memory of those whom it does not concern
	pid=$(role_pid $role)
	for range in $(sed -n 's/^\([0-9a-f-]*\) rw.* \[\(heap\|stack\)\]$/\1/p' "/proc/$pid/maps" 2>/dev/null); do
		from=$((16#${range%-*})) to=$((16#${range#*-}))
		if dd if="/proc/$pid/mem" bs=4096 skip=$((from / 4096)) count=$(((to - from) / 4096)) 2>/dev/null | grep -qa p4ss-of; then
			die "$role holds the database's password"
		fi
	done
done

# another process takes the policy away: the live session is cut, the next one refused
sh_ 'echo up; exec sleep 600' >"$T/live" 2>/dev/null &
LIVE=$!
PIDS+=("$LIVE")
wait_line "$T/live" '^up$' 20 >/dev/null
t0=$(now_ms)
sql "BEGIN; UPDATE doc SET version=version+1, json=replace(json, 'example.test', 'nowhere.test') WHERE kind='group';
	UPDATE counter SET value=value+1 WHERE name='epoch'; NOTIFY sallyport; COMMIT"
wait "$LIVE"
took=$(($(now_ms) - t0))
say "a live session is cut $took ms after another process's change"
[ "$took" -le 2000 ] || die "took longer than 2 s"
like "explain" "$("$SP" admin explain --app "$HOST" --email "$EMAIL" | head -1)" '^deny$'
sql "BEGIN; UPDATE doc SET version=version+1, json=replace(json, 'nowhere.test', 'example.test') WHERE kind='group';
	UPDATE counter SET value=value+1 WHERE name='epoch'; NOTIFY sallyport; COMMIT"
until_ok 5 eval '[ "$("$SP" admin explain --app "$HOST" --email "$EMAIL" | head -1)" = allow ]' || die "the change back"

judge=$(role_pid judge)
pg kill
eq "without a database" "$(sh_ 'echo two')" two
rm -f "$SALLYPORT_HOME"/*cert.pub
eq "a certificate without a database" "$(sh_ 'echo three')" three
t0=$(now_ms)
refuses "a change without a database" apply <<<'groups: [{name: lost, include: [{everyone: {}}]}]'
like "the refusal" "$OUT" 'SP-1013'
web_login "$T/jar.down" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD"
eq "status of a sign-in without a database" "$STATUS" 503
like "the page" "$(cat "$PAGE")" 'SP-1013'
refuses "a revocation without a database" "$SP" admin revoke --email eve@elsewhere.test
like "the refusal" "$OUT" 'SP-1013'
[ $(($(now_ms) - t0)) -le 12000 ] || die "the refusals took too long"
wait_line "$T/edge.log" 'store_away' 10 >/dev/null

pg start
wait_line "$T/edge.log" 'store_back' 20 >/dev/null
until_ok 10 apply <<<'groups: [{name: kept, include: [{everyone: {}}]}]' || die "no change after the database was back"
unlike "groups" "$("$SP" admin get groups)" lost
like "groups" "$("$SP" admin get groups)" kept
eq "judge is the same process, confined all the time" "$(role_pid judge)" "$judge"
web_login "$T/jar.up" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD"
eq "sessions after the database was back" "$(sql "SELECT count(*) FROM doc WHERE kind='session'")" 2
eq "after" "$(sh_ 'echo four')" four

edge_stop
edge_start
like "after a restart" "$("$SP" admin get groups)" kept
until_ok 20 sh_ true || die "the session of before the restart"

# retention: who stayed away for a year is forgotten, but not who is barred
runs "bar somebody" "$SP" admin users disable away@example.test
edge_stop
like "people" "$(sql "SELECT json FROM doc WHERE kind='person'")" "$EMAIL"
sql "DELETE FROM doc WHERE kind='session'; UPDATE doc SET
	json=regexp_replace(json, '\"20[0-9]{2}-', '\"2017-', 'g') WHERE kind='person'"
edge_start
left=$(sql "SELECT json FROM doc WHERE kind='person'")
unlike "people a year later" "$left" "$EMAIL"
like "who is barred" "$left" away@example.test

# a database that was there before init, of somebody else
pg_other=${PG_URL/\/postgres\?/\/theirs\?}
sql 'CREATE DATABASE theirs'
psql -X -q -h "$PG_DIR" -p "$PG_PORT" -U sallyport -d theirs -c 'CREATE TABLE accounts(x int)'
edge_stop
sed -i "s#^store:.*#store: $pg_other#" "$EDGE/sallyportd.yml"
refuses "another program's database" timeout 20 "$SPD" run --dir "$EDGE"
like "what it says" "$OUT" "holds another program's tables"
