#!/bin/bash
# Who may call what: every route of the API, times a token of every single scope, of every role, none, a broken, a revoked and an expired one,
# and the tokens of people: each cell is as api-matrix.txt says, and the edge's own list of routes is that file's, no row more or less.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
ACCOUNT=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID) ZONE=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .zoneID) \
	TEAM_HOST=$TEAM_HOST ADMIN_TOKEN=$SALLYPORT_API_TOKEN ORG=$(cat "$SALLYPORT_HOME/$TEAM_HOST-org-token") APP=$(client_token) DOCS=$TOP/docs/api.md \
	node "$E2E/api-roles.mjs" "$E2E/api-matrix.txt" || die "see above"
