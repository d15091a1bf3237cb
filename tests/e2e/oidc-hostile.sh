#!/bin/bash
# A provider that lies: wrong iss, aud, azp, nonce, alg none, HS256 keyed with the public key, expired, from the future, wrong key, wrong iss
# parameter, huge or broken answers; each is refused with SP-1105 or SP-1104, and nobody is signed in.
. "$(dirname "$0")/fixture.sh"
fixture_edge
node "$E2E/oidc-hostile.mjs" provider >"$T/hostile.out" 2>"$T/hostile.log" &
PIDS+=($!)
wait_line "$T/hostile.out" '^ready' 20 >/dev/null
OIDC=http://localhost:$(sed -n 's/^ready //p' "$T/hostile.out")
apply >"$T/apply.out" <<YML || die "apply"
identity_providers:
  - {name: liar, type: oidc, config: {issuer: $OIDC, client_id: sp, client_secret: s3cret}}
apps:
  - name: a
    domain: a.localhost
    type: ssh
    policies: [{name: all, decision: allow, include: [{everyone: {}}]}]
YML
broken=0
for lie in $(node "$E2E/oidc-hostile.mjs" list); do
	curl -sS -o /dev/null "${OIDC/localhost/127.0.0.1}/test/$lie" || die "provider"
	jar=$T/jar.$lie
	web_step "$jar" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/a.localhost?redirect_url=/" "$T/page.$lie" || die "$lie: no answer"
	text=$(sed 's/<[^>]*>//g' "$T/page.$lie" | tr '\n' ' ')
	signed=$(grep -c CF_Authorization "$jar")
	case $lie in
	honest*) [ "$STATUS" = 200 ] && [ "$signed" -gt 0 ] || { say "FAIL $lie: $STATUS $text"; broken=1; } ;;
	*)
		if [ "$signed" != 0 ] || [[ ! $STATUS =~ ^[45] ]] || [[ ! $text =~ SP-(1105|1104|1103|1106) ]]; then
			say "FAIL $lie: status $STATUS, cookies $signed: $text"
			broken=1
		fi
		;;
	esac
done
[ $broken = 0 ] || { tail -5 "$T/edge.log"; die "a lie was believed, or told badly"; }
# and after all of it an honest login still works
curl -sS -o /dev/null "${OIDC/localhost/127.0.0.1}/test/honest"
web_step "$T/jar.end" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/a.localhost?redirect_url=/" "$T/page.end"
eq "an honest login afterwards" "$STATUS" 200
say "every lie was refused: $(node "$E2E/oidc-hostile.mjs" list | wc -w) tried"
