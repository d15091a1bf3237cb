#!/bin/bash
# GitHub is asked again with the access token of the sign-in: an organization that was left denies, a list that cannot be had takes nothing away
# before the grace is over, a token that is taken back ends the session.
. "$(dirname "$0")/fixture.sh"
fixture_edge
shapes_start
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
identity_providers:
  - name: git
    type: github
    config: {github_url: "http://localhost:$GITHUB/", client_id: sp, client_secret: s3cret, recheck: 1s, recheck_grace: 6s}
YML
git=$(idp_id git)
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
apps:
  - name: org
    domain: org.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{github_organization: {name: github, identity_provider_id: $git}}]}]
YML
page() { STATUS=$(web "$JAR" -o "$T/page" -w '%{http_code}' "https://org.localhost:$UPORT/"); }
becomes() { # SECONDS STATUS CODE: the page, asked for again and again
	until_ok "$1" eval "page; [ \$STATUS = $2 ] && grep -q '$3' $T/page" || die "the page says $STATUS: $(sed 's/<[^>]*>//g' "$T/page" | tr '\n' ' '), expected $2 $3"
}
variant "$GITHUB" honest
enter org.localhost "$git"
eq "sign-in: $(page_text)" "$STATUS" 200
if grep -rqs gho_ "$EDGE"; then die "the access token stands on disk in the clear"; fi
variant "$GITHUB" orgs-paged
becomes 10 403 SP-1202
variant "$GITHUB" honest
becomes 10 200 ''
variant "$GITHUB" orgs-403
begun=$(now_ms)
until_ok 10 eval 'page; grep -q "recheck_no_answer.*which groups" "$T/edge.log"' || die "nobody noticed that the list cannot be had"
becomes 15 503 SP-1111
[ $(($(now_ms) - begun)) -ge 4000 ] || die "a list that cannot be had denies at once"
variant "$GITHUB" honest
becomes 10 200 ''
variant "$GITHUB" user-401
until_ok 10 eval 'page; [ "$STATUS" = 302 ]' || die "a token that was taken back still lets in: $STATUS"
audit_has 'session_revoked.*sign-in is over' >/dev/null || die "the end is not in the audit log"
say "GitHub is asked again, too"
