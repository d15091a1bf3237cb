#!/bin/bash
# Bad HTTP is answered with an error and a close, never guessed at: unknown hosts, smuggling pairs, malformed and oversized heads, big bodies,
# slow heads, wrong methods; an application without a policy denies; after all of it the edge serves.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
apply >/dev/null <<YML || die "apply"
tunnels: [{name: bare-pool}]
apps:
  - {name: nopolicy, domain: nopolicy.localhost, type: self_hosted, tunnel: ssh-pool, service: "ssh://127.0.0.1:1"}
YML
runs "a hostname with a tunnel and no application" "$SP" tunnel route dns bare-pool routed.localhost
APP_HOST=$HOST TEAM_HOST=$TEAM_HOST node "$E2E/http-bad-input.mjs" || die "see above"
front=$(role_pid front)
[ -n "$front" ] && kill -0 "$front" || die "front is gone"
grep -q role_died "$T/edge.log" && die "a role died: $(grep role_died "$T/edge.log")"
eq "the edge still serves" "$(web /dev/null -o /dev/null -w '%{http_code}' "https://$HOST:$UPORT/")" 302
