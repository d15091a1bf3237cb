#!/bin/bash
# The pages of a sign-in in a real browser: usable light, dark and on a small screen, and accessible.
. "$(dirname "$0")/fixture.sh"
browser_needed
fixture_edge
EMAIL=jdoe@example.test
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
browser login-pages.mjs "$HOST"
say ok
