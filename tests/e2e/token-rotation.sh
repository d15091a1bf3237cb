#!/bin/bash
# Token keys turn by themselves and on demand: tokens of the key before stay good for the overlap and not longer, new ones are good at once on
# every path, API tokens live on, the public document has keys and certificates, and neither a restart nor a kill in the middle loses any.
. "$(dirname "$0")/fixture.sh"
lib_init
edge_init "$T/edge"
printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\ntoken_keys: {overlap: 10s}\n' >>"$EDGE/sallyportd.yml"
edge_start
sp_user
fixture_people
fixture_host ssh "$HOST"
signed_in
KEYS=$TUNNEL_API_URL/accounts/$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID)/access/keys
api() { web /dev/null -H "Authorization: Bearer $SALLYPORT_API_TOKEN" "$@"; }
certs() { web /dev/null "https://$TEAM_HOST:$UPORT/cdn-cgi/access/certs"; }
kid_of() { cut -d. -f1 <<<"$1" | tr '_-' '/+' | base64 -d 2>/dev/null | jq -r .kid; }
status_of() { web /dev/null -o /dev/null -w '%{http_code}' -H "Cf-Access-Token: $1" "https://$HOST:$UPORT/"; }

# what is there at first
eq "interval" "$(api "$KEYS" | jq .result.key_rotation_interval_days)" 42
eq "days left" "$(api "$KEYS" | jq .result.days_until_next_rotation)" 42
eq "one key" "$(certs | jq '.keys | length')" 1
certs | jq -r .public_cert.cert | openssl x509 -noout -pubkey >"$T/cert.pub" || die "public_cert is no certificate"
OLD=$(client_token)
node --input-type=module -e '
	import { createPublicKey } from "node:crypto"; import { readFileSync } from "node:fs";
	const [jwks, pem] = [JSON.parse(process.argv[1]), readFileSync(process.argv[2])];
	const a = createPublicKey({ key: jwks.keys[0], format: "jwk" }), b = createPublicKey(pem);
	process.exit(a.equals(b) && jwks.public_certs[0].kid === jwks.keys[0].kid ? 0 : 1);' "$(certs)" "$T/cert.pub" || die "certificate and key differ"
eq "kid of the token" "$(kid_of "$OLD")" "$(certs | jq -r '.keys[0].kid')"
eq "who may not rotate" "$(web /dev/null -o /dev/null -w '%{http_code}' -X POST "$KEYS/rotate")" 401
eq "bad interval" "$(api -X PUT -d '{"key_rotation_interval_days":20}' "$KEYS" | jq -r '.errors[0].source.pointer')" /key_rotation_interval_days
eq "new interval" "$(api -X PUT -d '{"key_rotation_interval_days":30}' "$KEYS" | jq .result.key_rotation_interval_days)" 30

# rotation while connections and sign-ins go on: nobody is refused
(for _ in $(seq 12); do [ "$(status_of "$OLD")" != 302 ] || echo refused; done) >"$T/during" &
DURING=$!
START=$(now_ms)
eq "rotate" "$(api -X POST "$KEYS/rotate" | jq .success)" true
until_ok 5 sh -c '[ "$(curl -sS --cacert "$1" --resolve "*:$2:127.0.0.1" "https://$3:$2/cdn-cgi/access/certs" | jq ".keys | length")" = 2 ]' - "$CA" "$UPORT" "$TEAM_HOST" ||
	die "two keys"
wait "$DURING"
eq "refused meanwhile" "$(cat "$T/during")" ""
eq "ssh with the token of the key before" "$(sh_ 'echo in')" in
SALLYPORT_HOME=$T/home2
mkdir -p "$SALLYPORT_HOME"
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in after the rotation"
NEW=$(client_token)
SALLYPORT_HOME=$T/home
eq "new tokens are of the new key" "$(kid_of "$NEW")" "$(certs | jq -r '.public_cert.kid')"
[ "$(kid_of "$NEW")" != "$(kid_of "$OLD")" ] || die "the key did not change"
unlike "new token" "$(status_of "$NEW")" 302

# a restart in the overlap loses neither; a signer killed at once after a rotation neither
edge_stop
edge_start
unlike "old token after a restart" "$(status_of "$OLD")" 302
unlike "new token after a restart" "$(status_of "$NEW")" 302
like "interval after a restart" "$(api "$KEYS")" '"key_rotation_interval_days":30'
[ $(($(now_ms) - START)) -lt 10000 ] || skip "the machine is too slow for an overlap of 10 s"

# the overlap is over: the old one is refused, everywhere
over() { [ "$(status_of "$OLD")" = 302 ]; }
until_ok 20 over || die "the old token is still good"
[ $(($(now_ms) - START)) -ge 8900 ] || die "the old token ended after $(($(now_ms) - START)) ms"
eq "certificate for the old token" "$(web /dev/null -o /dev/null -w '%{http_code}' -H 'content-type: application/json' \
	-d "$(jq -n --arg j "$OLD" --arg k "$(cat "$T/home/$HOST-cf_key.pub")" '{jwt: $j, public_key: $k}')" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/cert_sign")" 401
unlike "new token" "$(status_of "$NEW")" 302
eq "public keys" "$(certs | jq -c '[(.keys | length), (.public_certs | length), has("api_keys")]')" '[1,1,false]'
like "API tokens of the old key" "$(api "$KEYS")" '"success":true'
PID=$(role_pid signer)
eq "rotate again" "$(api -X POST "$KEYS/rotate" | jq .success)" true
kill -9 "$PID"
until_ok 20 sh -c '! kill -0 "$1"' - "$PID" || die "signer"
more() { [ "$(certs | jq '.keys | length')" = 2 ]; }
until_ok 20 more || die "the new key was lost"
good() { [ "$(status_of "$NEW")" != 302 ]; }
until_ok 20 good || die "a good token was lost"
audit_has '"action":"rotate"' >/dev/null || die "no audit record"
