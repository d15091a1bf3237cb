#!/bin/bash
# Which Unix user somebody may be is the deciding policy's to say: its usernames replace the application's, the first is the default, another is
# asked for with --username; a name that is in no list, another person's or reserved is refused, list or not.
. "$(dirname "$0")/fixture.sh"
fixture_edge
apply >"$T/apply.out" <<YML || die "apply"
identity_providers:
  - name: people
    type: local
    users:
      - {email: jdoe@a.test, password: $PASSWORD, groups: [ops]}
      - {email: ann@a.test, password: $PASSWORD}
      - {email: guest@b.test, password: $PASSWORD}
tunnels: [{name: pool}]
apps:
  - name: ssh
    domain: $HOST
    type: self_hosted
    tunnel: pool
    service: ssh://127.0.0.1:1
    ssh: {usernames: ["{email_prefix}", web]}
    policies:
      - {name: ops, decision: allow, include: [{email: {email: jdoe@a.test}}], usernames: [deploy, "{email_prefix}", root]}
      - {name: staff, decision: allow, include: [{email_domain: {domain: a.test}}]}
      - {name: guests, decision: allow, include: [{everyone: {}}], usernames: [visitor]}
YML
runs "admin ca" "$SP" admin ca "$HOST"
runs "bind deploy" "$SP" admin principals bind deploy --email jdoe@a.test --idp people
runs "bind web" "$SP" admin principals bind web --email ann@a.test --idp people
gen() { # EMAIL [flags]
	SALLYPORT_HOME=$T/home-$1
	export SALLYPORT_HOME
	[ -d "$SALLYPORT_HOME" ] || client_login "https://$HOST:$UPORT" "$1" "$PASSWORD" || die "sign-in of $1"
	OUT=$("$SP" access ssh-gen --hostname "$HOST:$UPORT" "${@:2}" 2>&1)
}
principal() { ssh-keygen -L -f "$SALLYPORT_HOME/$HOST-cf_key-cert.pub" | sed -n '/Principals:/,/Critical/p' | sed '1d;$d' | tr -d ' '; }
gen jdoe@a.test || die "the default: $OUT"
eq "the policy's first" "$(principal)" deploy
gen jdoe@a.test --username jdoe || die "the second: $OUT"
eq "asked for" "$(principal)" jdoe
SALLYPORT_USERNAME=deploy gen jdoe@a.test || die "by the environment: $OUT"
eq "asked for by the environment" "$(principal)" deploy
gen jdoe@a.test --username web && die "a name of the application's list where the policy has its own"
like "not in the list" "$OUT" 'SP-1304'
gen jdoe@a.test --username root && die "a list created a reserved name"
like "reserved" "$OUT" 'SP-1304'
gen ann@a.test || die "ann: $OUT"
eq "the application's list" "$(principal)" ann
gen ann@a.test --username web || die "ann as web: $OUT"
eq "the application's second" "$(principal)" web
gen ann@a.test --username deploy && die "a name of another policy's list"
like "another policy's" "$OUT" 'SP-1304'
gen guest@b.test && die "a list gave a name that nobody bound"
like "unbound" "$OUT" 'SP-1304'
runs "bind visitor" "$SP" admin principals bind visitor --email guest@b.test --idp people
gen guest@b.test || die "guest: $OUT"
eq "guest" "$(principal)" visitor
gen guest@b.test --username guest && die "the e-mail's prefix where the policy names another"
like "not the prefix" "$OUT" 'SP-1304'
refuses "a name that is none" apply <<YML
apps: [{name: ssh, policies: [{name: x, decision: allow, include: [{everyone: {}}], usernames: ["-bad"]}], domain: $HOST}]
YML
like "where" "$OUT" '"-bad", expected .email_prefix. or a Unix name'
refuses "nor in a reusable policy" apply <<YML
policies: [{name: shared, decision: allow, include: [{everyone: {}}], usernames: [fine, "../bad"]}]
YML
like "where" "$OUT" '"../bad", expected .email_prefix. or a Unix name'
