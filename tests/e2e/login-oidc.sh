#!/bin/bash
# A real OpenID provider: ID tokens signed RS256, ES256 and EdDSA; claim groups and amr decide the policy; foreign state, reused callback and
# an unverified e-mail are refused.
. "$(dirname "$0")/fixture.sh"
fixture_edge
users='{
	"jdoe": {"email": "jdoe@corp.test", "groups": ["ops", "dev"], "amr": ["pwd", "mfa"]},
	"eve": {"email": "eve@corp.test", "groups": ["sales"]},
	"nomfa": {"email": "nomfa@corp.test", "groups": ["ops"], "amr": ["pwd"]},
	"unproven": {"email": "unproven@corp.test", "email_verified": false, "groups": ["ops"]},
	"twice": {"email": "a@b@corp.test", "groups": ["ops"]}
}'
declare -A at # an issuer for each: two providers of one issuer are one provider
for alg in rs256 es256 eddsa; do
	oidc_start "$users"
	at[$alg]=$OIDC
	{ echo "identity_providers:"; oidc_idp "corp-$alg" "$alg"; } | apply >/dev/null || die "apply corp-$alg"
done
apply >"$T/apply.out" <<YML || die "apply"
tunnels: [{name: pool}]
apps:
  - name: ops
    domain: ops.localhost
    type: ssh
    tunnel: pool
    service: ssh://127.0.0.1:1
    policies:
      - name: ops
        decision: allow
        include: [{oidc: {claim_name: groups, claim_value: ops, identity_provider_id: $(idp_id corp-rs256)}}]
  - name: strong
    domain: strong.localhost
    type: ssh
    tunnel: pool
    service: ssh://127.0.0.1:1
    policies:
      - {name: mfa, decision: allow, include: [{email_domain: {domain: corp.test}}], require: [{auth_method: {auth_method: mfa}}]}
YML
# enter HOST USER IDP: a fresh browser goes there as USER; STATUS, PAGE, JAR
enter() {
	oidc_as "$2" "${at[$3]}"
	JAR=$(mktemp "$T/jar.XXXXXX")
	PAGE=$JAR.page
	web_step "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/$1?idp=$(idp_id "corp-$3")&redirect_url=/" "$PAGE"
}
page_text() { sed 's/<[^>]*>//g' "$PAGE"; }

for alg in rs256 es256 eddsa; do
	enter strong.localhost jdoe "$alg"
	eq "sign-in by $alg: $(page_text)" "$STATUS" 200
	like "where it ends" "$LAST_URL" '^https://strong.localhost'
	who=$(web "$JAR" "https://strong.localhost:$UPORT/cdn-cgi/access/get-identity" | jq -c '[.email, (.groups | sort), (.amr | sort)]')
	eq "identity by $alg" "$who" '["jdoe@corp.test",["dev","ops"],["mfa","pwd"]]'
done

enter ops.localhost jdoe rs256
eq "claim groups: ops" "$STATUS" 200
enter ops.localhost eve rs256
eq "claim groups: sales" "$STATUS" 403
like "page" "$(cat "$PAGE")" 'SP-1202'
enter strong.localhost nomfa es256
eq "without mfa" "$STATUS" 403
like "page" "$(cat "$PAGE")" 'SP-1202'

enter strong.localhost unproven rs256
eq "unverified e-mail" "$STATUS" 403
like "page" "$(cat "$PAGE")" 'SP-1106'
enter strong.localhost twice rs256
like "e-mail with two @" "$STATUS" '^4'
like "page" "$(cat "$PAGE")" 'SP-1106'

# The callback, by hand: without a state, with somebody else's, and twice.
cb=https://$TEAM_HOST:$UPORT/cdn-cgi/access/callback
refused_cb() { # WHAT JAR URL
	web_step "$2" "$3" "$T/cb" || die "$1"
	like "$1: status" "$STATUS" '^4'
	like "$1: page" "$(cat "$T/cb")" 'SP-1103'
}
refused_cb "callback without a state" "$T/nojar" "$cb?code=abc"
refused_cb "callback with an invented state" "$T/nojar" "$cb?code=abc&state=$(printf 'a%.0s' {1..32})"
# hop by hop, so that the last address is in hand
walk() { # JAR: up to, not into, the callback; $CALLBACK
	local url="https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/strong.localhost?idp=$(idp_id corp-rs256)&redirect_url=/" i
	for i in 1 2 3 4 5 6 7 8; do
		url=$(web "$1" -o /dev/null -w '%{redirect_url}' "$url")
		case $url in "$cb"*) CALLBACK=$url; return 0 ;; esac
	done
	die "the provider did not send us back"
}
oidc_as jdoe "${at[rs256]}"
walk "$T/mine"
refused_cb "somebody else's callback in another browser" "$T/theirs" "$CALLBACK"
walk "$T/mine3" && mine3=$CALLBACK
walk "$T/theirs2" # a browser with a sign-in of its own under way
refused_cb "somebody else's callback in a browser that signs in" "$T/theirs2" "$mine3"
unlike "their cookies" "$(cat "$T/theirs" 2>/dev/null)" 'CF_Authorization'
walk "$T/mine2"
web_step "$T/mine2" "$CALLBACK" "$T/cb"
eq "callback" "$STATUS" 200
refused_cb "the same callback again" "$T/mine2" "$CALLBACK"
say "three algorithms, claims and amr decide, callbacks are single and ours"
