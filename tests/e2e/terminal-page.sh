#!/bin/bash
# A shell in a real browser: sign in, type, resize, wide characters, title, exit and a new one; under 250 KB, from one origin alone, without a fault of accessibility.
. "$(dirname "$0")/fixture.sh"
browser_needed
fixture_edge
sp_user
fixture_people
TYPE=ssh fixture_host ssh "$HOST"
export UNIX_USER
OUT=$(browser terminal-page.mjs "$HOST") || exit 1
say "$OUT"
