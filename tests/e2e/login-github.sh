#!/bin/bash
# GitHub (an Enterprise server by its address): code with PKCE, user, primary verified address, organizations and teams; the subject is the
# number, so that a login changing hands changes nothing; lies are refused, and judge never sees the access token.
. "$(dirname "$0")/fixture.sh"
fixture_edge
shapes_start
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
identity_providers:
  - {name: git, type: github, config: {github_url: "http://localhost:$GITHUB/", client_id: sp, client_secret: s3cret}}
YML
git=$(idp_id git)
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
apps:
  - name: org
    domain: org.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{github_organization: {name: github, identity_provider_id: $git}}]}]
  - name: team
    domain: team1.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{github_organization: {name: github, team: justice-league, identity_provider_id: $git}}]}]
  - name: other
    domain: other.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{github_organization: {name: github, team: other, identity_provider_id: $git}}]}]
  - name: many
    domain: many.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{github_organization: {name: org2003, identity_provider_id: $git}}]}]
  - name: mail
    domain: mail.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{email: {email: octocat@github.com}}]}]
YML
as() { # WHAT VARIANT APP STATUS [CODE]
	variant "$GITHUB" "$2"
	enter "$3" "$git"
	like "$1 ($2): $(page_text)" "$STATUS" "$4"
	[ -z "${5:-}" ] || like "$1 ($2): page" "$(page_text)" "SP-$5"
}
uuid() { web "$JAR" "https://mail.localhost:$UPORT/cdn-cgi/access/get-identity" | jq -r .user_uuid; }

as "organization" honest org.localhost 200
eq "identity" "$(identity)" '["octocat@github.com",["github","github/justice-league"],[]]'
asked=$(seen "$GITHUB")
like "PKCE" "$asked" 'code_challenge=[A-Za-z0-9_-]{43}&code_challenge_method=S256'
like "scopes" "$asked" 'scope=read%3Auser%20user%3Aemail%20read%3Aorg'
unlike "the token is in no address" "$asked" 'gho_'
unlike "the token is in no log" "$(cat "$T/edge.log")" 'gho_'
as "team" honest team1.localhost 200
as "a team that it is not in" honest other.localhost 403 1202
as "a name with a slash is no team" orgs-slash team1.localhost 403 1202

# who is who
as "first" honest mail.localhost 200
first=$(uuid)
as "same number, new login" renamed mail.localhost 200
eq "still the same person" "$(uuid)" "$first"
as "same login, another number" reused-login mail.localhost 200
[ "$(uuid)" != "$first" ] || die "a login that changed hands is the same person"

# the address
for lie in email-unverified email-verified-text email-no-primary email-two-primaries email-two-ats email-none; do
	as "address" $lie mail.localhost 403 1106
	unlike "$lie: no session" "$(cat "$JAR")" 'CF_Authorization'
done
# answers that are no answers
for lie in bad-code id-text organization user-redirect user-huge; do
	as "refused" $lie mail.localhost '^[45]' 1104
	unlike "$lie: no session" "$(cat "$JAR")" 'CF_Authorization'
done
unlike "no redirect followed" "$(seen "$GITHUB")" 'elsewhere'
# groups that cannot be known open nothing, and do not bar the address
as "organizations refused" orgs-403 org.localhost 403 1202
as "organizations refused" orgs-403 team1.localhost 403 1202
as "organizations refused" orgs-403 mail.localhost 200
as "two pages" orgs-paged many.localhost 200
as "pages without end" orgs-endless many.localhost 403 1202
as "and honest again" honest org.localhost 200
say "GitHub: organizations, teams, numbers, addresses"
