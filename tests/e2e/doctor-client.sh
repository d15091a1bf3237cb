#!/bin/bash
# `sallyport doctor client`: walks the way of a connection and names the step that fails and what to do, up to the real one.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=jdoe@example.test
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
client() { "$SP" doctor client "$HOST:$UPORT" "$@"; }

refuses "nobody signed in" client
like "reached" "$OUT" 'ok   tls'
like "found" "$OUT" "ok   discovery: guarded by $TEAM_HOST:$UPORT"
like "clock" "$OUT" 'ok   clock'
like "step" "$OUT" 'FAIL token: not signed in'
like "what to do" "$OUT" "sallyport access login https://$HOST:$UPORT"
eq "one step fails" "$(grep -c ^FAIL <<<"$OUT")" 1

free_port
refuses "nobody listens" "$SP" doctor client "$HOST:$PORT"
like "step" "$OUT" 'FAIL tcp'
refuses "no such application" "$SP" doctor client "$TEAM_HOST:$UPORT"
refuses "another root" env -u SALLYPORT_CA_FILE "$SP" doctor client "$HOST:$UPORT"
like "step" "$OUT" 'FAIL tls'
like "what to do" "$OUT" '--ca-file'
refuses "no name" "$SP" doctor client "no-such-host.invalid"
like "step" "$OUT" 'FAIL name'

client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
refuses "no connector" client
like "token" "$OUT" "ok   token: of $EMAIL"
like "policy" "$OUT" 'ok   policy'
like "step" "$OUT" 'FAIL tunnel: .*SP-1005'
like "what to do" "$OUT" 'sallyport tunnel run'
like "no certificate yet" "$OUT" 'skip certificate'

fixture_connector ssh
refuses "no service" client
like "step" "$OUT" 'FAIL tunnel'
unlike "not that again" "$OUT" 'SP-1005'
connector=$CONNECTOR_PID
# something that listens where the application points
runs "another service" apply <<YML
apps: [{name: ssh, domain: $HOST, service: "ssh://127.0.0.1:$MPORT"}]
YML
until_ok 20 client || { client; die "a whole way"; }
runs "a whole way" client
like "last line" "$(tail -1 <<<"$OUT")" 'nothing is wrong'
like "tunnel" "$OUT" 'ok   tunnel'

runs "a certificate" "$SP" admin ca "$HOST"
runs "ssh-gen" "$SP" access ssh-gen --hostname "$HOST:$UPORT"
runs "with a certificate" client
like "certificate" "$OUT" 'ok   certificate: for jdoe, serial [0-9]+'
chmod 644 "$SALLYPORT_HOME/$HOST-cf_key"
refuses "a key that others may read" client
like "step" "$OUT" 'FAIL certificate: .*may be read by others'
chmod 600 "$SALLYPORT_HOME/$HOST-cf_key"

runs "the policy changes" apply <<YML
apps:
  - name: ssh
    domain: $HOST
    policies:
      - {name: staff, decision: deny, include: [{everyone: {}}]}
YML
refuses "not allowed any more" client
like "step" "$OUT" 'FAIL policy: SP-12'
like "what to do" "$OUT" "admin explain --app $HOST --email $EMAIL"
runs "revoke" "$SP" admin revoke --email "$EMAIL"
refuses "revoked" client
like "step" "$OUT" 'FAIL policy: the edge no longer takes this token'
say "every step was named"
