# shell library of `make demo` and of the e2e tests: an edge, a real sshd, a connector, a browser played by curl.
# Everything lives under $T; every started process is ended by pid at exit. Waits for events, never for time.
# Needs bash. Set B (build directory) before, or let it be found.

set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
B=${B:-$TOP/build}
SP=$B/sallyport
SPD=$B/sallyportd
PIDS=()
say() { printf '%s\n' "$*"; }
die() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }

lib_cleanup() {
	local p
	for p in "${PIDS[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
	for p in "${PIDS[@]:-}"; do
		[ -n "$p" ] || continue
		for _ in $(seq 50); do kill -0 "$p" 2>/dev/null || break; read -rt 0.1 <> <(:) || :; done
		kill -9 "$p" 2>/dev/null
	done
	wait 2>/dev/null
	if declare -F cleanup_more >/dev/null; then cleanup_more; fi
	[ -n "${KEEP:-}" ] || rm -rf "$T"
}
lib_init() { # makes $T and arms the cleanup
	T=$(mktemp -d "${TMPDIR:-/tmp}/sallyport.XXXXXX") || exit 1
	chmod 711 "$T"
	trap lib_cleanup EXIT
	trap 'exit 130' INT TERM
	export SALLYPORT_HOME=$T/home
	export HOME=$T/home
	mkdir -p "$T/home/.ssh"
	chmod 700 "$T/home" "$T/home/.ssh"
	unset SSH_AUTH_SOCK
}

free_port() { # a port of loopback that nobody listens on now
	local p
	for _ in $(seq 200); do
		p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000)) # below the range from which the kernel takes ports for outgoing connections
		case " ${USED_PORTS:-} " in *" $p "*) continue ;; esac
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
			USED_PORTS="${USED_PORTS:-} $p"
			PORT=$p
			return 0
		fi
	done
	die "no free port"
}

# wait_line FILE PATTERN SECONDS: until a line of FILE matches; follows the file, no polling of ours
wait_line() {
	local file=$1 pat=$2 secs=${3:-30}
	[ -e "$file" ] || : >"$file"
	timeout "$secs" grep -m1 -E -- "$pat" < <(exec timeout "$secs" tail -n +1 -F "$file" 2>/dev/null) ||
		{ say "--- $file" >&2; tail -n 30 "$file" >&2; die "no line matching '$pat' in $file within ${secs}s"; }
}

# --- the edge -------------------------------------------------------------------------------------------------------
TEAM_HOST=${TEAM_HOST:-team.localhost}
ADMIN=boss@example.test
edge_init() { # DIR [extra init flags]
	EDGE=$1
	shift
	free_port; UPORT=$PORT
	free_port; TPORT=$PORT
	free_port; MPORT=$PORT
	"$SPD" init --dir "$EDGE" --team "$TEAM_HOST:$UPORT" --listen "127.0.0.1:$UPORT" --tunnel-listen "127.0.0.1:$TPORT" \
		--metrics-listen "127.0.0.1:$MPORT" --admin "$ADMIN" "$@" >"$T/init.out" || die "sallyportd init"
	export UPORT
	SETUP_LINK=$(grep -o 'https://.*/cdn-cgi/access/setup/[^ ]*' "$T/init.out")
	CA=$EDGE/tls/ca.pem
	export SALLYPORT_CA_FILE=$CA
	export SALLYPORT_API_TOKEN; SALLYPORT_API_TOKEN=$(cat "$EDGE/admin.token")
	export TUNNEL_API_URL=https://$TEAM_HOST:$UPORT/client/v4
}
edge_start() { # runs it until "ready"
	rm -f "$T/edge.ready"
	mkfifo "$T/edge.ready"
	"$SPD" run --dir "$EDGE" >"$T/edge.ready" 2>>"$T/edge.log" &
	EDGE_PID=$!
	PIDS+=("$EDGE_PID")
	local line=
	read -rt 60 line <"$T/edge.ready" || :
	[ "$line" = ready ] || { tail -n 40 "$T/edge.log"; die "the edge did not become ready"; }
}
edge_stop() {
	kill -TERM "$EDGE_PID" && wait "$EDGE_PID"
}

# --- an SSH server beside the connector ------------------------------------------------------------------------------
# sshd_start NAME CA_PUB_FILE [PORT] : $SSHD_PORT, $SSHD_LOG, $SSHD_PID
sshd_start() {
	local d=$T/sshd-$1 pub=$2
	mkdir -p "$d"
	chmod 755 "$d"
	if [ -n "${3:-}" ]; then
		PORT=$3
	else
		free_port
	fi
	SSHD_PORT=$PORT
	SSHD_LOG=$d/log
	ssh-keygen -q -t ed25519 -N '' -f "$d/host_key"
	cat >"$d/sshd_config" <<-CONF
		Port $SSHD_PORT
		ListenAddress 127.0.0.1
		HostKey $d/host_key
		PidFile $d/pid
		PubkeyAuthentication yes
		TrustedUserCAKeys $pub
		AuthorizedKeysFile none
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		StrictModes no
		UsePAM no
		LogLevel VERBOSE
		MaxStartups 200
		MaxSessions 200
		Subsystem sftp internal-sftp
	CONF
	chmod 644 "$pub"
	[ "$(id -u)" = 0 ] && mkdir -p /run/sshd
	${SSHD_KEEPER:-} "$(command -v sshd || echo /usr/sbin/sshd)" -D -E "$SSHD_LOG" -f "$d/sshd_config" &
	PIDS+=($!)
	SSHD_PID=$!
	wait_line "$SSHD_LOG" 'Server listening' 20 >/dev/null
	printf '* %s\n' "$(cut -d' ' -f1,2 "$d/host_key.pub")" >>"$T/known_hosts"
}

