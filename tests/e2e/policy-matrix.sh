#!/bin/bash
# Every selector x place x decision x way in (page, token in a header, WebSocket, the client as ssh's ProxyCommand, certificate) for people,
# services, machines and nobody: a live edge decides as a reference evaluator written apart from it does, in at least 5,000 cells.
. "$(dirname "$0")/fixture.sh"
lib_init
edge_init "$T/edge"
printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\ngeo: {database: %s/geo.mmdb}\nevaluation_origins: ["http://localhost:1"]\n' "$T" >>"$EDGE/sallyportd.yml"
node "$E2E/mmdb.mjs" "$T/geo.mmdb" 127.0.0.0/16=PT 127.7.0.0/16=DE || die "mmdb"
chmod 644 "$T/geo.mmdb"
edge_start
oidc_start '{
	"jane": {"email": "jane@corp.test", "groups": ["ops", "dev", "team@corp.test", "acme", "acme/admins"], "amr": ["pwd", "mfa", "otp"]},
	"joe": {"email": "joe@corp.test", "groups": ["dev"], "amr": ["pwd"]}
}'
{
	echo "identity_providers:"
	oidc_idp corp rs256
	cat <<-YML
		  - name: people
		    type: local
		    users:
		      - {email: mia@other.test, password: $PASSWORD, groups: [ops]}
		      - {email: pat@sub.corp.test, password: $PASSWORD}
		apps:
		  - name: start
		    domain: start.localhost
		    allowed_idps: [corp, people]
		    policies: [{name: all, decision: allow, include: [{everyone: {}}]}]
	YML
} | apply >/dev/null || die "apply"

# org WHO COOKIE-JAR: what the team host keeps of a browser that signed in
org() { awk -v h="$TEAM_HOST" '$1 ~ h && $6 == "CF_Authorization" {print $7}' "$1"; }
enter() { # WHO: through the provider; $JAR
	oidc_as "$1"
	JAR=$T/jar.$1
	web_step "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/start.localhost?idp=$(idp_id corp)&redirect_url=/" "$T/page.$1"
	[ -n "$(org "$JAR")" ] || die "sign-in of $1: $STATUS"
}
local_enter() { # EMAIL
	JAR=$T/jar.$1
	web_login "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/start.localhost?idp=$(idp_id people)&redirect_url=/" "$1" "$PASSWORD"
	[ -n "$(org "$JAR")" ] || die "sign-in of $1: $STATUS"
}
person() { # NAME EMAIL IDP IP GROUPS AMR CLIENT
	[ -f "$T/key.$1" ] || ssh-keygen -q -t ed25519 -N '' -f "$T/key.$1" || die "ssh-keygen"
	jq -n --arg name "$1" --arg email "$2" --arg idp "$3" --arg ip "$4" --argjson groups "$5" --argjson amr "$6" --argjson client "$7" \
		--arg org "$(org "$JAR")" --arg pub "$(cat "$T/key.$1.pub")" \
		'{$name, $email, $idp, $ip, $groups, $amr, $client, $org, $pub, claims: {}}'
}
enter jane
jane=$(person jane jane@corp.test "$(idp_id corp)" 127.0.0.1 '["ops","dev","team@corp.test","acme","acme/admins"]' '["pwd","mfa","otp"]' true)
enter joe
joe=$(person joe joe@corp.test "$(idp_id corp)" 127.0.0.1 '["dev"]' '["pwd"]' true)
local_enter mia@other.test
mia=$(person mia mia@other.test "$(idp_id people)" 127.7.0.9 '["ops"]' '["pwd"]' false)
local_enter pat@sub.corp.test
pat=$(person pat pat@sub.corp.test "$(idp_id people)" 127.0.3.3 '[]' '["pwd"]' false)


