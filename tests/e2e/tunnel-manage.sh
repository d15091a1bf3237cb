#!/bin/bash
# `sallyport tunnel create|list|info|token|route dns|cleanup|delete`: what scripts written for cloudflared rely on.
. "$(dirname "$0")/fixture.sh"
fixture_edge

like "no tunnel yet" "$("$SP" tunnel list)" "tunnel create NAME"
runs "create" "$SP" tunnel create --credentials-file "$T/a.json" alpha
like "what it says" "$OUT" "Created tunnel alpha with id"
eq "mode of the credentials" "$(stat -c %a "$T/a.json")" 400
A=$(jq -r .TunnelID "$T/a.json")
runs "create for a script" "$SP" tunnel create -o json --credentials-file "$T/b.json" beta
B_ID=$("$SP" tunnel list -o json --name beta | jq -r '.[0].id')
eq "the same id" "$B_ID" "$(jq -r .TunnelID "$T/b.json")"
runs "create with a secret" "$SP" tunnel create --secret "$(head -c 32 /dev/urandom | base64)" --credentials-file "$T/c.json" -- -gamma
refuses "a name in use" "$SP" tunnel create --credentials-file "$T/d.json" alpha
[ ! -e "$T/d.json" ] || die "a refused create left a credentials file"

# JSON on standard output is JSON alone, and the secret is not in it
J=$("$SP" tunnel create -o json --credentials-file "$T/e.json" eta 2>/dev/null)
eq "name in the answer" "$(jq -r .name <<<"$J")" eta
grep -qF "$(jq -r .TunnelSecret "$T/e.json")" <<<"$J" && die "the secret was printed"
eq "also as YAML, which JSON is" "$("$SP" tunnel list -o yaml --name eta | jq -r '.[0].name')" eta

names() { "$SP" tunnel list -o json "$@" | jq -r '.[].name' | tr '\n' ' '; }
eq "sorted by name" "$(names)" "-gamma alpha beta eta "
eq "inverted" "$(names --invert-sort)" "eta beta alpha -gamma "
eq "by id" "$(names -i "$A")" "alpha "
eq "prefix" "$(names --name-prefix al)" "alpha "
eq "without a prefix" "$(names --exclude-name-prefix al)" "-gamma beta eta "
like "none" "$("$SP" tunnel list -n nobody)" "No tunnel matches"
like "the table's head" "$("$SP" tunnel list)" "ID +NAME +CREATED +CONNECTIONS +STATUS"
refuses "an unknown order" "$SP" tunnel list --sort-by size
refuses "a strange time" "$SP" tunnel list --when yesterday

connector_start "$T/connector.log" run --token "$("$SP" tunnel token alpha)"
like "connections by place" "$("$SP" tunnel list --name alpha)" "[1-9]x[a-z0-9]+ .*healthy"
like "info" "$("$SP" tunnel info alpha)" "connector [0-9a-f-]{36}"
CON=$("$SP" tunnel info -o json alpha | jq -r '.connectors[0].id')
refuses "delete while it runs" "$SP" tunnel delete alpha
runs "cleanup of that connector" "$SP" tunnel cleanup -c "$CON" alpha

# routes: exact and wildcard
runs "route" "$SP" tunnel route dns alpha one.example.test
like "target is shown" "$OUT" "$A\.cfargotunnel\.com"
like "again" "$("$SP" tunnel route dns alpha one.example.test)" "Unchanged"
refuses "another tunnel's name" "$SP" tunnel route dns beta one.example.test
runs "taken over" "$SP" tunnel route dns -f beta one.example.test
runs "wildcard" "$SP" tunnel route dns alpha '*.example.test'
like "both stand" "$("$SP" admin get routes)" '\*\.example\.test'
refuses "a wildcard in the middle" "$SP" tunnel route dns alpha 'a.*.example.test'

T1=$("$SP" tunnel token alpha)
eq "token names the tunnel" "$(base64 -d <<<"$T1" | jq -r .t)" "$A"
runs "delete by force" "$SP" tunnel delete -f alpha
eq "gone" "$(names --name alpha)" ""
eq "still known as deleted" "$(names -d --name alpha)" "alpha "
refuses "gone for info" "$SP" tunnel info alpha
