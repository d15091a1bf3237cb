#!/bin/bash
# API tokens: made with some scopes and no more than their maker's, listed with their last use, refused at once and for good when they are
# revoked, by the edge and by the signer, also after a restart; never more than asked for; administrators are not made by less.
. "$(dirname "$0")/fixture.sh"
fixture_edge
ADMIN_TOKEN=$SALLYPORT_API_TOKEN
as() { SALLYPORT_API_TOKEN=$1 "$SP" "${@:2}"; }
make() { "$SP" admin tokens create "$@" 2>"$T/made.err"; }
id_of() { node_lib claim "$1" jti; }

READ=$(make reader --scope read) || die "create: $(cat "$T/made.err")"
like "advice" "$(cat "$T/made.err")" 'Shown once'
TUN=$(make tunnels --scope tunnels:write --ttl 8h)
LEFT=$(($(node_lib claim "$TUN" exp) - $(date +%s)))
[ "$LEFT" -gt 28700 ] && [ "$LEFT" -le 28800 ] || die "--ttl 8h gave $LEFT s"
KEEPER=$(make keeper --scope tokens:write --scope tunnels:read)

runs "reader reads" as "$READ" admin get apps
refuses "reader writes" as "$READ" tunnel create x
like "reader writes" "$OUT" 'SP-1215.*tunnels:write'
runs "tunnels writes tunnels" as "$TUN" tunnel create pool
runs "tunnels reads tunnels" as "$TUN" tunnel list
refuses "tunnels reads apps" as "$TUN" admin get apps
refuses "tunnels makes tokens" as "$TUN" admin tokens create more --scope tunnels:write
refuses "a token gives what it has not" as "$KEEPER" admin tokens create more --scope write
like "a token gives what it has not" "$OUT" 'SP-1215'
runs "a token gives what it has" as "$KEEPER" admin tokens create less --scope tunnels:read
refuses "unknown scope" make x --scope acces:read
like "unknown scope" "$(cat "$T/made.err")" 'access:read'
refuses "a life of two years" make x --scope read --ttl 800d

# who may apply may not therefore make administrators
WRITER=$(make writer --scope read --scope write)
cat >"$T/admins.yml" <<-YML
	admins: [{email: me@example.test, idp: local, role: admin}]
YML
refuses "apply admins" as "$WRITER" admin apply "$T/admins.yml"
like "apply admins" "$OUT" 'SP-1215'
runs "apply admins" "$SP" admin apply "$T/admins.yml"
refuses "accounts" as "$WRITER" admin apply <(echo 'identity_providers: [{name: people, type: local, users: [{email: a@b.test, password: secret secret}]}]')

runs "list" "$SP" admin tokens -o json
eq "names" "$(jq -r 'map(.name) | sort | join(" ")' <<<"$OUT")" "admin cert.pem keeper less reader tunnels writer"
eq "scopes" "$(jq -r '.[] | select(.name == "tunnels") | .scopes | join(" ")' <<<"$OUT")" tunnels:write
[ "$(jq -r '.[] | select(.name == "reader") | .last_used_on' <<<"$OUT")" != null ] || die "last use of reader"
eq "never used" "$(jq -r '.[] | select(.name == "less") | .last_used_on' <<<"$OUT")" null
unlike "no token is listed" "$OUT" 'eyJ'

# the end of one: at once, for good, and for the signer too
runs "revoke" "$SP" admin tokens revoke "$(id_of "$READ")"
refuses "revoked" as "$READ" admin get apps
like "revoked" "$OUT" 'SP-1208.*revoked'
refuses "revoked twice" "$SP" admin tokens revoke "$(id_of "$READ")"
runs "revoke" "$SP" admin tokens revoke "$(id_of "$WRITER")"
eq "listed" "$("$SP" admin tokens -o json | jq -r 'map(.name) | sort | join(" ")')" "admin cert.pem keeper less tunnels"
edge_stop
edge_start
refuses "revoked, after a restart" as "$READ" admin get apps
runs "the others work" as "$TUN" tunnel list
runs "so does the first" "$SP" admin get apps
# a judge that forgot would not help: the signer knows it no more
strings -a "$EDGE/keys/journal" 2>/dev/null | grep -q api_token_revoked || grep -q api_token_revoked "$EDGE/keys/journal" || die "the signer's journal"
runs "audit" "$SP" admin log -o json
like "audit of making" "$OUT" '"kind": ?"api_token"'
like "audit of ending" "$OUT" '"action": ?"delete"'
SALLYPORT_API_TOKEN=$ADMIN_TOKEN
