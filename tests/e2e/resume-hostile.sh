#!/bin/bash
# The resume protocol as its page says, spoken by another hand; and nobody takes a session up but the client that began it, by the same door.
. "$(dirname "$0")/fixture.sh"
[ -d "$TOP/tests/oidc/node_modules/tweetnacl" ] || skip "tests/oidc is not installed (npm ci)"
fixture_up
OTHER=other.localhost
runs "another application of the same tunnel" apply <<-YML
	apps: [{name: other, domain: $OTHER, type: self_hosted, tunnel: ssh-pool, service: "ssh://127.0.0.1:$SSHD_PORT", policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]}]
YML
until_ok 5 web /dev/null -o /dev/null "https://$OTHER:$UPORT/" || die "the edge does not serve $OTHER"
client_login "https://$OTHER:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
APP_HOST=$HOST OTHER_HOST=$OTHER TOKEN=$(client_token) OTHER_TOKEN=$(client_token "$OTHER") node "$E2E/resume-hostile.mjs" || die "see above"
kill -0 "$CONNECTOR_PID" || die "the connector ended"
eq "afterwards" "$(sh_ 'echo fine')" fine
