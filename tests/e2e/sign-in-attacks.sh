#!/bin/bash
# What others try with somebody's sign-in, in a real browser: a session planted before it, an address that leads elsewhere, a form or a frame on
# another site, a link that signs out; and what happens to honest people: a form sent twice, a form too old, the way back, a session that ends
# while they write. Nothing typed is lost, and each is told why.
. "$(dirname "$0")/fixture.sh"
browser_needed
fixture_edge
EMAIL=jdoe@example.test
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
apps:
  - {name: why, domain: why.localhost, type: self_hosted, tunnel: ssh-pool, service: "ssh://127.0.0.1:1",
     policies: [{name: why, decision: allow, include: [{group: {name: staff}}], purpose_justification_required: true}]}
YML
until_ok 5 web /dev/null -o /dev/null "https://why.localhost:$UPORT/" || die "no leaf"
browser sign-in-attacks.mjs
say ok
