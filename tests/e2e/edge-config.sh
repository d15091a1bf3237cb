#!/bin/bash
# What is wrong in sallyportd.yml is told by `check` and refused by `init` and SIGHUP; an edge that was told to reload it runs on, and a role
# that dies afterwards still comes back.
. "$(dirname "$0")/fixture.sh"
fixture_edge
Y=$EDGE/sallyportd.yml
cp "$Y" "$T/good.yml"
wrong() { # WHAT REGEX LINE: a configuration with this line more
	{ cat "$T/good.yml"; printf '%s\n' "$3"; } >"$Y"
	refuses "check: $1" "$SPD" check --dir "$EDGE"
	like "check: $1" "$OUT" "$2"
}

wrong "a typo" "sallyportd.yml:[0-9]+: unknown key \"lisen\"; did you mean \"listen\"" 'lisen: 1.2.3.4:5'
wrong "a network" 'found "192.0.2.1/24"' 'trusted_proxies: [192.0.2.1/24]'
wrong "no such certificate" '/nope.pem: No such file' 'tls: {certificates: [{cert: /nope.pem, key: /nope.key}]}'
for k in a b; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$k.key" -out "$T/$k.pem" -subj /CN=$k -days 2 2>/dev/null
done
wrong "another's key" 'key does not fit' "tls: {certificates: [{cert: $T/a.pem, key: $T/b.key}]}"

for line in 'lisen: 1.2.3.4:5' 'tls: {certificates: [{cert: /nope.pem, key: /nope.key}]}' 'trusted_proxies: [192.0.2.1/24]'; do
	{ cat "$T/good.yml"; printf '%s\n' "$line"; } >"$Y"
	said=$(grep -c reload_refused "$T/edge.log")
	kill -HUP "$EDGE_PID"
	until_ok 10 eval "[ \$(grep -c reload_refused '$T/edge.log') -gt $said ]" || die "reload of '$line' was not refused"
	old=$(role_pid front)
	kill -9 "$old"
	until_ok 20 role_again front "$old" || die "front did not come back after a refused reload of '$line'"
done
cp "$T/good.yml" "$Y"
runs "check" "$SPD" check --dir "$EDGE"

# init touches no folder that holds something else
mkdir -m 755 "$T/full"
: >"$T/full/theirs"
refuses "init in a folder in use" "$SPD" init --dir "$T/full" --team a.localhost
eq "its mode" "$(stat -c %a "$T/full")" 755
eq "what is in it" "$(ls "$T/full")" theirs
refuses "a bad address" "$SPD" init --dir "$T/new" --team a.localhost --admin a@b@c
runs "init after a refusal" "$SPD" init --dir "$T/new" --team a.localhost --admin a@b
refuses "init again" "$SPD" init --dir "$T/new" --team a.localhost
edge_stop || die "exit status of the edge after SIGTERM: $?"
