#!/bin/bash
# tls.acme.hook: the command is run at the start as it is written (no shell), what it writes is taken into use, its failure is logged and changes
# nothing, and a reload with another command runs that one.
. "$(dirname "$0")/fixture.sh"
lib_init
edge_init "$T/edge"
mkdir "$T/live"
new() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$2" -out "$1" -days 2 -subj "/CN=$3" -addext subjectAltName=DNS:acme.apps.localhost 2>/dev/null; }
new "$T/live/cert.pem" "$T/live/key.pem" first
cat >"$T/renew" <<'SH'
#!/bin/sh
# as an ACME client leaves its files: new ones moved over the old
printf '%s\n' "$#" "$@" >"$1/args"
ls /proc/self/fd | tr '\n' ' ' >"$1/fds"
[ "$2" = fail ] && exit 3
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1/k" -out "$1/c" -days 2 -subj "/CN=$2" -addext subjectAltName=DNS:acme.apps.localhost 2>/dev/null
mv "$1/k" "$1/key.pem"
mv "$1/c" "$1/cert.pem"
SH
chmod 755 "$T/renew"
cp "$EDGE/sallyportd.yml" "$T/plain.yml"
hook() { # the words of the command, as YAML
	{ cat "$T/plain.yml"; printf 'tls: {certificates: [{cert: %s, key: %s}], acme: {hook: %s}}\n' "$T/live/cert.pem" "$T/live/key.pem" "$1"; } >"$EDGE/sallyportd.yml"
}
for bad in 'certbot renew' '[]' '[""]' '[[a]]'; do
	hook "$bad"
	refuses "hook $bad" "$SPD" check --dir "$EDGE"
	like "hook $bad" "$OUT" 'sallyportd.yml:[0-9]+'
done
hook "[\"$T/renew\", \"$T/live\", \"second; touch sp-shell-was-here\", \"\$HOME *\"]"
runs check "$SPD" check --dir "$EDGE"
cd "$T" || exit 1
edge_start
wait_line "$T/edge.log" 'hook_done' 20 >/dev/null
shown() { openssl s_client -connect "127.0.0.1:$UPORT" -servername acme.apps.localhost </dev/null 2>/dev/null | openssl x509 -noout -subject; }
is() { [[ $(shown) == *"$1"* ]]; }
until_ok 10 is "second; touch sp-shell-was-here" || die "what the hook wrote is not shown: $(shown)"
eq "its arguments" "$(tail -n +3 "$T/live/args")" "second; touch sp-shell-was-here
\$HOME *"
[ -e sp-shell-was-here ] && die "a shell has seen the command"
eq "descriptors beyond the usual" "$(tr ' ' '\n' <"$T/live/fds" | grep -cE '^([4-9]|[0-9]{2,})$')" 0
hook "[\"$T/renew\", \"$T/live\", fail]"
kill -HUP "$EDGE_PID"
wait_line "$T/edge.log" 'hook_failed.*status="?3' 20 >/dev/null
is "second; touch sp-shell-was-here" || die "a failed hook changed the certificate"
hook "[\"$T/no-such-program\"]"
kill -HUP "$EDGE_PID"
wait_line "$T/edge.log" 'hook_failed.*status="?127' 20 >/dev/null
hook "[\"$T/renew\", \"$T/live\", third]"
kill -HUP "$EDGE_PID"
until_ok 20 is third || die "the new hook was not run at the reload"
hook '[sleep, 1000]'
kill -HUP "$EDGE_PID"
wait_line "$T/edge.log" 'hook_began.*sleep' 20 >/dev/null
sleeper=$(pgrep -P "$EDGE_PID" -x sleep)
edge_stop || die "exit status of the edge"
gone() { ! kill -0 "$sleeper"; }
until_ok 10 gone || die "the hook outlived the edge"
say "certificates are renewed"
