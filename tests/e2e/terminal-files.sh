#!/bin/bash
# Files beside the shell of a browser: uploaded, replaced only when asked, dropped, and downloaded, byte for byte, over the host's own sftp.
. "$(dirname "$0")/fixture.sh"
browser_needed
fixture_edge
sp_user
fixture_people
TYPE=ssh fixture_host ssh "$HOST"
mkdir "$T/there" && chmod 0777 "$T/there"
chmod 0711 "$T"
browser terminal-files.mjs "$HOST" "$T/there"
