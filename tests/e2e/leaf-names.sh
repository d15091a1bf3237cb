#!/bin/bash
# Without a configured certificate every application is served with a leaf of the edge's own authority, however many there are: no leaf grows
# with their number, and a new application changes one of them.
. "$(dirname "$0")/fixture.sh"
fixture_edge
{
	echo "tunnels: [{name: pool}]"
	echo "apps:"
	for i in {1..450}; do echo "  - {name: a$i, domain: app$i.many.localhost, type: self_hosted, tunnel: pool, service: \"http://127.0.0.1:1\"}"; done
} >"$T/many.yml"
runs "apply" "$SP" admin apply "$T/many.yml"
leaf() { openssl s_client -connect "127.0.0.1:$UPORT" -servername "$1" -CAfile "$CA" -verify_hostname "$1" -verify_return_error </dev/null 2>/dev/null; }
serial() { leaf "$1" | openssl x509 -noout -serial 2>/dev/null; }
served() { [ -n "$(serial "$1")" ]; }
names=("$TEAM_HOST" app{1..450..37}.many.localhost)
for n in "${names[@]}"; do until_ok 20 served "$n" || die "no certificate for $n"; done
declare -A was
largest=0
for n in "${names[@]}"; do
	was[$n]=$(serial "$n")
	size=$(leaf "$n" | openssl x509 -noout -ext subjectAltName | grep -o DNS: | wc -l)
	[ "$size" -le "$largest" ] || largest=$size
done
[ "$largest" -le 200 ] || die "a leaf of $largest names goes to every client"
unlike "a name that is nobody's" "$(serial nobody.many.localhost)" serial
echo "apps: [{name: late, domain: late.many.localhost, type: self_hosted, tunnel: pool, service: \"http://127.0.0.1:1\"}]" | apply >/dev/null || die "apply one more"
until_ok 20 served late.many.localhost || die "no certificate for the new one"
same=0
for n in "${names[@]}"; do
	now=$(serial "$n")
	[ "$now" != "$(serial late.many.localhost)" ] || continue # it is on the new one's leaf
	eq "the certificate for $n" "$now" "${was[$n]}"
	same=$((same + 1))
done
[ "$same" -ge 8 ] || die "only $same kept theirs"
say "450 applications, at most $largest names a leaf"
