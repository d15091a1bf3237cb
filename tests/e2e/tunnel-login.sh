#!/bin/bash
# `sallyport tunnel login`: an administrator confirms in a browser and cert.pem is written, good for tunnels and for nothing else; nobody else can
# confirm, nothing is overwritten, and what was confirmed is in the log.
. "$(dirname "$0")/fixture.sh"
fixture_edge
apply >"$T/apply.out" <<-YML || die "apply: $(cat "$T/apply.out")"
	identity_providers:
	  - name: people
	    type: local
	    users:
	      - {email: boss@example.test, password: $PASSWORD}
	      - {email: looks@example.test, password: $PASSWORD}
	      - {email: jdoe@example.test, password: $PASSWORD}
	admins:
	  - {email: boss@example.test, idp: people, role: admin}
	  - {email: looks@example.test, idp: people, role: read-only}
YML
TEAM=https://$TEAM_HOST:$UPORT
idp=$(idp_id people)
signed_in_as() { # EMAIL: JAR
	JAR=$T/jar.$1 PAGE=$T/page.$1
	web_login "$JAR" "$TEAM/cdn-cgi/access/login/$TEAM_HOST?idp=$idp&redirect_url=/" "$1" "$PASSWORD"
}
begin() { # ARGS...: CLIENT, its URL
	: >"$T/err"
	"$SP" tunnel login --no-browser "$@" >"$T/out" 2>"$T/err" &
	CLIENT=$!
	PIDS+=("$CLIENT")
	URL=$(wait_line "$T/err" 'https://[^ ]*/tunnel-login' 20 | grep -o 'https://[^ ]*') || die "no link: $(cat "$T/err")"
}
ends() { # STATUS
	timeout 20 tail --pid="$CLIENT" -f /dev/null || die "the client still waits"
	wait "$CLIENT"
	eq "exit status of the client" $? "$1"
}
admin_token=$SALLYPORT_API_TOKEN
unset SALLYPORT_API_TOKEN TUNNEL_ORIGIN_CERT
cert=$SALLYPORT_HOME/cert.pem
rm -f "$cert"

# --- who is not an administrator is refused, and the client hears it
for who in jdoe looks; do
	begin "$TEAM"
	signed_in_as $who@example.test
	web_step "$JAR" "$URL" "$PAGE"
	eq "page for $who" "$STATUS" 403
	unlike "no button for $who" "$(cat "$PAGE")" '<button'
	ends 1
	like "what the client says" "$(cat "$T/err")" 'SP-1202 refused by'
	[ ! -e "$cert" ] || die "a cert.pem although it was refused"
done

# --- an administrator: by way of the sign-in page; the code is the same on both sides; csrf
begin # the edge is where TUNNEL_API_URL says
web_step "$T/fresh" "$URL" "$T/fresh.page"
like "first the sign-in" "$LAST_URL" '/cdn-cgi/access/login/'
signed_in_as boss@example.test
web_step "$JAR" "$URL" "$PAGE"
eq "page" "$STATUS" 200
like "the code of both sides" "$(cat "$T/err")" "$(grep -oE '[A-Z2-7]{4}-[A-Z2-7]{4}' "$PAGE")"
like "what is asked" "$(cat "$PAGE")" 'manage the tunnels of'
confirm=$(form_action "$PAGE" "$LAST_URL")
code_of() { web "$1" -o /dev/null -w '%{http_code}' "${@:2}"; }
like "without csrf" "$(code_of "$JAR" -d x=y "$confirm")" '^4'
form_fields "$PAGE"
like "csrf in another administrator's browser" "$(code_of "$T/jar.looks@example.test" "${FIELDS[@]}" "$confirm")" '^4'
ends 1 # that one's refusal went to the client: nobody else may confirm afterwards
[ ! -e "$cert" ] || die "a cert.pem although it was refused"
begin
web_step "$JAR" "$URL" "$PAGE"
form_fields "$PAGE"
confirm=$(form_action "$PAGE" "$LAST_URL")
kill -0 "$CLIENT" || die "the client went without a confirmation"
eq "confirmed" "$(code_of "$JAR" "${FIELDS[@]}" "$confirm")" 200
ends 0
like "what it says" "$(cat "$T/out")" 'successfully logged in'
eq "mode" "$(stat -c %a "$cert")" 600
json=$(sed '/^-----/d' "$cert" | base64 -d) || die "cert.pem is no base64"
like "what is in it" "$(jq -r 'keys | join(" ")' <<<"$json")" '^accountID apiToken zoneID$'
unlike "the token on the screen" "$(cat "$T/out" "$T/err")" "$(jq -r .apiToken <<<"$json")"
like "confirming twice" "$(code_of "$JAR" "${FIELDS[@]}" "$confirm")" '^4'

# --- it manages tunnels, and nothing else
runs "create" "$SP" tunnel create one
runs "route" "$SP" tunnel route dns one one.example.test
like "list" "$("$SP" tunnel list)" ' one '
token=$(jq -r .apiToken <<<"$json")
refuses "applications" env SALLYPORT_API_TOKEN="$token" "$SP" admin get apps
refuses "another API token" env SALLYPORT_API_TOKEN="$token" "$SP" admin tokens create x --scope tunnels:read
like "because of its scopes" "$OUT" 'SP-1215'
export SALLYPORT_API_TOKEN=$admin_token
like "who it belongs to" "$("$SP" admin log -o json)" '"boss@example.test".*cert.pem of boss@example.test|cert.pem of boss@example.test.*boss@example.test'
unset SALLYPORT_API_TOKEN

# --- an existing file is left alone
sum=$(sha256sum "$cert")
refuses "a second login" "$SP" tunnel login --no-browser "$TEAM"
like "message" "$OUT" 'exists already'
eq "the file" "$(sha256sum "$cert")" "$sum"
refuses "http" "$SP" tunnel --origincert "$T/other.pem" login --no-browser "http://$TEAM_HOST:$UPORT"
like "bad key" "$(code_of "$JAR" "$TEAM/cdn-cgi/access/tunnel-login?token=x")" '^4'
# nobody comes
export SALLYPORT_LOGIN_TIMEOUT=1s
refuses "nobody confirms" "$SP" tunnel --origincert "$T/other.pem" login --no-browser "$TEAM"
like "message" "$OUT" 'nobody confirmed in time'
[ ! -e "$T/other.pem" ] || die "a cert.pem although nobody confirmed"
