#!/bin/bash
# Forged, foreign, expired and altered tokens open nothing (302 to the login page or 403, never a session), and cert_sign signs for the key of
# the token alone, and for no weak or broken key.
. "$(dirname "$0")/fixture.sh"
fixture_up
runs "second application" fixture_app other other.localhost ssh://127.0.0.1:1
client_login "https://other.localhost:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
apply >/dev/null <<YML || die "apply"
apps: [{name: short, domain: short.localhost, type: self_hosted, session_duration: 2s, tunnel: ssh-pool, service: "ssh://127.0.0.1:1",
  policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]}]
YML
export APP_HOST=$HOST TEAM_HOST
TOKEN=$(client_token) OTHER=$(client_token other.localhost) KEY="$(cat "$SALLYPORT_HOME/$HOST-cf_key.pub")" \
	ORG=$(cat "$SALLYPORT_HOME/$TEAM_HOST-org-token") WORK=$T ADMIN_TOKEN=$SALLYPORT_API_TOKEN \
	ACCOUNT=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID) \
	node "$E2E/token-attacks.mjs" || die "see above"
eq "the honest token still works" "$(sh_ 'echo in')" in
runs "revoke" "$SP" admin revoke --email "$EMAIL"
eq "revoked token" "$(web /dev/null -o /dev/null -w '%{http_code}' -H "Cf-Access-Token: $(cat "$SALLYPORT_HOME/$HOST"-*-token)" "https://$HOST:$UPORT/")" 302
