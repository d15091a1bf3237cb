#!/bin/bash
# A shell in the browser: the edge opens an SSH session through the tunnel to a real sshd with a certificate of its own making; size, keys, exit status
# and back-pressure work, and both ends of it are in the audit log.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
TYPE=ssh fixture_host ssh "$HOST"
web_login "$T/jar" "https://$HOST:$UPORT/" "$EMAIL" "$PASSWORD" || die "sign-in"
OUT=$(JAR=$T/jar HOST_=$HOST UNIX_USER=$UNIX_USER node "$E2E/terminal-shell.mjs") || die "see above: $OUT"
say "$OUT"
ID=$(sed -n 's/^session //p' <<<"$OUT")
until_ok 5 eval 'audit_has ssh_ended >/dev/null' || die "no end in the audit log"
audit_has '"kind":"ssh_began"' | grep -q "\"ssh_session\":\"$ID\"" || die "no begin of $ID in the audit log: $(audit_has ssh_)"
END=$(audit_has '"kind":"ssh_ended"')
like "the end" "$END" '"exit_status":7'
like "the end" "$END" "\"user\":\"$UNIX_USER\""
like "the end" "$END" "\"actor\":\"$EMAIL\""
like "certificate" "$(grep -a 'edge session' "$EDGE/keys/journal")" "\"key_id\":\"$EMAIL $ID\""
like "sshd" "$(grep -a 'Accepted publickey' "$SSHD_LOG")" "ID $EMAIL $ID "
until_ok 5 eval '[ -z "$(role_pid session)" ]' || die "the session's process is left"
grep -q role_died "$T/edge.log" && die "a role died: $(grep role_died "$T/edge.log")"
say "a shell in the browser works"
