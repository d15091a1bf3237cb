#!/bin/bash
# Client certificates: a host name asks for those of its own authorities, the policy decides, and a certificate counts for no other name.
. "$(dirname "$0")/fixture.sh"
fixture_edge

# Two authorities; robot-7 and robot-8 of the first, one of the second, one that has expired.
pki=$T/pki
mkdir -p "$pki/new"
: >"$pki/index"
echo 01 >"$pki/serial"
ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$1.key" -out "$pki/$1.pem" -days 30 -subj "/CN=$1" \
	-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null; }
cat >"$pki/conf" <<-CONF
	[ca]
	default_ca = d
	[d]
	new_certs_dir = $pki/new
	database = $pki/index
	serial = $pki/serial
	default_md = sha256
	policy = any
	unique_subject = no
	[any]
	commonName = supplied
	[client]
	basicConstraints = CA:FALSE
	extendedKeyUsage = clientAuth
CONF
leaf() { # NAME CA CN FROM TO
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$1.key" -out "$pki/$1.csr" -subj "/CN=$3" 2>/dev/null
	openssl ca -batch -notext -config "$pki/conf" -extensions client -cert "$pki/$2.pem" -keyfile "$pki/$2.key" -in "$pki/$1.csr" \
		-out "$pki/$1.pem" -startdate "$4" -enddate "$5" 2>"$pki/$1.log" || die "openssl ca: $(cat "$pki/$1.log")"
}
ca one
ca two
leaf seven one robot-7 20200101000000Z 20991231000000Z
leaf eight one robot-8 20200101000000Z 20991231000000Z
leaf foreign two robot-7 20200101000000Z 20991231000000Z
leaf old one robot-7 20200101000000Z 20210101000000Z

document() {
	cat <<-YML
		certificates:
		  - name: one
		    associated_hostnames: [any.localhost, seven.localhost]
		    certificate: |
		$(sed 's/^/      /' "$pki/one.pem")
		  - name: two
		    associated_hostnames: [two.localhost]
		    certificate: |
		$(sed 's/^/      /' "$pki/two.pem")
		tunnels: [{name: pool}]
		apps:
		  - {name: any, domain: any.localhost, tunnel: pool, service: "ssh://localhost:22", policies: [{name: c, decision: non_identity, include: [{certificate: {}}]}]}
		  - {name: seven, domain: seven.localhost, tunnel: pool, service: "ssh://localhost:22", policies: [{name: c, decision: non_identity, include: [{common_name: {common_name: robot-7}}]}]}
		  - {name: two, domain: two.localhost, tunnel: pool, service: "ssh://localhost:22", policies: [{name: c, decision: non_identity, include: [{certificate: {}}]}]}
		  - {name: plain, domain: plain.localhost, tunnel: pool, service: "ssh://localhost:22", policies: [{name: b, decision: bypass, include: [{everyone: {}}]}]}
	YML
}
document >"$T/doc.yml"
runs "apply" "$SP" admin apply "$T/doc.yml"
runs "apply again" "$SP" admin apply "$T/doc.yml"
like "apply again" "$OUT" 'nothing to change'

names=(any seven two plain)
resolve=()
for n in "${names[@]}"; do resolve+=(--resolve "$n.localhost:$UPORT:127.0.0.1"); done
# get NAME CERT [curl options]: the status of https://NAME.localhost/ with that certificate, "-" = with none
get() {
	local name=$1 cert=$2 with=()
	shift 2
	[ "$cert" = - ] || with=(--cert "$pki/$cert.pem" --key "$pki/$cert.key")
	curl -s --max-time 10 --cacert "$CA" "${resolve[@]}" "${with[@]}" -o /dev/null -w '%{http_code}' "$@" "https://$name.localhost:$UPORT/"
}
serves() { [ "$(get "$1" -)" != 000 ]; }
for n in "${names[@]}"; do until_ok 5 serves "$n" || die "the edge does not serve $n"; done

for tls in --tlsv1.3 '--tls-max 1.2'; do
	# shellcheck disable=SC2086
	{
		eq "none $tls" "$(get any - $tls)" 403
		eq "valid $tls" "$(get any seven $tls)" 200
		eq "other authority $tls" "$(get any foreign $tls)" 403
		eq "expired $tls" "$(get any old $tls)" 403
		eq "common name $tls" "$(get seven seven $tls)" 200
		eq "another common name $tls" "$(get seven eight $tls)" 403
		eq "the same name of another authority $tls" "$(get seven foreign $tls)" 403
		eq "its own authority $tls" "$(get two foreign $tls)" 200
		eq "a host that asks for none $tls" "$(get plain foreign $tls)" 200
	}
done

