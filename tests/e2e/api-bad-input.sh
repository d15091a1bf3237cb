#!/bin/bash
# What the API does with bad input: deep, big, doubled and mistyped JSON, unknown names, pages past the end, odd names that come back as they
# were; two writers of one object: the second hears 409 and both versions; what was there before and after stands in the audit chain, secrets not.
. "$(dirname "$0")/fixture.sh"
fixture_edge
ACCOUNT=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID) TEAM_HOST=$TEAM_HOST TOKEN=$SALLYPORT_API_TOKEN node "$E2E/api-bad-input.mjs" || die "see above"
! grep -q role_died "$T/edge.log" || die "a role died"
