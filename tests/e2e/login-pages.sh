#!/bin/bash
# Every page of a sign-in in a real browser: usable and accessible in light, in dark and on a small screen, without script, with a strict policy;
# the organisation's name, texts, colours and logo stand on it and cannot make it unreadable; errors of the edge and of what is behind it too.
. "$(dirname "$0")/fixture.sh"
browser_needed
lib_init
edge_init "$T/edge"
printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\n' >>"$EDGE/sallyportd.yml"
if [ -d "$TOP/tests/oidc/node_modules/smtp-server" ]; then
	node "$TOP/tests/oidc/smtp-sink.mjs" >"$T/mails" 2>"$T/mails.log" &
	PIDS+=($!)
	SINK=$(wait_line "$T/mails" '^ready' 20)
	printf 'mail: {url: "smtp://localhost:%s", from: sallyport@corp.test}\n' "${SINK#ready }" >>"$EDGE/sallyportd.yml"
fi
edge_start
free_port
CLOSED=$PORT
EMAIL=jdoe@example.test
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
identity_providers:
  - name: people
    type: local
    users:
      - {email: $EMAIL, password: $PASSWORD}
      - {email: erin@example.test, password: $PASSWORD}
      - {email: eve@elsewhere.test, password: $PASSWORD}
  - {name: mail, type: onetimepin}
admins: [{email: erin@example.test, idp: people, role: admin}]
groups:
  - {name: staff, include: [{email_domain: {domain: example.test}}]}
tunnels: [{name: pool}, {name: down}]
apps:
  - {name: Build servers, domain: $HOST, type: self_hosted, tunnel: pool, service: "ssh://127.0.0.1:$CLOSED", allowed_idps: [people],
     custom_deny_message: "Ask the platform team: platform@example.test", policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]}
  - {name: 日本語の文書 📚, domain: docs.localhost, type: self_hosted, tunnel: pool, service: "http://127.0.0.1:$CLOSED", allowed_idps: [people, mail],
     policies: [{name: staff, decision: allow, include: [{group: {name: staff}}]}]}
  - {name: Database, domain: db.localhost, type: self_hosted, tunnel: down, service: "http://127.0.0.1:$CLOSED", allowed_idps: [people],
     policies: [{name: why, decision: allow, include: [{group: {name: staff}}], purpose_justification_required: true}]}
  - {name: Payroll, domain: pay.localhost, type: self_hosted, tunnel: pool, service: "http://127.0.0.1:$CLOSED", allowed_idps: [people],
     policies: [{name: ask, decision: allow, include: [{group: {name: staff}}], purpose_justification_required: true, approval_required: true,
       approval_groups: [{approvals_needed: 1, email_addresses: [erin@example.test]}]}]}
YML
connector_start "$T/connector.log" run --token "$("$SP" tunnel token pool)"
for h in "$HOST" docs.localhost db.localhost pay.localhost; do until_ok 5 web /dev/null -o /dev/null "https://$h:$UPORT/" || die "no leaf for $h"; done
SETUP_LINK=$SETUP_LINK browser login-pages.mjs
say ok