# --- a Unix account whose name is an e-mail's prefix -------------------------------------------------------------------
# unix_user NAME: as root makes the account if it is missing; as anybody else it is the caller's own
unix_user() {
	if [ "$(id -u)" = 0 ]; then
		UNIX_USER=$1
		if ! id "$1" >/dev/null 2>&1; then
			useradd -m -s /bin/bash "$1" && usermod -p '*' "$1" || die "useradd $1"
			MADE_USER=$1
		fi
	else
		UNIX_USER=$(id -un)
	fi
	UNIX_HOME=$(getent passwd "$UNIX_USER" | cut -d: -f6)
}

# --- a connector -------------------------------------------------------------------------------------------------------
# connector_start LOG args... : sallyport tunnel run with our edge
connector_start() {
	local log=$1
	shift
	"$SP" tunnel --edge "127.0.0.1:$TPORT" --edge "localhost:$TPORT" --cacert "$CA" "$@" >"$log" 2>&1 &
	CONNECTOR_PID=$!
	PIDS+=("$CONNECTOR_PID")
	wait_line "$log" 'Registered tunnel connection' 30 >/dev/null
}

# --- a browser ------------------------------------------------------------------------------------------------------------
# web JAR curl-args... : curl that knows our names and our CA
web() {
	local jar=$1
	shift
	curl -sS --max-time 60 --cacert "$CA" -b "$jar" -c "$jar" --resolve "*:$UPORT:127.0.0.1" "$@"
}
# form_fields FILE: hidden fields of the page's form as --data-urlencode arguments into FIELDS
form_fields() {
	FIELDS=()
	local line name value
	while IFS= read -r line; do
		name=$(sed -n 's/.*name="\([^"]*\)".*/\1/p' <<<"$line")
		value=$(sed -n 's/.*value="\([^"]*\)".*/\1/p' <<<"$line" | sed 's/&amp;/\&/g; s/&quot;/"/g; s/&#39;/'"'"'/g; s/&lt;/</g; s/&gt;/>/g')
		[ -n "$name" ] && FIELDS+=(--data-urlencode "$name=$value")
	done < <(grep -o '<input[^>]*type="hidden"[^>]*>' "$1")
}
form_action() { # FILE BASE_URL: where the form goes
	local a
	a=$(grep -o '<form[^>]*>' "$1" | head -1 | sed -n 's/.*action="\([^"]*\)".*/\1/p' | sed 's/&amp;/\&/g')
	case $a in
	https://*) printf '%s' "$a" ;;
	/*) printf '%s%s' "$(sed -E 's#^(https://[^/]*).*#\1#' <<<"$2")" "$a" ;;
	*) printf '%s' "$2" ;;
	esac
}
# web_step JAR URL OUT args...: one request following redirects; LAST_URL and STATUS afterwards
web_step() {
	local jar=$1 url=$2 out=$3 r
	shift 3
	r=$(web "$jar" -L --max-redirs 12 -o "$out" -w '%{http_code} %{url_effective}' "$@" "$url") || return 1
	STATUS=${r%% *}
	LAST_URL=${r#* }
}
# web_login JAR URL EMAIL PASSWORD [CODE]: opens URL, signs in where a form asks for it, confirms a client where a form asks for that
web_login() {
	local jar=$1 page=$T/page.$BASHPID
	web_step "$jar" "$2" "$page" || return 1
	if grep -q 'name="password"' "$page"; then
		form_fields "$page"
		web_step "$jar" "$(form_action "$page" "$LAST_URL")" "$page" "${FIELDS[@]}" --data-urlencode "email=$3" \
			--data-urlencode "password=$4" --data-urlencode "code=${5:-}" || return 1
	fi
	PAGE=$page
}
web_confirm() { # JAR: presses the one button of the confirmation page in $PAGE
	form_fields "$PAGE"
	web_step "$1" "$(form_action "$PAGE" "$LAST_URL")" "$PAGE" "${FIELDS[@]}"
}
# client_login URL EMAIL PASSWORD: `sallyport access login` with curl as its browser; token stored in the client's home
client_login() {
	local out=$T/login.$BASHPID url pid
	: >"$out"
	"$SP" access login "$1" --no-browser >"$out.tok" 2>"$out" &
	pid=$!
	url=$(wait_line "$out" 'https://[^ ]*/cdn-cgi/access/cli' 20 | grep -o 'https://[^ ]*') || return 1
	if ! { web_login "$T/jar.$2" "$url" "$2" "$3" && web_confirm "$T/jar.$2" && [ "$STATUS" = 200 ]; }; then
		kill "$pid" # nobody will finish it
		sed 's/<[^>]*>//g' "$PAGE" >&2
		return 1
	fi
	wait "$pid" || { cat "$out" >&2; return 1; }
}
# ssh_conf HOST: a ssh_config of its own from `access ssh-config --short-lived-cert`
ssh_conf() {
	SSHC=$T/ssh_config
	"$SP" access ssh-config --hostname "$1" --short-lived-cert 2>/dev/null >>"$SSHC" || die "ssh-config $1"
	grep -q '^Host \*$' "$SSHC" || cat >>"$SSHC" <<-CONF
		Host *
		    UserKnownHostsFile $T/known_hosts
		    StrictHostKeyChecking yes
		    HostKeyAlias any
		    IdentitiesOnly yes
		    BatchMode yes
	CONF
	sed -i 's/^\* /any /' "$T/known_hosts"
}
