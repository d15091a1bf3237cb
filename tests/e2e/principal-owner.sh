#!/bin/bash
# A Unix name has one owner: after jdoe@a, jdoe@b is refused (SP-1305) until an administrator binds him; root@ is refused (SP-1304); what is
# released can be taken again.
. "$(dirname "$0")/fixture.sh"
fixture_edge
apply >"$T/apply.out" <<YML || die "apply"
identity_providers:
  - name: people
    type: local
    users:
      - {email: jdoe@a.test, password: $PASSWORD}
      - {email: JDoe@b.test, password: $PASSWORD}
      - {email: root@a.test, password: $PASSWORD}
      - {email: jdoe+tag@a.test, password: $PASSWORD}
      - {email: -x@a.test, password: $PASSWORD}
tunnels: [{name: pool}]
apps:
  - name: ssh
    domain: $HOST
    type: self_hosted
    tunnel: pool
    service: ssh://127.0.0.1:1
    policies: [{name: all, decision: allow, include: [{everyone: {}}]}]
YML
runs "admin ca" "$SP" admin ca "$HOST"
# gen EMAIL: a home of their own, signed in, and a certificate asked for
gen() {
	SALLYPORT_HOME=$T/home-$1
	export SALLYPORT_HOME
	[ -d "$SALLYPORT_HOME" ] || client_login "https://$HOST:$UPORT" "$1" "$PASSWORD" || die "sign-in of $1"
	OUT=$("$SP" access ssh-gen --hostname "$HOST:$UPORT" 2>&1)
}
principal() { ssh-keygen -L -f "$SALLYPORT_HOME/$HOST-cf_key-cert.pub" | sed -n '/Principals:/,/Critical/p' | sed '1d;$d' | tr -d ' '; }

gen jdoe@a.test || die "jdoe@a.test: $OUT"
eq "principal" "$(principal)" jdoe
gen JDoe@b.test && die "jdoe@b.test got a certificate after jdoe@a.test"
like "refusal" "$OUT" 'SP-1305'
eq "one line" "$(grep -c . <<<"$OUT")" 1
unlike "the user is not told whose it is" "$OUT" 'a\.test'
[ ! -e "$SALLYPORT_HOME/$HOST-cf_key-cert.pub" ] || die "a certificate was written"
like "the administrator is told" "$("$SP" admin log)" 'cert_refused.*jdoe'
gen root@a.test && die "root got a certificate"
like "root@" "$OUT" 'SP-1304'
gen jdoe+tag@a.test && die "jdoe+tag got a certificate"
like "jdoe+tag@" "$OUT" 'SP-1304'
gen -x@a.test && die "-x got a certificate"
like "-x@" "$OUT" 'SP-1304'

like "principals" "$("$SP" admin principals)" 'jdoe.*jdoe@a\.test'
runs "bind" "$SP" admin principals bind jdoe --email jdoe@b.test --idp people
gen JDoe@b.test || die "bound, and still refused: $OUT"
eq "principal of the second person" "$(principal)" jdoe
gen jdoe@a.test || die "the first owner lost the name by a bind: $OUT"

runs "bind of a reserved name" "$SP" admin principals bind root --email root@a.test --idp people
gen root@a.test || die "root, bound by an administrator: $OUT"
eq "principal" "$(principal)" root

runs "release" "$SP" admin principals release jdoe
gen JDoe@b.test || die "released: first come first served: $OUT"
gen jdoe@a.test && die "the former owner still has the name"
like "former owner" "$OUT" 'SP-1305'
say "names have one owner"
