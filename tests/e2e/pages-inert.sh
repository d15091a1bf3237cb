#!/bin/bash
# Whatever people and providers can write into a page is shown and does nothing: markup in every name, text and claim, through the API, through
# an identity provider and through addresses, on every page that shows them, in a real browser with script on.
. "$(dirname "$0")/fixture.sh"
browser_needed
fixture_edge
EMAIL=jdoe@example.test
BAD='<script>xss=1</script>"><img src=//evil.test/x onerror=xss=1>'"'"'><svg/onload=xss=1></title></p></style><base href=//evil.test/><meta http-equiv=refresh content="0;url=//evil.test/">{0}{!1}&lt;b&gt;<!--'
oidc_start "$(jq -cn --arg bad "$BAD" '{hostile: {email: "hostile@example.test", name: ("claimed " + $bad), groups: [("group " + $bad)]}}')"
jq -n --arg bad "$BAD" --arg password "$PASSWORD" --arg email "$EMAIL" --arg issuer "$OIDC" '{
	identity_providers: [
		{name: ("people " + $bad), type: "local", users: [{email: $email, password: $password},
			{email: "o'"'"'brien&{0}@example.test", password: $password}, {email: "eve@elsewhere.test", password: $password}]},
		{name: ("corp " + $bad), type: "oidc", config: {issuer: $issuer, client_id: "sp-rs256", client_secret: "sp-secret-rs256",
			scopes: ["openid", "email", "profile", "groups"], claims: ["groups"]}}],
	admins: [{email: $email, idp: ("people " + $bad), role: "admin"}],
	tunnels: [{name: "pool"}],
	apps: [
		{name: ("open " + $bad), domain: "open.localhost", type: "self_hosted", tunnel: "pool", service: "ssh://127.0.0.1:1", custom_deny_message: ("denied " + $bad),
			policies: [{name: ("p " + $bad), decision: "allow", include: [{email_domain: {domain: "example.test"}}]}]},
		{name: ("why " + $bad), domain: "why.localhost", type: "self_hosted", tunnel: "pool", service: "ssh://127.0.0.1:1",
			policies: [{name: "why", decision: "allow", include: [{email_domain: {domain: "example.test"}}], purpose_justification_required: "true",
				purpose_justification_prompt: ("prompt " + $bad)}]},
		{name: ("ask " + $bad), domain: "ask.localhost", type: "self_hosted", tunnel: "pool", service: "ssh://127.0.0.1:1",
			policies: [{name: "ask", decision: "allow", include: [{email_domain: {domain: "example.test"}}], purpose_justification_required: "true", approval_required: "true",
				purpose_justification_prompt: ("prompt " + $bad),
				approval_groups: [{approvals_needed: "1", email_addresses: ["o'"'"'brien&{0}@example.test"]}]}]}]}' >"$T/apply.yml"
runs "apply" "$SP" admin apply "$T/apply.yml"
for h in open why ask; do until_ok 5 web /dev/null -o /dev/null "https://$h.localhost:$UPORT/" || die "no leaf for $h"; done
BAD=$BAD browser pages-inert.mjs "$OIDC"
say ok