# two programs, two machines (one of them a person's), lists
runs "service tokens" apply <<-YML
	service_tokens: [{name: ci}, {name: backup}]
	lists:
	  - {name: some people, type: EMAIL, items: [jane@corp.test, MIA@other.test]}
	  - {name: some networks, type: IP, items: [10.0.0.0/8, 127.7.0.0/24]}
YML
service() { # NAME NTH CLIENT
	jq -n --arg name "$1" --arg service "$("$SP" admin get service-tokens -o json | jq -r --arg n "$1" '.[] | select(.name == $n) | .id')" \
		--arg client_id "$(sed -n 's/^ *CF-Access-Client-Id: //p' <<<"$OUT" | sed -n "$2p")" \
		--arg secret "$(sed -n 's/^ *CF-Access-Client-Secret: //p' <<<"$OUT" | sed -n "$2p")" --argjson client "$3" \
		'{$name, $service, $client_id, $secret, $client, ip: "127.0.0.1"}'
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/ca.key" -out "$T/ca.crt" -days 30 -subj /CN=machines \
	-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null || die "openssl"
machine() { # NAME
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.key" -out "$T/$1.csr" -subj "/CN=$1" 2>/dev/null &&
		openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -CAcreateserial -days 10 -out "$T/$1.crt" \
			-extfile <(echo extendedKeyUsage=clientAuth) 2>/dev/null || die "openssl"
}
machine robot-7
machine robot-8
pat=$(jq --arg t "$T" '. + {cn: "robot-8", cert: ($t + "/robot-8.crt"), key: ($t + "/robot-8.key")}' <<<"$pat")
MATRIX=$(jq -n --argjson s "$(jq -s . <<<"$(service ci 1 true) $(service backup 2 false)")" --arg t "$T" '{
	services: $s,
	machines: [{name: "robot-7", cn: "robot-7", cert: ($t + "/robot-7.crt"), key: ($t + "/robot-7.key"), ip: "127.0.0.1"}],
	authority: ($t + "/ca.crt"),
	lists: {"some people": ["jane@corp.test", "mia@other.test"], "some networks": ["10.0.0.0/8", "127.7.0.0/24"]},
	countries: ["PT", "DE"],
	app: {read_service_tokens_from_header: "X-Service"},
	rules: [{service_token: {token_id: $s[0].service}}, {service_token: {token_id: $s[1].service}}, {any_valid_service_token: {}},
		{certificate: {}}, {common_name: {common_name: "robot-7"}}, {common_name: {common_name: "robot"}},
		{geo: {country_code: "PT"}}, {geo: {country_code: "DE"}}, {geo: {country_code: "FR"}},
		{external_evaluation: {evaluate_url: "http://localhost:1/", keys_url: "http://localhost:1/keys"}},
		{email_list: {id: "some people"}}, {ip_list: {id: "some networks"}}]
}')
export MATRIX

free_port
bg socat "TCP-LISTEN:$PORT,bind=127.0.0.1,fork,reuseaddr" SYSTEM:'echo origin; cat >/dev/null'
apply >/dev/null <<-YML || die "apply"
	tunnels: [{name: matrix}]
	apps: [{name: first, domain: first.localhost, type: self_hosted, tunnel: matrix, service: "tcp://127.0.0.1:$PORT",
	  policies: [{name: staff, decision: allow, include: [{everyone: {}}]}]}]
YML
connector_start "$T/connector.log" run --token "$("$SP" tunnel token matrix)"
export SP TEAM_HOST UPORT WORK=$T ORIGIN_PORT=$PORT
PEOPLE=$(jq -s . <<<"$jane $joe $mia $pat") IDPS=$(jq -n --arg c "$(idp_id corp)" --arg p "$(idp_id people)" '{corp: $c, people: $p}') \
	APP_ID=$("$SP" admin get apps -o json | jq -r '.[] | select(.name == "start") | .id') \
	ACCOUNT=$(sed '/^-----/d' "$EDGE/cert.pem" | base64 -d | jq -r .accountID) \
	node "$E2E/policy-matrix.mjs" || die "see above"
