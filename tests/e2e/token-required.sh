#!/bin/bash
# The connector looks at each stream itself: with the keys of its credentials sshd is reached; with other keys, another audience or no token
# the same edge opens nothing and changes nothing; a rotated key is followed, also by a connector that was away; "required: false" is off.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
free_port
app() { # TUNNEL [more lines]
	apply <<-YML
		tunnels: [{name: $1}]
		apps:
		  - name: ssh
		    domain: $HOST
		    type: self_hosted
		    tunnel: $1
		${2:-}
		    policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]
	YML
}
runs "an application without a service" app own
until_ok 5 web /dev/null -o /dev/null "https://$HOST:$UPORT/" || die "the edge does not serve $HOST"
"$SP" admin ca "$HOST" | head -1 >"$T/ca.pub" || die "CA"
sshd_start ssh "$T/ca.pub" "$PORT"
signed_in
accepted() { grep -c 'Accepted publickey' "$SSHD_LOG"; }
stop_connector() { # NAME: and the edge knows
	kill "$CONNECTOR_PID"
	wait "$CONNECTOR_PID" 2>/dev/null || :
	until_ok 10 eval '"$SP" tunnel info $1 -o json | jq -e ".conns | length == 0"' || die "the edge still has the connector"
}

# a file of the operator's own: audiences
aud=$("$SP" admin get apps -o json | jq -r '.[] | select(.name == "ssh") | .aud')
[ ${#aud} = 64 ] || die "aud"
rules() { # ACCESS: the ingress with originRequest.access
	cat <<-YML
		ingress:
		  - {hostname: $HOST, service: "ssh://127.0.0.1:$SSHD_PORT", originRequest: {access: $1}}
		  - {service: "http_status:404"}
	YML
}
own=$("$SP" tunnel token own) || die "token"
node -e 'const t = JSON.parse(Buffer.from(process.argv[1], "base64")); console.log(JSON.stringify({AccountTag: t.a, TunnelSecret: t.s, TunnelID: t.t, TokenKeys: t.k}))' \
	"$own" >"$T/own.json"
chmod 600 "$T/own.json"
own_connector() { connector_start "$T/own.log" --config "$T/config.yml" run --credentials-file "$T/own.json"; }
rules "{required: true, teamName: t, audTag: [$aud]}" >"$T/config.yml"
own_connector
eq "the right audience" "$(sh_ 'echo in')" in
stop_connector own
rules "{required: true, teamName: t, audTag: [${aud//[0-7]/8}]}" >"$T/config.yml"
own_connector
before=$(accepted)
refuses "another audience" sh_ true
eq "what sshd saw" "$(accepted)" "$before"
stop_connector own
rules "{required: false}" >"$T/config.yml"
own_connector
eq "required: false" "$(sh_ 'echo in')" in
stop_connector own
say "audiences count"

# rotation: the connector that is there learns at once, the one that was away on its return, from its file or from the edge
rules "{audTag: [$aud]}" >"$T/config.yml"
own_connector
rotate() { web /dev/null --fail -X POST -H "Authorization: Bearer $(cat "$EDGE/admin.token")" \
	"https://$TEAM_HOST:$UPORT/client/v4/accounts/$(jq -r .AccountTag "$T/own.json")/access/keys/rotate"; }
runs "rotate" rotate
until_ok 10 grep -q token_key "$T/own.log" || die "the new key was not announced"
[ -s "$T/own.json.keys" ] || die "the new key was not kept"
runs "sign in anew" "$SP" admin revoke --email "$EMAIL"
signed_in
eq "under the new key" "$(sh_ 'echo in')" in
stop_connector own
runs "rotate again" rotate
own_connector
until_ok 10 eval '[ "$(jq ".keys | length" "$T/own.json.keys")" = 2 ]' || die "the second key was not announced"
runs "sign in anew" "$SP" admin revoke --email "$EMAIL"
signed_in
eq "two keys later, with the credentials of the first" "$(sh_ 'echo in')" in
stop_connector own
rm "$T/own.json.keys"
own_connector
eq "without the file" "$(sh_ 'echo in')" in
say "rotated keys are followed"

# configuration comes from the edge
stop_connector own
runs "a service" app ssh-pool "    service: ssh://127.0.0.1:$SSHD_PORT"
fixture_connector ssh
token=$("$SP" tunnel token ssh-pool) || die "tunnel token"
json() { node -e 'const o = JSON.parse(Buffer.from(process.argv[1], "base64")); process.stdout.write(String(eval(process.argv[2])))' "$token" "$1"; }
eq "keys in the token" "$(json 'o.k.keys.length')" 3
eq "whose keys" "$(json 'o.k.iss')" "https://$TEAM_HOST:$UPORT"
like "no private part" "$(json 'Object.keys(o.k.keys[0]).sort().join()')" '^alg,e,kid,kty,n,use$'
eq "with a token" "$(sh_ 'echo in')" in
say "a signed-in user's stream passes"

# keys of somebody else: nothing that this edge signs counts, neither tokens nor configurations
stop_connector ssh-pool
before=$(accepted)
other=$(node -e '
	const c = require("crypto"), o = JSON.parse(Buffer.from(process.argv[1], "base64"));
	const { publicKey } = c.generateKeyPairSync("rsa", { modulusLength: 2048 }), jwk = publicKey.export({ format: "jwk" });
	const kid = c.createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("hex");
	o.k.keys = [{ kty: "RSA", use: "sig", alg: "RS256", kid, n: jwk.n, e: jwk.e }];
	console.log(Buffer.from(JSON.stringify(o)).toString("base64"));' "$token")
connector_start "$T/other.log" run --token "$other"
wait_line "$T/other.log" configuration_refused 10 >/dev/null
refuses "a configuration under unknown keys" sh_ true
stop_connector ssh-pool
# with rules of its own it has a service, and asks
cat >"$T/config.yml" <<-YML
	ingress:
	  - {hostname: $HOST, service: "ssh://127.0.0.1:$SSHD_PORT"}
	  - {service: "http_status:404"}
YML
connector_start "$T/other.log" --config "$T/config.yml" run --token "$other"
refuses "a token under unknown keys" sh_ true
grep -q stream_refused "$T/other.log" || die "the connector did not refuse: $(cat "$T/other.log")"
eq "what sshd saw" "$(accepted)" "$before"
stop_connector ssh-pool
connector_start "$T/off.log" --config "$T/config.yml" run --token "$other" --access-required off
eq "--access-required off" "$(sh_ 'echo in')" in
stop_connector ssh-pool
refuses "on, without keys" "$SP" tunnel --edge "127.0.0.1:$TPORT" --cacert "$CA" run --access-required on --token \
	"$(node -e 'const o = JSON.parse(Buffer.from(process.argv[1], "base64")); delete o.k; console.log(Buffer.from(JSON.stringify(o)).toString("base64"))' "$token")"
like "what it says" "$OUT" 'no token keys'
refuses "another word" "$SP" tunnel --edge "127.0.0.1:$TPORT" run --access-required maybe --token "$token"
say "other keys open nothing"
