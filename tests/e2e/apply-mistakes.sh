#!/bin/bash
# What `admin apply` takes can be used: names of others, values that could never be signed, entries that stand twice and accounts that the
# signer would refuse are told with file and line before anything is changed. What an entry does not say stays.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
before=$("$SP" admin get apps; "$SP" admin get idps; "$SP" admin get tunnels)

wrong() { # WHAT LINE REGEX < document
	cat >"$T/wrong.yml"
	refuses "$1" "$SP" admin apply "$T/wrong.yml"
	like "$1: where" "$OUT" "^$T/wrong\.yml:$2: "
	like "$1: what" "$OUT" "$3"
}
app() { # WHAT REGEX LINE-OF-THE-APP
	wrong "$1" 4 "$2" <<-YML
		apps:
		  - name: ssh
		    domain: $HOST
		    $3
	YML
}
app "a username" 'found "de,ploy", expected \{email_prefix\} or a Unix name' 'ssh: {usernames: ["{email_prefix}", "de,ploy"]}'
app "an extension twice" 'found "permit-pty" twice' 'ssh: {extensions: [permit-pty, permit-pty]}'
app "an extension that is never signed" 'no-touch-required' 'ssh: {extensions: [no-touch-required]}'
app "a host key" 'found "ssh-ed25519 AAAA", expected a public key' 'ssh: {host_keys: ["ssh-ed25519 AAAA"]}'
app "a tunnel" 'no tunnel is named "ssh-pol"; did you mean "ssh-pool"' 'tunnel: ssh-pol'
for name in "$TEAM_HOST" h2.cftunnel.com; do
	wrong "the edge's own name" 1 'a name of the edge itself' <<<"apps: [{name: evil, domain: $name, type: self_hosted}]"
done
refuses "a route of the edge's own name" "$SP" tunnel route dns ssh-pool "$TEAM_HOST"
wrong "a provider of an administrator" 1 'no identity provider "peple"; did you mean "people"' \
	<<<'admins: [{email: a@example.test, idp: peple, role: admin}]'
wrong "a name twice" 3 'found name "a" twice' <<<$'tunnels:\n  - {name: a}\n  - {name: a}'
wrong "a host twice" 3 'found domain "D.localhost" twice' \
	<<<$'apps:\n  - {name: a, domain: d.localhost}\n  - {name: b, domain: D.localhost}'
wrong "an account twice" 1 'found email "A@b.test" twice' \
	<<<'identity_providers: [{name: people, type: local, users: [{email: a@b.test}, {email: A@b.test}]}]'
# the signer would refuse these after the rest was committed
wrong "a hash" 3 'no argon2id hash' <<-'YML'
	tunnels: [{name: half}]
	identity_providers:
	  - {name: people, type: local, users: [{email: a@b.test, password_hash: abc}]}
YML
wrong "a TOTP secret" 1 'no base32' <<<'identity_providers: [{name: people, type: local, users: [{email: a@b.test, totp: zzz}]}]'
eq "what stands after all that" "$("$SP" admin get apps; "$SP" admin get idps; "$SP" admin get tunnels)" "$before"

# the API is as strict as the file
account=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID)
post() { web /dev/null -o "$T/answer" -w '%{http_code}' -H "Authorization: Bearer $SALLYPORT_API_TOKEN" -d "$1" "$TUNNEL_API_URL/accounts/$account/access/apps"; }
eq "POST of the team host" "$(post "{\"name\":\"x\",\"domain\":\"$TEAM_HOST\",\"type\":\"self_hosted\"}")" 400
eq "POST of a service that is none" "$(post '{"name":"x","domain":"x.localhost","type":"self_hosted","service":"nonsense"}')" 400

# a provider and its administrator in one document; groups of an account stay when only its password is given
runs "both at once" apply --dry-run <<<'{admins: [{email: a@b.test, idp: more, role: admin}], identity_providers: [{name: more, type: local}]}'
runs "a password again" apply <<<"identity_providers: [{name: people, type: local, users: [{email: $EMAIL, password: $PASSWORD}]}]"
eq "said" "$OUT" "nothing to change"
eq "groups" "$("$SP" admin get idps -o json | jq -c --arg e "$EMAIL" '.[] | select(.name == "people") | .users[] | select(.email == $e) | .groups')" '["ops"]'
runs "groups taken away" apply <<<"identity_providers: [{name: people, type: local, users: [{email: $EMAIL, groups: []}]}]"
like "difference" "$OUT" '~ identity_provider people: users'

# a question about nobody has no answer
for q in '--email a@b@c' "--email $EMAIL --ip 999.1.1.1" "--email $EMAIL --country XYZ"; do
	refuses "explain $q" "$SP" admin explain --app "$HOST" $q
	like "explain $q" "$OUT" 'SP-1001 .*found the .*expected'
done
