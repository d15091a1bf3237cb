#!/bin/bash
# Trying a provider: the command says in words which step fails; the page, for administrators alone, shows what a sign-in there says about
# them, or where it failed, and signs nobody in.
. "$(dirname "$0")/fixture.sh"
fixture_edge
shapes_start
free_port
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
identity_providers:
  - name: people
    type: local
    users: [{email: boss@example.test, password: $PASSWORD}, {email: jdoe@example.test, password: $PASSWORD}]
  - {name: okta, type: okta, config: {okta_account: "http://localhost:$OKTA", client_id: sp, client_secret: s3cret}}
  - {name: badsecret, type: google-apps, config: {issuer: "http://localhost:$GOOGLE", client_id: sp, client_secret: wrong, apps_domain: example.com}}
  - {name: git, type: github, config: {github_url: "http://localhost:$GITHUB", client_id: sp, client_secret: s3cret}}
  - {name: down, type: oidc, config: {issuer: "http://localhost:$PORT", client_id: sp}}
  - name: nokeys
    type: oidc
    config: {issuer: "http://eval.localhost:$OKTA", client_id: sp, auth_url: "http://localhost:$OKTA/a", token_url: "http://localhost:$OKTA/t",
      certs_url: "http://localhost:$OKTA/nowhere"}
admins: [{email: boss@example.test, idp: people, role: admin}]
YML
runs "the command" "$SP" admin idps test okta
like "it says" "$OUT" 'discovery: fine.*keys: fine.*https://team.localhost.*/cdn-cgi/access/test/'
refuses "a provider that is down" "$SP" admin idps test down
like "it says which step" "$OUT" 'discovery: failed: .*'
unlike "and no further" "$OUT" 'keys:'
refuses "a provider without keys" "$SP" admin idps test nokeys
like "it says which step" "$OUT" 'discovery: fine.*keys: failed: .*404'
refuses "an unknown provider" "$SP" admin idps test nobody

url() { echo "https://$TEAM_HOST:$UPORT/cdn-cgi/access/test/$(idp_id "$1")"; }
signed_in_as() { # EMAIL: JAR
	JAR=$(mktemp "$T/jar.XXXXXX")
	web_login "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/$TEAM_HOST?idp=$(idp_id people)&redirect_url=/" "$1" "$PASSWORD"
	PAGE=$JAR.page
}
tries() { web_step "$JAR" "$(url "$1")" "$PAGE"; }
# nobody, and somebody without a role
JAR=$T/nobody PAGE=$T/nobody.page
tries okta
like "not signed in" "$LAST_URL" '/cdn-cgi/access/login/team.localhost'
signed_in_as jdoe@example.test
tries okta
eq "no administrator" "$STATUS" 403
unlike "nothing is shown" "$(cat "$PAGE")" 'john.doe'
eq "the provider was not asked to sign anybody in" "$(seen "$OKTA" | grep -c authorize)" 0
# an administrator
signed_in_as boss@example.test
was=$(grep CF_Authorization "$JAR")
tries okta
eq "what Okta says: $(page_text)" "$STATUS" 200
like "identity" "$(page_text)" 'john.doe@example.com.*00uid4BxXw6I6TV4m0g3.*pwd, mfa.*Everyone, Cloud App Users'
tries git
like "what GitHub says" "$(page_text)" 'octocat@github.com.*github, github/justice-league'
eq "the administrator is who he was" "$(grep CF_Authorization "$JAR")" "$was"
unlike "nobody was signed in" "$("$SP" admin get sessions -o json)" 'john.doe|octocat'
# what failed, and where
failed() { # PROVIDER STEP WHY
	tries "$1"
	like "$1: status" "$STATUS" '^[45]'
	like "$1: step" "$(grep 'id="step"' "$PAGE")" "$2"
	like "$1: why" "$(grep 'id="why"' "$PAGE")" "$3"
}
failed down 'reading the discovery document' '.'
failed badsecret 'exchanging the code' 'status 400'
variant "$GITHUB" email-unverified
failed git 'exchanging the code and asking who it is' 'not verified'
apply >/dev/null <<YML || die "apply"
identity_providers:
  - {name: badsecret, type: google-apps, config: {issuer: "http://localhost:$GOOGLE", client_id: sp, client_secret: s3cret, apps_domain: example.com}}
YML
variant "$GOOGLE" hd-other
failed badsecret 'the ID token and its claims' 'hosted domain'
tries people
like "the edge's own" "$(page_text)" 'asks nobody else'
eq "still who he was" "$(grep CF_Authorization "$JAR")" "$was"
say "steps and identities are told to administrators, and to nobody else"
