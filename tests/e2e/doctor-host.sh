#!/bin/bash
# `sallyport doctor host`: a right sshd is right; each thing that keeps certificates out is named, with the line that mends it.
. "$(dirname "$0")/fixture.sh"
SSHD=$(command -v sshd || echo /usr/sbin/sshd)
[ -x "$SSHD" ] || skip "no sshd here"
fixture_edge
EMAIL=jdoe@example.test
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
[ "$(id -u)" = 0 ] && mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$T/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$T/other_ca"
runs "ca" "$SP" admin ca "$HOST"
head -1 <<<"$OUT" >"$T/ca.pub"
chmod 644 "$T/ca.pub" "$T/other_ca.pub"

conf() { # lines of sshd_config
	{
		printf 'HostKey %s\nPidFile none\nPort 2222\n' "$T/host_key"
		cat
	} >"$T/sshd_config"
}
host() { "$SP" doctor host --config "$T/sshd_config" --app "$HOST" "$@"; }

conf <<<"TrustedUserCAKeys $T/ca.pub"
runs "a right host" host
like "last line" "$(tail -1 <<<"$OUT")" 'nothing is wrong'
like "trust" "$OUT" 'ok   trust'
like "clock, of the edge's answer" "$OUT" 'ok   clock'
runs "with the key at hand" "$SP" doctor host --config "$T/sshd_config" --ca-key "$T/ca.pub" --sshd "$SSHD"

conf <<<""
refuses "no TrustedUserCAKeys" host
like "step" "$OUT" 'FAIL trust: TrustedUserCAKeys is not set'
like "the line to add" "$OUT" 'TrustedUserCAKeys /etc/ssh/sallyport_ca.pub'
like "restart, Debian" "$OUT" 'systemctl restart ssh'
like "restart, RHEL" "$OUT" 'systemctl restart sshd'

conf <<<"TrustedUserCAKeys $T/other_ca.pub"
refuses "another authority" host
like "step" "$OUT" "FAIL trust: .*other_ca.pub has 1 key, but not the authority's"

conf <<<"TrustedUserCAKeys $T/missing.pub"
refuses "a file that is not there" host
like "step" "$OUT" 'FAIL trust: .*No such file'

conf <<<"TrustedUserCAKeys $T/ca.pub"
chmod 666 "$T/ca.pub"
refuses "a file that anybody may write" host
like "step" "$OUT" 'FAIL trust: .*may be changed by others'
chmod 644 "$T/ca.pub"

conf <<<"TrustedUserCAKeys $T/ca.pub
PubkeyAuthentication no"
refuses "no public keys" host
like "step" "$OUT" 'FAIL pubkey: PubkeyAuthentication is no'

conf <<<"TrustedUserCAKeys $T/ca.pub
CASignatureAlgorithms rsa-sha2-512"
refuses "the authority's algorithm is off" host
like "step" "$OUT" 'FAIL signature: .*without ssh-ed25519'
like "the line" "$OUT" 'CASignatureAlgorithms [+]ssh-ed25519'

conf <<<"TrustedUserCAKeys $T/ca.pub
AuthorizedPrincipalsFile /etc/ssh/principals"
refuses "one principals file for all" host
like "step" "$OUT" 'FAIL principals'

conf <<<"NoSuchKeyword yes"
refuses "a broken file" host
like "step" "$OUT" 'FAIL sshd: .*NoSuchKeyword'
refuses "no sshd" "$SP" doctor host --sshd "$T/none"
like "step" "$OUT" 'FAIL sshd'

# the edge's own doctor, while there is one
OUT=$("$SP" doctor edge --dir "$EDGE")
status=$?
if grep -q __asan_init "$SPD"; then # such a build cannot be confined, and doctor says so
	eq "what fails" "$(grep ^FAIL <<<"$OUT" | cut -d: -f1)" "FAIL confinement"
else
	eq "doctor edge" "$status $(tail -1 <<<"$OUT")" "0 nothing is wrong"
fi
like "names" "$OUT" "ok   application certificate: .* as $HOST"
like "the team host" "$OUT" "ok   dns: the team host $TEAM_HOST is 127.0.0.1"
like "its application" "$OUT" "ok   dns: $HOST leads to the edge, 127.0.0.1"
role=$(role_pid fetch)
like "processes" "$OUT" "sallyport-fetch \($role\)"
fixture_app lost ssh.no-such-zone.invalid ssh://127.0.0.1:1
runs "a wildcard" apply <<<'apps: [{name: any, domain: "*.no-such-zone.invalid"}]'
refuses "a name that DNS does not know" "$SP" doctor edge --dir "$EDGE"
like "the name" "$OUT" 'FAIL dns: ssh.no-such-zone.invalid does not resolve'
like "the record" "$OUT" "add: ssh.no-such-zone.invalid. CNAME $TEAM_HOST\."
like "or that" "$OUT" 'A or AAAA: 127.0.0.1'
like "a wildcard's record" "$OUT" "add: \*.no-such-zone.invalid. CNAME $TEAM_HOST\."
like "the others are well" "$OUT" "ok   dns: $HOST leads"
if unshare -m true 2>/dev/null; then # with a hosts file of our own
	echo '192.0.2.1 ssh.no-such-zone.invalid' >"$T/hosts"
	refuses "a name that leads elsewhere" unshare -m sh -c "mount --bind $T/hosts /etc/hosts && exec $SP doctor edge --dir $EDGE"
	like "both addresses" "$OUT" "FAIL dns: ssh.no-such-zone.invalid is 192.0.2.1, but the edge $TEAM_HOST is 127.0.0.1"
fi
edge_stop
refuses "doctor edge without an edge" "$SP" doctor edge --dir "$EDGE"
like "step" "$OUT" 'FAIL ready'
say "every fault was named"
