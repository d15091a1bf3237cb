#!/bin/bash
# A sign-in needs neither script nor mouse: with JavaScript off somebody signs in, says why, lets a client in and signs out; with nothing but a
# keyboard too, and sees at every step where the keyboard is.
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
browser sign-in-no-script.mjs
say ok
