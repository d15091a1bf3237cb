#!/bin/bash
# Files beside the shell of a browser: uploaded, replaced only when asked, dropped, and downloaded, byte for byte, over the host's own sftp.
. "$(dirname "$0")/fixture.sh"
browser_needed
fixture_edge
sp_user
fixture_people
TYPE=ssh fixture_host ssh "$HOST"
THERE=$(getent passwd "$UNIX_USER" | cut -d: -f6)/sallyport-files-$$
cleanup_more() { rm -rf "$THERE"; }
mkdir "$THERE" && chmod 0777 "$THERE" || skip "no home folder to write to"
browser terminal-files.mjs "$HOST" "$THERE"
