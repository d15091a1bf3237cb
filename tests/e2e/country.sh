#!/bin/bash
# Countries from an operator's file: a rule lets in or refuses by where the address is, tokens and audit say it, another file counts without a
# restart and cuts who may no longer be there, an absent or broken one lets nobody in and is reported.
. "$(dirname "$0")/fixture.sh"
command -v node >/dev/null || skip "no node"
lib_init
edge_init "$T/edge"
printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\ngeo: {database: %s/geo.mmdb}\n' "$T" >>"$EDGE/sallyportd.yml"
mmdb() { node "$E2E/mmdb.mjs" "$T/geo.mmdb" "$@" || die "mmdb"; }
mmdb 127.0.0.0/8=PT ::1/128=PT
chmod 644 "$T/geo.mmdb"
edge_start
sp_user
fixture_people
fixture_host ssh "$HOST"
runs "the rule" apply <<YML
apps:
  - name: ssh
    domain: $HOST
    policies:
      - {name: staff, decision: allow, include: [{group: {name: staff}}], require: [{geo: {country_code: PT}}]}
YML
signed_in
eq "from PT" "$(sh_ 'echo in')" in
eq "claim" "$(client_token | cut -d. -f2 | tr '_-' '/+' | { cat; printf '=='; } | base64 -d 2>/dev/null | jq -r .country)" PT
audit_has '"country":"PT"' >/dev/null || die "no country in the audit log"
like "explain by address" "$("$SP" admin explain --app "$HOST" --email "$EMAIL" --ip 127.0.0.1 --group staff)" '^allow'
like "explain elsewhere" "$("$SP" admin explain --app "$HOST" --email "$EMAIL" --ip 192.0.2.1)" '^deny'
like "explain by country" "$("$SP" admin explain --app "$HOST" --email "$EMAIL" --country DE)" '^deny'

TOKEN=$(client_token)

# another file: no restart, and what lives is judged again
mkfifo "$T/hold"
sh_ 'echo up; cat' <"$T/hold" >"$T/live" 2>&1 &
LIVE=$!
exec 8>"$T/hold"
wait_line "$T/live" '^up' 20 >/dev/null
mmdb 127.0.0.0/8=DE ::1/128=DE
chmod 644 "$T/geo.mmdb"
kill -HUP "$EDGE_PID"
until_ok 10 sh -c '! kill -0 "$1"' - "$LIVE" || die "a session from DE lives on"
exec 8>&-
wait "$LIVE" && die "the session ended well"
code() { web /dev/null -o /dev/null -w '%{http_code}' "https://$HOST:$UPORT/"; }
eq "nobody from DE sees a sign-in page" "$(code)" 403
[ "$(grep -c 'country_file.*built' "$T/edge.log")" = 2 ] || die "the log does not tell of the files"

# broken, then absent: nobody, and said
printf 'not a database' >"$T/geo.mmdb"
kill -HUP "$EDGE_PID"
wait_line "$T/edge.log" 'country_file.*not an MMDB' 10 >/dev/null
let_in() { web /dev/null -o /dev/null -w '%{http_code}' -H "Cf-Access-Token: $TOKEN" "https://$HOST:$UPORT/"; }
eq "with a broken file" "$(let_in)" 403
rm "$T/geo.mmdb"
kill -HUP "$EDGE_PID"
wait_line "$T/edge.log" 'country_file.*absent' 10 >/dev/null
eq "without a file" "$(let_in)" 403
like "status" "$(web /dev/null -H "Authorization: Bearer $SALLYPORT_API_TOKEN" "$TUNNEL_API_URL/accounts/$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID)/sallyport/status")" '"loaded":false'
edge_stop
edge_start
eq "after a start without it" "$(let_in)" 403
mmdb flat 127.0.0.0/8=PT
chmod 644 "$T/geo.mmdb"
kill -HUP "$EDGE_PID"
back() { [ "$(let_in)" = 200 ]; }
until_ok 10 back || die "a file that came later does not count"
