#!/bin/bash
# Okta, Google Workspace, Entra: discovery, claims and group lists in the shape their makers publish lead to a sign-in with groups; the chooser
# offers what the application admits; lies of each shape (hosted domain, foreign address, group lists that break) open nothing.
. "$(dirname "$0")/fixture.sh"
fixture_edge
shapes_start
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
identity_providers:
  - {name: okta, type: okta, config: {okta_account: "http://localhost:$OKTA/", client_id: sp, client_secret: s3cret}}
  - name: workspace
    type: google-apps
    config: {issuer: "http://localhost:$GOOGLE", client_id: sp, client_secret: s3cret, apps_domain: example.com, support_groups: true,
      groups_url: "http://localhost:$GOOGLE/admin/directory/v1/groups"}
  - name: entra
    type: azureAD
    domains: [contoso.test]
    config: {issuer: "http://localhost:$AZURE/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0", directory_id: 9122040d-6c67-4c5b-b112-36a304b66dad,
      client_id: sp, client_secret: s3cret, support_groups: true,
      groups_url: "http://localhost:$AZURE/v1.0/me/transitiveMemberOf/microsoft.graph.group"}
YML
app() { # NAME RULE [more lines]
	cat <<-YML
		  - name: $1
		    domain: $1.localhost
		    type: ssh
		    ${3:-}
		    policies: [{name: p, decision: allow, include: [$2]}]
	YML
}
{
	echo "apps:"
	app okta "{okta: {name: Cloud App Users, identity_provider_id: $(idp_id okta)}}" "allowed_idps: [okta]"
	app okta2 "{okta: {name: Internal App Users, identity_provider_id: $(idp_id okta)}}" "allowed_idps: [okta]"
	app google "{gsuite: {email: sales@example.com, identity_provider_id: $(idp_id workspace)}}" "allowed_idps: [workspace]"
	app azure "{azure_ad: {id: 11111111-2222-3333-4444-555555555555, identity_provider_id: $(idp_id entra)}}" "allowed_idps: [entra]"
	app any "{email_domain: {domain: example.com}}"
	app but "{everyone: {}}], exclude: [{okta: {name: Contractors, identity_provider_id: $(idp_id okta)}}" "allowed_idps: [okta]"
} | apply >"$T/apply.out" || die "apply: $(cat "$T/apply.out")"

okta=$(idp_id okta) workspace=$(idp_id workspace) entra=$(idp_id entra)
signs_in() { # WHAT APP IDP
	enter "$2" "$3"
	eq "$1: $(page_text)" "$STATUS" 200
}
refuses_in() { # WHAT APP IDP CODE
	enter "$2" "$3"
	like "$1: status" "$STATUS" '^[45]'
	like "$1: page" "$(page_text)" "SP-$4"
}

# the chooser: what the application admits, in order, and nothing else; the built-in provider is not there
web_step "$T/jar" "https://any.localhost:$UPORT/" "$T/page"
names=$(grep -o 'Continue with [a-z]*' "$T/page" | tr '\n' ',')
eq "chooser" "$names" 'Continue with entra,Continue with okta,Continue with workspace,'
web_step "$T/jar" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/any.localhost?idp=$okta&redirect_url=/" "$T/page"
like "a choice goes there" "$LAST_URL" '^https://any.localhost'
web_step "$T/jar2" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/okta.localhost?idp=$entra&redirect_url=/" "$T/page"
like "a provider that the application does not admit" "$STATUS" '^4'
# on the team host the built-in provider is offered, last
web_step "$T/jar2" "https://$TEAM_HOST:$UPORT/" "$T/page"
like "team host: last" "$(grep -o 'Continue with [^<]*' "$T/page" | tail -1)" 'local|built|account'

