#!/bin/bash
# Certificates of the edge: several configured ones chosen by the name that is asked for, exact before wildcard, the edge's own for the rest; new
# files and SIGHUP without dropping a connection; a pair that does not fit changes nothing, is told loudly, and neither a restarted front nor
# `check` is fooled by it.
. "$(dirname "$0")/fixture.sh"
lib_init
edge_init "$T/edge"
pair() { # NAME SAN...
	local n=$1 san
	shift
	san=$(printf 'DNS:%s,' "$@")
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$n.key.new" -out "$T/$n.pem.new" -days 2 -subj "/CN=$n" \
		-addext "subjectAltName=${san%,}" 2>/dev/null || die openssl
	mv "$T/$n.key.new" "$T/$n.key"
	mv "$T/$n.pem.new" "$T/$n.pem"
}
pair exact web.apps.localhost
pair wild '*.apps.localhost' "$TEAM_HOST"
pair other a.example.test
cp "$EDGE/sallyportd.yml" "$T/plain.yml"
cert() { printf '{cert: %s, key: %s}' "$T/$1.pem" "$T/${2:-$1}.key"; }
configure() { { cat "$T/plain.yml"; printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\ntls: {certificates: [%s]}\n' "$1"; } >"$EDGE/sallyportd.yml"; }
configure "$(cert other), $(cert wild), $(cert exact)"
runs "check" "$SPD" check --dir "$EDGE"
edge_start
# shown NAME: subject and serial of the certificate that a client is shown who asks for NAME
shown() {
	local name=()
	[ -n "$1" ] && name=(-servername "$1") || name=(-noservername)
	openssl s_client -connect "127.0.0.1:$UPORT" "${name[@]}" </dev/null 2>/dev/null | openssl x509 -noout -subject -serial 2>/dev/null | tr '\n' ' '
}
file() { openssl x509 -in "$T/$1.pem" -noout -subject -serial | tr '\n' ' '; }
up() { [ -n "$(shown web.apps.localhost)" ]; }
until_ok 10 up || die "no certificate is shown"
is() { [ "$(shown "$1")" = "$(file "$2")" ]; }
eq "exact before wildcard" "$(shown web.apps.localhost)" "$(file exact)"
eq "case" "$(shown WEB.apps.localhost)" "$(file exact)"
eq "wildcard" "$(shown x.apps.localhost)" "$(file wild)"
eq "not two labels" "$(shown x.y.apps.localhost)" "$(file other)" # nothing fits: the first
eq "another" "$(shown a.example.test)" "$(file other)"
eq "no name" "$(shown '')" "$(file other)"
eq "the tunnel side keeps its own" "$(openssl s_client -connect "127.0.0.1:$TPORT" -servername web.apps.localhost </dev/null 2>/dev/null | openssl x509 -noout -issuer | grep -c 'CN = exact')" 0
headers() { curl -sS --max-time 10 --cacert "$T/$1.pem" --resolve "*:$UPORT:127.0.0.1" -D - -o /dev/null "https://$2:$UPORT/"; }
like "HSTS of the team host" "$(headers wild "$TEAM_HOST")" 'strict-transport-security: max-age='
unlike "and of no other" "$(headers exact web.apps.localhost)" 'strict-transport'

# new files are found without a word; a connection from before lives on
mkfifo "$T/in"
openssl s_client -quiet -connect "127.0.0.1:$UPORT" -servername "$TEAM_HOST" <"$T/in" >"$T/long" 2>/dev/null &
PIDS+=($!)
exec 6>"$T/in"
printf 'GET / HTTP/1.1\r\nHost: %s\r\n\r\n' "$TEAM_HOST" >&6
wait_line "$T/long" '^HTTP/1.1' 10 >/dev/null
pair exact web.apps.localhost
kill -HUP "$EDGE_PID"
until_ok 10 is web.apps.localhost exact || die "the new certificate is not shown after SIGHUP"
pair other a.example.test
until_ok 90 is a.example.test other || die "a changed file was not noticed"
: >"$T/long"
printf 'GET / HTTP/1.1\r\nHost: %s\r\n\r\n' "$TEAM_HOST" >&6
wait_line "$T/long" 'HTTP/1.1' 10 >/dev/null

# another's key
pair exact2 web.apps.localhost
was=$(shown web.apps.localhost)
cp "$T/exact2.pem" "$T/exact.pem"
refuses "check of a pair that does not fit" "$SPD" check --dir "$EDGE"
like "why" "$OUT" 'exact.pem.*key does not fit'
kill -HUP "$EDGE_PID"
wait_line "$T/edge.log" 'certificate_refused number="3"' 10 >/dev/null
eq "the one before" "$(shown web.apps.localhost)" "$was"
eq "the others" "$(shown a.example.test)" "$(file other)"
old=$(role_pid front)
kill -9 "$old"
back() { [ -n "$(role_pid front)" ] && [ "$(role_pid front)" != "$old" ] && is a.example.test other; }
until_ok 20 back || die "front did not come back with a pair that does not fit"
unlike "without the bad pair" "$(shown web.apps.localhost)" 'CN = exact'
# nor does a file that is not there keep it down
mv "$T/exact.pem" "$T/away.pem"
old=$(role_pid front)
kill -9 "$old"
until_ok 20 back || die "front did not come back without a certificate's file"
wait_line "$T/edge.log" "certificate_missing.*$T/exact.pem" 10 >/dev/null
unlike "without the missing one" "$(shown web.apps.localhost)" 'CN = exact'
refuses "check of a file that is not there" "$SPD" check --dir "$EDGE"
mv "$T/away.pem" "$T/exact.pem"
cp "$T/exact2.key" "$T/exact.key"
kill -HUP "$EDGE_PID"
until_ok 10 is web.apps.localhost exact || die "the mended pair is not shown"
# taken out of the configuration
configure "$(cert exact)"
kill -HUP "$EDGE_PID"
until_ok 10 is web.apps.localhost exact || die "after the reload"
until_ok 10 eval '! is a.example.test other' || die "a certificate that is no longer configured is shown"
like "our own for our names" "$(openssl s_client -connect "127.0.0.1:$UPORT" -servername "$TEAM_HOST" </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName)" "$TEAM_HOST"
edge_stop
# a fresh start is refused
cp "$T/wild.key" "$T/exact.key"
refuses "a start with a pair that does not fit" timeout 20 "$SPD" run --dir "$EDGE"
like "why" "$OUT" 'key does not fit'
say "the right certificate for each name"
