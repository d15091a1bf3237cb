# what the e2e scripts share, on top of dev/lib.sh. A script says what it promises in its first comment line, sources this file, and
# ends with status 0 (kept), 77 (cannot be tried here; the last line says why) or anything else (broken).
# Needs bash. Scripts run in parallel: everything of one lives under its own $T and on its own ports.
. "$(dirname "${BASH_SOURCE[0]}")/../../dev/lib.sh"
E2E=$TOP/tests/e2e
PASSWORD='correct horse battery'
HOST=ssh.localhost

skip() {
	say "skip: $*"
	exit 77
}
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
# eq WHAT GOT WANT
eq() { [ "$2" = "$3" ] || die "$1: found '$2', expected '$3'"; }
# like WHAT TEXT REGEX: extended regular expression, somewhere in the text
like() { [[ $2 =~ $3 ]] || die "$1: found '$2', expected something like '$3'"; }
unlike() { [[ ! $2 =~ $3 ]] || die "$1: found '$2', did not expect '$3'"; }
# refuses WHAT COMMAND...: the command must fail; what it printed is in $OUT
refuses() {
	local what=$1
	shift
	if OUT=$("$@" 2>&1); then die "$what: succeeded, expected a refusal; it said: $OUT"; fi
}
# runs WHAT COMMAND...: the command must succeed; what it printed is in $OUT
runs() {
	local what=$1
	shift
	OUT=$("$@" 2>&1) || die "$what: failed: $OUT"
}
# kept COMMAND... : a background process that is ended with the script; its pid is $BG
bg() {
	"$@" &
	BG=$!
	PIDS+=("$BG")
}
# until_ok SECONDS COMMAND...: asks again until it succeeds, where no event tells; quiet
until_ok() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		read -rt 0.1 <> <(:) || :
	done
}
node_lib() { node "$E2E/lib.mjs" "$@"; } # small tools in JavaScript: totp, jwt, http

# The account named sptest, whose home the sessions see, made by whoever comes first. dev/test makes it before all and removes it at the
# end; a script that is run alone leaves it.
sp_user() {
	if [ "$(id -u)" = 0 ]; then
		exec 9>"${TMPDIR:-/tmp}/sallyport-sptest.lock"
		flock 9
		unix_user sptest
		flock -u 9
		exec 9>&-
	else
		unix_user
	fi
	EMAIL=$UNIX_USER@example.test
}

