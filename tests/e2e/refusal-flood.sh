#!/bin/bash
# Anybody can be refused as often as they like: of a flood from one address the audit log has twenty records and one with the number of the
# rest, also when the edge ends within that minute; what is refused to others meanwhile is written as ever.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
records() { audit_has '"domain":"ssh.localhost".*"kind":"access_denied"' | wc -l; }
before=$(records)
for i in $(seq 60); do echo "url = https://$HOST:$UPORT/$i"; echo "output = /dev/null"; done >"$T/urls"
web /dev/null -H 'cf-access-token: none' -w '%{http_code}\n' -K "$T/urls" >"$T/codes" || die "the flood"
eq "answers" "$(sort "$T/codes" | uniq -c | tr -s ' ')" " 60 302"
eq "records of 60 refusals" $(($(records) - before)) 20
web /dev/null -k -o /dev/null "https://nobody.localhost:$UPORT/" || die "another"
like "the other one" "$("$SP" admin log | tail -1)" 'access_denied.*nobody.localhost'

edge_stop
eq "exit status after SIGTERM" $? 0
edge_start
eq "records after the end" $(($(records) - before)) 21
like "the last of them" "$(audit_has '"count"')" '"count": ?40'
