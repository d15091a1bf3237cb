#!/bin/bash
# Applications of several domains and of paths: the most specific one decides alone, on every way in; a path that an origin could read in
# two ways is refused where paths count; a connector is told the services in the same order.
. "$(dirname "$0")/fixture.sh"
fixture_edge
EMAIL=jdoe@example.test
fixture_people
runs "apply" apply <<YML
tunnels: [{name: pool}]
apps:
  - name: wiki
    domain: wiki.localhost
    self_hosted_domains: [docs.localhost, "*.docs.localhost"]
    tunnel: pool
    service: http://127.0.0.1:1
    policies:
      - {name: staff, decision: allow, include: [{group: {name: staff}}]}
  - name: wiki admin
    domain: wiki.localhost/Admin
    tunnel: pool
    service: http://127.0.0.1:2
    policies:
      - {name: boss, decision: allow, include: [{email: {email: boss@example.test}}]}
  - name: wiki assets
    destinations: [{type: public, uri: "wiki.localhost/assets/*"}]
    tunnel: pool
    service: http://127.0.0.1:3
    policies:
      - {name: all, decision: bypass, include: [{everyone: {}}]}
YML
until_ok 5 web /dev/null -o /dev/null "https://docs.localhost:$UPORT/" || die "the edge does not serve docs.localhost"
client_login "https://wiki.localhost:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
token=$(client_token wiki.localhost)
get() { # HOST PATH [TOKEN]: prints the status
	curl -sS --max-time 20 -o "$T/answer" -D "$T/head" -w '%{http_code}' ${INSECURE:-} --path-as-is --cacert "$CA" --resolve "*:$UPORT:127.0.0.1" \
		${3:+-H "Cf-Access-Token: $3"} "https://$1:$UPORT$2"
}
domain_of() { sed -n 's/^[Cc][Ff]-[Aa]ccess-[Dd]omain: *//p' "$T/head" | tr -d '\r'; }
asks_login() { # HOST PATH DOMAIN
	eq "$1$2 without a token" "$(get "$1" "$2")" 302
	eq "$1$2: whose sign-in" "$(domain_of)" "$3"
}
asks_login wiki.localhost / wiki.localhost
asks_login docs.localhost /x wiki.localhost
asks_login a.docs.localhost / wiki.localhost
asks_login wiki.localhost /Administrator wiki.localhost
asks_login wiki.localhost /assets wiki.localhost
asks_login wiki.localhost /Admin wiki.localhost/Admin
asks_login wiki.localhost /Admin/users?x=/assets/ wiki.localhost/Admin
unlike "assets are open" "$(get wiki.localhost /assets/logo.png)" '^(302|403)$'
eq "two labels under a star" "$(INSECURE=-k get b.a.docs.localhost /)" 404

# the token of one is nothing to the other, though the host is the same
unlike "wiki with its token" "$(get wiki.localhost /page "$token")" '^(302|403)$'
eq "admin with the wiki's token" "$(get wiki.localhost /Admin "$token")" 302
unlike "another domain of the same application" "$(get docs.localhost / "$token")" '^(302|403)$'

# around the rule by another spelling
for path in /x/../Admin /%41dmin /Admin%2fusers //Admin /assets/../Admin /assets/%2e%2e/Admin '/assets/..%2fAdmin' '/Admin;x' '/assets/;/../Admin' '/assets\..\Admin' /assets/%252e%252e/Admin; do
	eq "$path" "$(get wiki.localhost "$path" "$token")" 400
done
eq "paths do not count on this host" "$(get docs.localhost /x%2fy)" 302

# explain finds them by address, path and all
first() { "$SP" admin explain --app "$1" --email "$2" | head -1; }
eq "explain wiki" "$(first wiki.localhost "$EMAIL")" allow
eq "explain admin" "$(first wiki.localhost/Admin "$EMAIL")" deny
eq "explain below admin" "$(first wiki.localhost/Admin/x boss@example.test)" allow

# what the connector is told, the most specific first
account=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID)
api() { web /dev/null -o "$T/answer" -H "Authorization: Bearer $SALLYPORT_API_TOKEN" "$TUNNEL_API_URL/accounts/$account/$1"; }
id=$("$SP" admin get tunnels -o json | jq -r '.[0].id')
api "cfd_tunnel/$id/configurations"
want='wiki.localhost ^/assets/.* http://127.0.0.1:3,wiki.localhost ^/Admin(/|$) http://127.0.0.1:2,wiki.localhost - http://127.0.0.1:1,'
want+='docs.localhost - http://127.0.0.1:1,*.docs.localhost - http://127.0.0.1:1'
eq "ingress" "$(jq -r '[.result.config.ingress[] | select(.hostname) | "\(.hostname) \(.path // "-") \(.service)"] | join(",")' "$T/answer")" "$want"
api access/apps
eq "all domains" "$(jq -r '.result[] | select(.name == "wiki") | .self_hosted_domains | join(" ")' "$T/answer")" \
	"wiki.localhost docs.localhost *.docs.localhost"

# what cannot be is told
bad() { # WHAT REGEX YAML
	refuses "$1" apply <<<"apps: [{name: x, $3}]"
	like "$1" "$OUT" "$2"
}
bad "one site twice" 'two applications have the domain "wiki.localhost/Admin": ("wiki admin" and "x"|"x" and "wiki admin")' \
	'domain: x.localhost, self_hosted_domains: [wiki.localhost/Admin/]'
bad "a port" 'without a port' 'domain: "x.localhost:8443"'
bad "a query" 'without query' 'domain: "x.localhost/a?b"'
bad "dots" 'without . and ..' 'domain: x.localhost/a/../b'
bad "two stars" 'at most one \*' 'domain: "x.localhost/a*b*"'
bad "the edge's own path" "the edge's own" 'domain: x.localhost/cdn-cgi/access'
bad "a service under a star that connectors do not know" 'connectors understand' 'domain: "*dev.localhost", service: "ssh://127.0.0.1:22", tunnel: pool'
bad "the team host among domains" 'a name of the edge itself' "domain: x.localhost, self_hosted_domains: [$TEAM_HOST]"