# fixture_edge [init flags]: an edge that is ready
fixture_edge() {
	[ -n "${PG_DIR:-}" ] || lib_init
	edge_init "$T/edge" "$@"
	# the providers of the tests are on loopback; a script's end must not wait for what it left open
	printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\n' >>"$EDGE/sallyportd.yml"
	edge_start
}
# fixture_pg: a PostgreSQL server of its own, before fixture_edge --store "$PG_URL". TCP on $PG_PORT with a password; sql TEXT asks it by
# its socket. pg stop|start|kill
fixture_pg() {
	lib_init
	PG_DIR=$T/pg
	free_port
	PG_PORT=$PORT
	cleanup_more() { "$TOP/tests/pg-server" stop "$PG_DIR" >/dev/null 2>&1; }
	pg start || { rc=$?; [ $rc = 77 ] && skip "no PostgreSQL server"; die "PostgreSQL"; }
	sql "ALTER USER sallyport PASSWORD 'p4ss-of-the-database'" >/dev/null || die "password"
	printf 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n' >"$PG_DIR/data/pg_hba.conf"
	sql 'SELECT pg_reload_conf()' >/dev/null
	PG_URL="postgres://sallyport:p4ss-of-the-database@localhost:$PG_PORT/postgres?sslmode=disable"
}
pg() { "$TOP/tests/pg-server" "$1" "$PG_DIR" "-c listen_addresses=127.0.0.1 -c port=$PG_PORT"; }
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$PG_DIR" -p "$PG_PORT" -U sallyport -d postgres -c "$1"; }
apply() { # [dry-run flag] < document
	local file
	file=$(mktemp "$T/apply.XXXXXX.yml")
	cat >"$file"
	"$SP" admin apply "$file" "$@"
}
# the account people use, and nothing else
fixture_people() {
	runs "apply people" apply <<-YML
		identity_providers:
		  - name: people
		    type: local
		    users:
		      - {email: $EMAIL, password: $PASSWORD, groups: [ops]}
		      - {email: eve@elsewhere.test, password: $PASSWORD}
		groups:
		  - {name: staff, include: [{email_domain: {domain: example.test}}]}
	YML
}
# fixture_app NAME HOST SERVICE [more lines of the application]: an application with its own tunnel NAME-pool and the policy staff
fixture_app() {
	runs "apply app $1" apply <<-YML
		tunnels: [{name: $1-pool}]
		apps:
		  - name: $1
		    domain: $2
		    type: ${TYPE:-self_hosted}
		    session_duration: 8h
		    tunnel: $1-pool
		    service: $3
		    ssh: {${SSH_OPTIONS:-certificate_ttl: 3m}}
		${4:-}
		    policies:
		      - {name: staff, decision: allow, include: [{group: {name: staff}}]}
	YML
	# the certificate of a new host name is there a moment after the answer
	until_ok 5 web /dev/null -o /dev/null "https://$2:$UPORT/" || die "the edge does not serve $2"
}
# fixture_host NAME HOST [more lines]: application, CA, a real sshd that trusts it, a connector. $SSHD_PORT, $SSHD_LOG, $CONNECTOR_PID
fixture_host() {
	local port
	free_port
	port=$PORT
	fixture_app "$1" "$2" "ssh://127.0.0.1:$port" "${3:-}"
	"$SP" admin ca "$2" >"$T/$1.ca" || die "admin ca $2"
	head -1 "$T/$1.ca" >"$T/$1.ca.pub"
	sshd_start "$1" "$T/$1.ca.pub" "$port"
	fixture_connector "$1"
}
# fixture_connector NAME: a connector of NAME-pool, with configuration pushed by the edge
fixture_connector() {
	local token
	token=$("$SP" tunnel token "$1-pool") || die "tunnel token $1-pool"
	connector_start "$T/connector-$1.log" run --token "$token"
}
# fixture_up [more lines of the application]: everything, signed in, with $T/ssh_config; `sh_ COMMAND` then runs on the host
fixture_up() {
	fixture_edge
	sp_user
	fixture_people
	fixture_host ssh "$HOST" "${1:-}"
	signed_in
}
signed_in() {
	client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
	ssh_conf "$HOST:$UPORT"
}
sh_() { ssh -F "$T/ssh_config" "$UNIX_USER@$HOST" "$@"; }
client_token() { "$SP" access token --app "https://${1:-$HOST}:$UPORT"; }
# role_pid NAME: of our edge
role_pid() { ps -o pid=,args= --ppid "$EDGE_PID" | sed -n "s/^ *\([0-9]*\) .*sallyport-$1\( .*\)\{0,1\}$/\1/p" | head -1; }
readyz() { curl -sf --max-time 5 -o /dev/null "http://127.0.0.1:$MPORT/readyz"; }
# role_again NAME OLD: another process of this name than OLD, and all answer
role_again() { [ -n "$(role_pid "$1")" ] && [ "$(role_pid "$1")" != "$2" ] && readyz; }
audit_has() { "$SP" admin log -o json | grep -E -- "$1"; }