# The name of the handshake and the name of the request differ: the certificate does not count.
eq "asked as plain, requested as any" "$(get plain seven -H "Host: any.localhost:$UPORT")" 403
eq "asked as two, requested as any" "$(get two foreign -H "Host: any.localhost:$UPORT")" 403
eq "asked as any, requested as seven" "$(get any seven -H "Host: seven.localhost:$UPORT")" 403
eq "asked as any, requested as plain" "$(get any seven -H "Host: plain.localhost:$UPORT")" 200
# The same connection, first its own name, then another.
printf 'GET / HTTP/1.1\r\nHost: any.localhost:%s\r\n\r\nGET / HTTP/1.1\r\nHost: seven.localhost:%s\r\nConnection: close\r\n\r\n' "$UPORT" "$UPORT" |
	timeout 10 openssl s_client -quiet -connect "127.0.0.1:$UPORT" -servername any.localhost -CAfile "$CA" -cert "$pki/seven.pem" \
		-key "$pki/seven.key" 2>/dev/null >"$T/two"
eq "two names on one connection" "$(grep -o '^HTTP/1.1 [0-9]*' "$T/two" | tr '\n' ' ')" "HTTP/1.1 200 HTTP/1.1 403 "

# Only names that ask do ask, and the hint names their own authority.
asks() { timeout 10 openssl s_client -connect "127.0.0.1:$UPORT" -servername "$1" -CAfile "$CA" </dev/null 2>/dev/null; }
like "any asks" "$(asks any.localhost)" 'CN = one'
unlike "any asks" "$(asks any.localhost)" 'CN = two'
like "plain does not ask" "$(asks plain.localhost)" 'No client certificate CA names sent'
# No session is ever taken up again.
timeout 10 openssl s_client -connect "127.0.0.1:$UPORT" -servername any.localhost -CAfile "$CA" -cert "$pki/seven.pem" -key "$pki/seven.key" \
	-reconnect -tls1_2 </dev/null 2>/dev/null >"$T/again"
unlike "sessions" "$(cat "$T/again")" 'Reused'
# A certificate without its key is no certificate.
[ "$(curl -s --max-time 10 --cacert "$CA" "${resolve[@]}" --cert "$pki/seven.pem" --key "$pki/eight.key" -o /dev/null -w '%{http_code}' \
	"https://any.localhost:$UPORT/")" != 200 ] || die "a certificate was taken without its key"

# A person who must show a certificate too: signing in happens on the team host, which asks for none; the token opens nothing without it,
# and no certificate for ssh is made where none can be shown.
sp_user
fixture_people
sed -i 's/seven.localhost\]/seven.localhost, both.localhost]/' "$T/doc.yml"
runs "apply with both" "$SP" admin apply "$T/doc.yml"
apply >/dev/null <<-YML || die "apply"
	apps:
	  - {name: both, domain: both.localhost, tunnel: pool, service: "ssh://localhost:22", policies: [{name: staff, decision: allow, include: [{group: {name: staff}}], require: [{common_name: {common_name: robot-7}}]}]}
YML
resolve+=(--resolve "both.localhost:$UPORT:127.0.0.1")
until_ok 5 serves both || die "the edge does not serve both"
"$SP" admin ca both.localhost >/dev/null || die "admin ca"
eq "without the certificate nobody is even asked to sign in" "$(get both -)" 403
eq "with it" "$(get both seven)" 302
web_login "$T/jar" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/both.localhost?redirect_url=/" "$EMAIL" "$PASSWORD"
token=$(awk '$1 ~ "both.localhost" && $6 == "CF_Authorization" {print $7}' "$T/jar")
[ -n "$token" ] || die "no token: $STATUS"
eq "the token alone" "$(get both - -H "Cf-Access-Token: $token")" 403
eq "with another's certificate" "$(get both eight -H "Cf-Access-Token: $token")" 403
eq "with the certificate" "$(get both seven -H "Cf-Access-Token: $token")" 200
ssh-keygen -q -t ed25519 -N '' -f "$T/k" || die "ssh-keygen"
jq -n --arg k "$(cat "$T/k.pub")" --arg t "$token" '{public_key: $k, jwt: $t, issuer: ""}' >"$T/sign.json"
eq "a certificate for ssh" "$(web /dev/null -o "$T/signed" -w '%{http_code}' --data-binary "@$T/sign.json" -H 'Content-Type: application/json' \
	"https://$TEAM_HOST:$UPORT/cdn-cgi/access/cert_sign")" 403
like "why" "$(cat "$T/signed")" 'SP-1202'

# Taken away: the next handshake, and the next request of a connection that stands, go without.
sed -i 's/\[any.localhost, seven.localhost/[seven.localhost/' "$T/doc.yml"
runs "apply without any" "$SP" admin apply "$T/doc.yml"
eq "after it was taken away" "$(get any seven)" 403
eq "the other name" "$(get seven seven)" 200
