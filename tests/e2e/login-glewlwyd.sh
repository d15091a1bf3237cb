#!/bin/bash
# A second real provider, Glewlwyd (C, a package of Debian; a process of its own): sign-in with its groups and amr, both deciding; an address
# that it does not call verified and a client secret that is wrong get nowhere.
. "$(dirname "$0")/fixture.sh"
type -p glewlwyd >/dev/null && type -p sqlite3 >/dev/null || skip "glewlwyd and sqlite3 are not installed"
fixture_edge
free_port
GLEW=http://localhost:$PORT
zcat /usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz | sqlite3 "$T/glewlwyd.db" || die "glewlwyd's schema"
zcat /usr/share/doc/glewlwyd/glewlwyd.conf.sample.gz | sed -e "s/^port=.*/port=$PORT/" -e 's|^#* *bind_address.*|bind_address="127.0.0.1"|' \
	-e "s|^external_url=.*|external_url=\"$GLEW\"|" -e 's/cookie_secure=1/cookie_secure=0/' -e "s|path = \"/var/cache.*|path = \"$T/glewlwyd.db\"|" \
	>"$T/glewlwyd.conf"
glewlwyd --config-file="$T/glewlwyd.conf" >"$T/glewlwyd.log" 2>&1 &
PIDS+=($!)
wait_line "$T/glewlwyd.log" 'Glewlwyd started' 20 >/dev/null
runs "glewlwyd's setup" node "$E2E/glewlwyd.mjs" "$GLEW" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/callback" '{
	"jdoe": {"email": "jdoe@corp.test", "password": "correct horse", "groups": ["ops", "dev"]},
	"eve": {"email": "eve@corp.test", "password": "correct horse", "groups": ["sales"]},
	"unproven": {"email": "boss@corp.test", "password": "correct horse", "groups": ["ops"], "verified": "no"}}'
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
identity_providers:
  - {name: glew, type: oidc, config: {issuer: "$GLEW/api/oidc", client_id: sp, client_secret: s3cret, scopes: [openid]}}
YML
glew=$(idp_id glew)
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
apps:
  - name: ops
    domain: ops.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{oidc: {claim_name: groups, claim_value: ops, identity_provider_id: $glew}}]}]
  - name: pwd
    domain: pwd.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{email_domain: {domain: corp.test}}], require: [{auth_method: {auth_method: password}}]}]
  - name: mfa
    domain: mfa.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{email_domain: {domain: corp.test}}], require: [{auth_method: {auth_method: mfa}}]}]
YML
# comes HOST USER: a fresh browser, signed in at the provider as USER, goes there. Its page would go on by script, with g_continue.
comes() {
	local j
	JAR=$(mktemp "$T/jar.XXXXXX")
	PAGE=$JAR.page
	for j in "POST /api/auth/ {\"username\":\"$2\",\"password\":\"correct horse\"}" 'PUT /api/auth/grant/sp {"scope":"openid"}'; do
		read -r method path body <<<"$j"
		curl -sS -f -b "$JAR" -c "$JAR" -H 'content-type: application/json' -X "$method" -d "$body" "${GLEW}$path" || return 1
	done
	web_step "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/$1?idp=$glew&redirect_url=/" "$PAGE"
	like "at the provider's page" "$LAST_URL" '/login.html\?'
	local back
	back=$(node -e 'console.log(new URL(process.argv[1]).searchParams.get("callback_url"))' "$LAST_URL")
	web_step "$JAR" "$back&g_continue" "$PAGE"
}
comes ops.localhost jdoe || die "sign-in at the provider"
eq "groups: $(page_text)" "$STATUS" 200
like "where it ends" "$LAST_URL" '^https://ops.localhost'
eq "identity" "$(identity)" '["jdoe@corp.test",["dev","ops"],["password"]]' # its word for pwd of RFC 8176
comes pwd.localhost jdoe
eq "amr: $(page_text)" "$STATUS" 200
comes ops.localhost eve
eq "another group" "$STATUS" 403
like "another group" "$(page_text)" 'SP-1202'
comes mfa.localhost jdoe
eq "not that strong" "$STATUS" 403
comes ops.localhost unproven
like "not verified" "$(page_text)" 'SP-1106'
# the wrong secret of our own
apply >/dev/null <<YML || die "apply"
identity_providers:
  - {name: glew, type: oidc, config: {issuer: "$GLEW/api/oidc", client_id: sp, client_secret: wrong, scopes: [openid]}}
YML
comes ops.localhost jdoe
like "a secret that is wrong" "$(page_text)" 'SP-1104'
say "a second product: groups and amr decide"
