#!/bin/bash
# A policy that asks somebody else: a signed question, an answer that must be signed RS256 by its keys, fresh, about this question and yes;
# every other answer opens nothing; asked at each new application token, kept for its life, also for the client and its certificate.
. "$(dirname "$0")/fixture.sh"
lib_init
node "$E2E/evaluator.mjs" serve >"$T/eval.out" 2>"$T/eval.log" &
PIDS+=($!)
EVAL=$(wait_line "$T/eval.out" '^ready' 20)
EVAL=${EVAL#ready }
edge_init "$T/edge"
printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\nevaluation_origins: ["http://localhost:%s"]\n' "$EVAL" >>"$T/edge/sallyportd.yml"
edge_start
sp_user
fixture_people
rule="{external_evaluation: {evaluate_url: \"http://localhost:$EVAL/\", keys_url: \"http://localhost:$EVAL/keys\"}}"
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
groups:
  - {name: judged, include: [$rule]}
tunnels: [{name: pool}]
apps:
  - name: a
    domain: a.localhost
    type: ssh
    tunnel: pool
    service: ssh://127.0.0.1:1
    policies: [{name: p, decision: allow, include: [{email_domain: {domain: example.test}}], require: [{group: {name: judged}}]}]
  - name: b
    domain: b.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{everyone: {}}], exclude: [$rule]}]
  - name: c
    domain: c.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{external_evaluation: {evaluate_url: "http://eval.localhost:$EVAL/", keys_url: "http://localhost:$EVAL/keys"}}]}]
  - name: d
    domain: d.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{external_evaluation: {evaluate_url: "http://localhost:$EVAL/", keys_url: "http://eval.localhost:$EVAL/keys"}}]}]
YML
jwks=$(web "$T/jar" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/certs")
curl -sS -G "http://127.0.0.1:$EVAL/test/jwks" --data-urlencode "q=$jwks" || die "evaluator"
JAR=$T/jar

web_login "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/b.localhost?redirect_url=/" "$EMAIL" "$PASSWORD"
to() { # HOST VARIANT
	variant "$EVAL" "$2"
	web_step "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/$1?redirect_url=/" "$PAGE"
}
to a.localhost yes
eq "yes: $(page_text)" "$STATUS" 200
like "where it leads" "$LAST_URL" "^https://a.localhost"
q=$(seen "$EVAL")
eq "the question: signed by our key, JSON, about whom" "$(jq -c '[.verified, .type, .identity.email, .identity.groups]' <<<"$q")" \
	"[true,\"application/json\",\"$EMAIL\",[\"ops\"]]"
like "a nonce" "$(jq -r .nonce <<<"$q")" '^[0-9a-f]{32}$'
eq "a question lives a minute" "$(jq '.exp - .iat' <<<"$q")" 60
first=$(jq -r .nonce <<<"$q")
# the token it got serves without asking again; the next token asks again, with another nonce
variant "$EVAL" no
web_step "$JAR" "https://a.localhost:$UPORT/" "$PAGE"
eq "within the token's life" "$STATUS" 200
eq "nobody asked" "$(seen "$EVAL")" '{}'
to a.localhost yes
[ "$(seen "$EVAL" | jq -r .nonce)" != "$first" ] || die "the same nonce twice"
for lie in $(node "$E2E/evaluator.mjs" list); do
	[ "$lie" = yes ] && continue
	to a.localhost "$lie"
	eq "$lie: $(page_text)" "$STATUS" 403
	like "$lie" "$(page_text)" 'SP-1202'
	unlike "$lie: no redirect is followed" "$(seen "$EVAL")" elsewhere
done
# a no ends what an earlier yes had opened: the rule is false from then on
web_step "$JAR" "https://a.localhost:$UPORT/" "$PAGE"
eq "after a no" "$STATUS" 403
# excluded by a yes, let in by a no, and not let in when there is no answer
to b.localhost yes
eq "excluded by yes" "$STATUS" 403
to b.localhost no
eq "not excluded by no" "$STATUS" 200
to b.localhost wrong-nonce
eq "no answer may be a yes" "$STATUS" 403
# origins that the operator did not list are not asked
for app in c d; do
	to $app.localhost yes
	eq "$app: an origin that is not listed" "$STATUS" 403
	eq "$app: was not asked" "$(seen "$EVAL")" '{}'
done
like "the log says so" "$(grep evaluation_not_asked "$T/edge.log" | tail -1)" 'evaluation_origins'
# a client
variant "$EVAL" no
refuses "a client, refused" client_login "https://a.localhost:$UPORT" "$EMAIL" "$PASSWORD"
variant "$EVAL" yes
client_login "https://a.localhost:$UPORT" "$EMAIL" "$PASSWORD" || die "client sign-in"
"$SP" admin ca a.localhost >/dev/null || die "ca"
runs "a certificate rests on what was heard" "$SP" access ssh-gen --hostname "a.localhost:$UPORT"
say "evaluated: yes opens, everything else does not"