# --- an OpenID provider that is not ours ------------------------------------------------------------------------------
# oidc_start USERS_JSON: $OIDC, its issuer, and $OIDC_PID; may be called again for another
OIDC_N=0
oidc_start() {
	[ -d "$TOP/tests/oidc/node_modules/oidc-provider" ] || skip "tests/oidc is not installed (npm ci)"
	REDIRECT_URI=https://$TEAM_HOST:$UPORT/cdn-cgi/access/callback RP_CA=$CA node "$TOP/tests/oidc/provider.mjs" "$1" \
		>"$T/oidc.out.$OIDC_N" 2>"$T/oidc.log" &
	OIDC_PID=$!
	PIDS+=("$OIDC_PID")
	wait_line "$T/oidc.out.$OIDC_N" '^ready' 30 >/dev/null
	OIDC=http://localhost:$(sed -n 's/^ready //p' "$T/oidc.out.$OIDC_N")
	OIDC_N=$((OIDC_N + 1))
}
# oidc_as NAME [ISSUER]: who signs in there from now on
oidc_as() {
	local at=${2:-$OIDC}
	curl -sS --max-time 10 "${at/localhost/127.0.0.1}/test/as/$1" >/dev/null || die "provider"
}
# oidc_admin WHAT: what its administrator does (tests/oidc/provider.mjs), e.g. disable/jdoe
oidc_admin() { curl -sS --max-time 10 "${OIDC/localhost/127.0.0.1}/test/$1" || die "provider: $1"; }
# oidc_idp NAME ALG [more lines of config]: lines of an identity provider for the apply file
oidc_idp() {
	cat <<-YML
		  - name: $1
		    type: oidc
		    config:
		      issuer: $OIDC
		      client_id: sp-$2
		      client_secret: sp-secret-$2
		      scopes: [openid, email, profile, groups]
		      claims: [groups]
		      ${3:-}
	YML
}
idp_id() { "$SP" admin get idps -o json | jq -r --arg n "$1" '.[] | select(.name == $n) | .id'; }

# --- providers in the shape of the well-known ones (provider-shapes.mjs) -------------------------------------------------
shapes_start() { # $OKTA $GOOGLE $AZURE $GITHUB: their ports
	node "$E2E/provider-shapes.mjs" >"$T/shapes.out" 2>"$T/shapes.log" &
	PIDS+=($!)
	local line
	line=$(wait_line "$T/shapes.out" '^ready' 20)
	set -- $line
	OKTA=$3 GOOGLE=$5 AZURE=$7 GITHUB=$9
}
variant() { curl -sS --max-time 10 -o /dev/null "http://127.0.0.1:$1/test/$2" || die "provider"; } # PORT VARIANT
seen() { curl -sS --max-time 10 "http://127.0.0.1:$1/test/seen"; }                                # PORT: what it was asked since
# enter HOST IDP_ID: a fresh browser signs in there; STATUS, PAGE, JAR
enter() {
	JAR=$(mktemp "$T/jar.XXXXXX")
	PAGE=$JAR.page
	web_step "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/$1?idp=$2&redirect_url=/" "$PAGE"
}
page_text() { sed 's/<[^>]*>//g' "$PAGE" | tr '\n' ' '; }
identity() { # of the browser JAR: [e-mail, groups, amr]
	web "$JAR" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/get-identity" | jq -c '[.email, (.groups | sort), (.amr | sort)]'
}

# --- a real browser (tests/browser/lib.mjs) ---------------------------------------------------------------------------------
browser_needed() { # skips where there is none; first thing in a script that uses it
	command -v chromium >/dev/null || skip "chromium is not installed"
	[ -d "$TOP/tests/browser/node_modules/playwright-core" ] || skip "tests/browser is not installed (npm ci)"
}
# browser SCRIPT ARGS...: a script of tests/browser, which finds the edge, its CA and the account by itself; must succeed
browser() {
	local script=$1
	shift
	browser_needed
	SP=$SP EMAIL=${EMAIL:-} PASSWORD=$PASSWORD TEAM_HOST=$TEAM_HOST HOST_=$HOST T=$T timeout -k 5 150 \
		node "$TOP/tests/browser/$script" "$@" || die "browser $script"
}
