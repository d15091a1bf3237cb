#!/bin/bash
# The public SDK of the original, its base URL pointed at our edge: creates, lists (page by page), reads, edits and deletes an application, policies of
# it and reusable ones, a group, an identity provider, an SSH CA, a tunnel, service and API tokens; errors arrive as the SDK's own error classes.
. "$(dirname "$0")/fixture.sh"
[ -d "$TOP/tests/sdk/node_modules/cloudflare" ] || skip "tests/sdk is not installed (npm ci)"
fixture_edge
sp_user
fixture_people
export TEAM_HOST UPORT
ACCOUNT=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID) ZONE=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .zoneID) \
	NODE_EXTRA_CA_CERTS=$SALLYPORT_CA_FILE TOKEN=$SALLYPORT_API_TOKEN PEOPLE=$EMAIL node "$TOP/tests/sdk/interop.mjs" || die "see above"
