#!/bin/bash
# A browser comes back to the very same shell: after a reload, after its connections were cut while it printed, with several shells, from another window.
# Access withdrawn closes it at once and says why.
. "$(dirname "$0")/fixture.sh"
browser_needed
fixture_edge
sp_user
fixture_people
TYPE=ssh fixture_host ssh "$HOST"
export SP
browser terminal-again.mjs "$HOST"