# Okta: the claim, then, with an API token, the list
signs_in "okta" okta.localhost "$okta"
eq "okta identity" "$(identity)" '["john.doe@example.com",["Cloud App Users","Everyone"],["mfa","pwd"]]'
asked=$(seen "$OKTA")
like "okta was asked for the scope of groups" "$(grep authorize <<<"$asked")" "scope=openid%20email%20profile%20groups"
unlike "no list without an API token" "$asked" "/api/v1/users"
refuses_in "okta: not in the claim" okta2.localhost "$okta" 1202
variant "$OKTA" claim-many
refuses_in "okta: a claim too long is unknown" okta.localhost "$okta" 1202
apply >/dev/null <<YML || die "okta with a token"
identity_providers:
  - {name: okta, type: okta, config: {okta_account: "http://localhost:$OKTA/", client_id: sp, client_secret: s3cret, api_token: okta-api-token}}
YML
signs_in "okta by list, where the claim is too long" okta2.localhost "$okta"
eq "okta identity by list" "$(identity)" '["john.doe@example.com",["Cloud App Users","Internal App Users"],["mfa","pwd"]]'
# the same record without its secrets keeps them
apply >/dev/null <<YML || die "okta again"
identity_providers:
  - {name: okta, type: okta, config: {okta_account: "http://localhost:$OKTA/", client_id: sp, prompt: login}}
YML
signs_in "okta, secrets kept" okta2.localhost "$okta"
for lie in groups-500 groups-form groups-many groups-redirect; do
	variant "$OKTA" $lie
	refuses_in "okta: $lie" okta2.localhost "$okta" 1202
	refuses_in "okta: $lie, claim instead of list" okta.localhost "$okta" 1202
done
unlike "no redirect followed" "$(seen "$OKTA")" 'elsewhere'
signs_in "okta: groups unknown, address known" any.localhost "$okta"
refuses_in "okta: who may be in an excluded group is not let in" but.localhost "$okta" 1202
variant "$OKTA" honest
signs_in "okta: not in the excluded group" but.localhost "$okta"

# Google: two pages of groups, hosted domain
signs_in "google" google.localhost "$workspace"
eq "google identity" "$(identity)" '["jsmith@example.com",["sales@example.com","support@example.com"],[]]'
like "google is told the domain" "$(seen "$GOOGLE")" 'hd=example.com'
for lie in hd-missing hd-other; do
	variant "$GOOGLE" $lie
	refuses_in "google: $lie" any.localhost "$workspace" 1105
done
variant "$GOOGLE" groups-none
refuses_in "google: no groups" google.localhost "$workspace" 1202
signs_in "google: no groups, address known" any.localhost "$workspace"
variant "$GOOGLE" groups-endless
refuses_in "google: a list without end" google.localhost "$workspace" 1202

# Entra: groups by overage link, addresses only of the declared domains
signs_in "entra" azure.localhost "$entra"
eq "entra identity" "$(identity)" \
	'["abeli@contoso.test",["11111111-2222-3333-4444-555555555555","45b7d2e7-b882-4a80-ba97-10b7a63b8fa4"],[]]'
variant "$AZURE" email-foreign
refuses_in "entra: address of another domain" azure.localhost "$entra" 1106
variant "$AZURE" email-refuted
refuses_in "entra: address said to be unverified" azure.localhost "$entra" 1106
variant "$AZURE" next-foreign
refuses_in "entra: next page elsewhere" azure.localhost "$entra" 1202
unlike "entra: elsewhere was not asked" "$(seen "$AZURE")" 'skiptoken=x'

# a generic provider whose addresses are all in the record: discovery is not asked
apply >/dev/null <<YML || die "generic"
identity_providers:
  - name: byhand
    type: oidc
    config: {issuer: "http://127.0.0.1:$OKTA", client_id: sp, client_secret: s3cret, auth_url: "http://localhost:$OKTA/oauth2/v1/authorize",
      token_url: "http://localhost:$OKTA/oauth2/v1/token", certs_url: "http://localhost:$OKTA/oauth2/v1/keys"}
YML
variant "$OKTA" honest
seen "$OKTA" >/dev/null
refuses_in "by hand: an issuer that is not that of the ID token" any.localhost "$(idp_id byhand)" 1105
like "the log names both issuers" "$(grep login_refused "$T/edge.log" | tail -1)" "http://localhost:$OKTA.*http://127.0.0.1:$OKTA"
unlike "discovery was not asked" "$(seen "$OKTA")" 'well-known'
say "three shapes, their group lists and their lies"
