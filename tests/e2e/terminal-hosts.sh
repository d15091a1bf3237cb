#!/bin/bash
# Hosts a browser terminal meets: the first key is pinned and audited, another one later ends the session before anything is sent, an administrator releases
# it; listed and required keys; servers that do not know the CA, know no certificates, are no SSH servers or are not there: each is said with what to do.
. "$(dirname "$0")/fixture.sh"
for p in dropbear tinysshd tinysshd-makekey socat; do command -v $p >/dev/null || [ -x /usr/sbin/$p ] || skip "$p is not installed"; done
PATH=$PATH:/usr/sbin
fixture_edge
sp_user
fixture_people
free_port; A=$PORT
free_port; DROP=$PORT
free_port; TINY=$PORT
free_port; NOCA=$PORT
free_port; WEB=$PORT
free_port; NOBODY=$PORT
app() { # NAME PORT [ssh options]
	printf '  - {name: %s, domain: %s.localhost, type: ssh, tunnel: pool, service: "ssh://127.0.0.1:%s", ssh: {%s}, policies: [{name: staff, decision: allow, include: [{group: {name: staff}}], usernames: %s}]}\n' \
		"$1" "$1" "$2" "${3:-}" "${4:-[\"{email_prefix\}\"]}"
}
runs "apps" apply <<-YML
	tunnels: [{name: pool}]
	apps:
	$(app good "$A" '' '["{email_prefix}", nosuch]')
	$(app dropbear "$DROP")
	$(app tiny "$TINY")
	$(app noca "$NOCA")
	$(app web "$WEB")
	$(app nobody "$NOBODY")
YML
for h in good dropbear tiny noca web nobody; do "$SP" admin ca $h.localhost >"$T/$h.ca" || die "ca $h"; done
head -1 "$T/good.ca" >"$T/good.pub"
sshd_start good "$T/good.pub" "$A"
cp "$T/good.pub" "$T/other.pub" # noca trusts the CA of good, not its own
sshd_start noca "$T/other.pub" "$NOCA"
dropbearkey -t ed25519 -f "$T/dropbear.key" >/dev/null 2>&1 || die dropbearkey
bg dropbear -F -E -s -p "127.0.0.1:$DROP" -r "$T/dropbear.key" 2>"$T/dropbear.log"
/usr/sbin/tinysshd-makekey "$T/tiny" >/dev/null
bg socat "TCP-LISTEN:$TINY,bind=127.0.0.1,fork,reuseaddr" "EXEC:/usr/sbin/tinysshd -- $T/tiny" 2>"$T/tiny.log"
bg node "$E2E/lib.mjs" serve "$WEB" hello >"$T/web.out"
connector_start "$T/connector.log" run --token "$("$SP" tunnel token pool)"
for h in good dropbear tiny noca web nobody; do
	until_ok 5 web /dev/null -o /dev/null "https://$h.localhost:$UPORT/" || die "$h is not served"
	web_login "$T/jar" "https://$h.localhost:$UPORT/" "$EMAIL" "$PASSWORD" || die "sign-in at $h"
done
enter() { OUT=$(JAR=$T/jar timeout 70 node "$E2E/terminal-hosts.mjs" "$@" 2>&1) || die "$*: $OUT"; }

# pinned when first seen
enter good.localhost
eq "first" "$OUT" ready
FP=$(ssh-keygen -lf "$T/sshd-good/host_key.pub" | cut -d' ' -f2)
like "pinned" "$("$SP" admin get host-keys)" "good.localhost.*${FP//+/.}"
like "audited" "$(audit_has host_key_pinned)" "\"actor\":\"$EMAIL\""
enter good.localhost
eq "again" "$OUT" ready
# a name that the policy gives: not theirs, then theirs and unknown to the host
enter good.localhost '?user=nosuch'
like "nobody's name" "$OUT" 'SP-1304'
runs "bind" "$SP" admin principals bind nosuch --email "$EMAIL" --idp people
enter good.localhost '?user=nosuch'
like "no such user" "$OUT" 'SP-1701.*did not let user nosuch in'

# another key: nothing is sent to it
kill "$(cat "$T/sshd-good/pid")"
until_ok 5 eval '! kill -0 $(cat "$T/sshd-good/pid") 2>/dev/null' || :
ssh-keygen -q -t ed25519 -N '' -f "$T/newkey"
cp "$T/newkey" "$T/sshd-good/host_key"
: >"$T/sshd-good/log"
/usr/sbin/sshd -D -E "$T/sshd-good/log" -f "$T/sshd-good/sshd_config" &
PIDS+=($!)
wait_line "$T/sshd-good/log" 'Server listening' 20 >/dev/null
enter good.localhost
NEW=$(ssh-keygen -lf "$T/newkey.pub" | cut -d' ' -f2)
like "changed" "$OUT" "SP-1703 The host's key has changed: it was ${FP//+/.} and is now ${NEW//+/.}"
grep -q 'Accepted\|userauth' "$T/sshd-good/log" && die "something was sent to it: $(cat "$T/sshd-good/log")"
like "audited" "$(audit_has host_key_refused)" '"code":1703'
ID=$(grep -o 'host-keys forget [0-9a-f-]*' <<<"$OUT" | cut -d' ' -f3)
runs "forget" "$SP" admin host-keys forget "$ID"
refuses "forget twice" "$SP" admin host-keys forget "$ID"
like "audited" "$(audit_has host_key_released)" "${FP//+/.}"
enter good.localhost
eq "after that" "$OUT" ready

# keys by configuration
runs "required" apply <<-YML
	apps:
	$(app good "$A" 'host_keys: required')
YML
enter good.localhost
like "required" "$OUT" "SP-1704.*${NEW//+/.}"
runs "listed, another" apply <<-YML
	apps:
	$(app good "$A" "host_keys: [\"@cert-authority * $(cut -d' ' -f1,2 "$T/newkey.pub")\"]")
YML
enter good.localhost
like "an authority is not the host's own key" "$OUT" 'SP-1703.*@cert-authority'
runs "listed" apply <<-YML
	apps:
	$(app good "$A" "host_keys: [\"$(cut -d' ' -f1,2 "$T/newkey.pub")\"]")
YML
enter good.localhost
eq "listed" "$OUT" ready

# servers of other kinds
enter noca.localhost
like "a host that was not told" "$OUT" "SP-1701"
like "what to do" "$OUT" "TrustedUserCAKeys"
like "its own CA" "$OUT" "$(cut -d' ' -f2 "$T/noca.ca" | head -1 | sed 's/[+]/./g')"
enter dropbear.localhost
like "dropbear" "$OUT" 'SP-1702.*dropbear.*apt install openssh-server'
enter tiny.localhost
like "tinyssh" "$OUT" 'SP-170[12].*'
say "tinyssh: $OUT"
enter web.localhost
like "no SSH server" "$OUT" 'SP-1705'
enter nobody.localhost
like "nobody there" "$OUT" 'SP-1705.*cannot be reached through its tunnel: SP-1006'
grep -q 'role_died\|session_died' "$T/edge.log" && die "a process died: $(grep _died "$T/edge.log")"
say "every host is told apart"
