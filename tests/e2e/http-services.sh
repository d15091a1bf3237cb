#!/bin/bash
# What may stand behind a plain HTTP application: a directory served by Python, TLS with and without verification, a Unix socket, a service that
# speaks broken HTTP (502, or a connection that breaks off, never a forged answer), one that is not there. Without sign-in where a policy says bypass.
# Paths that two applications of one host could read differently are refused.
. "$(dirname "$0")/fixture.sh"
fixture_edge
free_port; ORIGIN=$PORT
USED_PORTS="$USED_PORTS $((PORT + 1))"
free_port; FILES=$PORT
free_port; TLS=$PORT
free_port; NOBODY=$PORT
bg node "$E2E/http-origin.mjs" "$ORIGIN" >"$T/origin.out"
wait_line "$T/origin.out" ready 10 >/dev/null
mkdir "$T/files"
head -c 5000000 /dev/urandom >"$T/files/blob"
bg python3 -u -m http.server --bind 127.0.0.1 --directory "$T/files" "$FILES" >"$T/files.log" 2>&1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/o.key" -out "$T/o.pem" -days 2 -subj /CN=o \
	-addext subjectAltName=DNS:o.test 2>/dev/null || die openssl
cat >"$T/tls.mjs" <<'JS'
import https from 'node:https';
import http from 'node:http';
import { readFileSync } from 'node:fs';
const [, , port, dir] = process.argv;
const app = (q, s) => s.end(`${q.socket.servername ?? 'unix'} ${q.headers.host}\n`);
https.createServer({ key: readFileSync(`${dir}/o.key`), cert: readFileSync(`${dir}/o.pem`) }, app).listen(Number(port), '127.0.0.1', () =>
	http.createServer(app).listen(`${dir}/o.sock`, () => console.log('ready')));
JS
bg node "$T/tls.mjs" "$TLS" "$T" >"$T/tls.out"
wait_line "$T/tls.out" ready 10 >/dev/null
wait_line "$T/files.log" Serving 10 >/dev/null

# The connector's own configuration: originRequest as people write it. The edge only knows the hosts.
runs "apply" apply <<-YML
	tunnels: [{name: web-pool}]
	apps:
	$(for a in files broken tls tlsbad tlsany unix nobody two; do
		printf '  - {name: %s, domain: %s.localhost, type: self_hosted, tunnel: web-pool, policies: [{name: all, decision: bypass, include: [{everyone: {}}]}]}\n' $a $a
	done)
	  - {name: inner, domain: two.localhost/inner, type: self_hosted, tunnel: web-pool, policies: [{name: none, decision: deny, include: [{everyone: {}}]}]}
YML
TOKEN=$("$SP" tunnel token web-pool) || die token
node -e 'const t = JSON.parse(Buffer.from(process.argv[1], "base64")); console.log(JSON.stringify({AccountTag: t.a, TunnelSecret: t.s, TunnelID: t.t}))' "$TOKEN" >"$T/cred.json"
chmod 600 "$T/cred.json"
cat >"$T/config.yml" <<-YML
	tunnel: $(jq -r .TunnelID "$T/cred.json")
	credentials-file: $T/cred.json
	ingress:
	  - {hostname: files.localhost, service: "http://127.0.0.1:$FILES"}
	  - {hostname: broken.localhost, service: "http://127.0.0.1:$((ORIGIN + 1))"}
	  - {hostname: tls.localhost, service: "https://127.0.0.1:$TLS", originRequest: {originServerName: o.test, caPool: "$T/o.pem", httpHostHeader: inside.test}}
	  - {hostname: tlsbad.localhost, service: "https://127.0.0.1:$TLS", originRequest: {originServerName: o.test}}
	  - {hostname: tlsany.localhost, service: "https://127.0.0.1:$TLS", originRequest: {noTLSVerify: true}}
	  - {hostname: unix.localhost, service: "unix:$T/o.sock"}
	  - {hostname: nobody.localhost, service: "http://127.0.0.1:$NOBODY"}
	  - {hostname: two.localhost, service: "http://127.0.0.1:$ORIGIN"}
	  - {service: "http_status:404"}
YML
connector_start "$T/connector.log" --config "$T/config.yml" run
url() { echo "https://$1.localhost:$UPORT"; }
get() { web "$T/none" -o "$T/got" -w '%{http_code} %{exitcode}' "$@" 2>/dev/null; }
until_ok 5 web "$T/none" -o /dev/null "$(url files)/" || die "the edge does not serve files.localhost"

eq "a directory" "$(get "$(url files)/blob")" "200 0"
cmp "$T/got" "$T/files/blob" || die "the blob differs"
eq "a part of it" "$(get -H 'Range: bytes=10-19' "$(url files)/blob")" "200 0" # http.server knows no ranges
eq "a file that is not there" "$(get "$(url files)/none")" "404 0"
eq "tls" "$(get "$(url tls)/")" "200 0"
eq "its name and Host" "$(cat "$T/got")" "o.test inside.test"
eq "tls of a stranger" "$(get "$(url tlsbad)/")" "502 0"
like "why" "$(cat "$T/got")" 'SP-1006'
eq "tls unverified" "$(get "$(url tlsany)/")" "200 0"
eq "unix socket" "$(get "$(url unix)/")" "200 0"
eq "its Host" "$(cat "$T/got")" "unix unix.localhost:$UPORT"
eq "nobody there" "$(get "$(url nobody)/")" "502 0"
like "why" "$(cat "$T/got")" 'SP-1006'
# a body that nobody takes: the edge does not wait for it
eq "upload to nobody" "$(get --data-binary "@$T/files/blob" "$(url nobody)/")" "502 0"

for p in cl-te cl-twice cl-bad te-odd fold bare-lf space-name nul no-http status-7 status-999 switch huge many nothing; do
	eq "broken answer $p" "$(get "$(url broken)/$p")" "502 0"
done
like "half an answer" "$(get "$(url broken)/chunk-size")" '^(200 (18|56)|502 0)$'
eq "bytes after an answer" "$(get "$(url broken)/extra" --next -sS --cacert "$CA" --resolve "*:$UPORT:127.0.0.1" -o "$T/got2" "$(url two)/count" -w ' %{http_code}')" "200 0 200"
eq "the answer alone" "$(cat "$T/got")" ok
unlike "the next answer" "$(cat "$T/got2")" forged
eq "until the end" "$(get "$(url broken)/eof")" "200 0"
eq "its body" "$(cat "$T/got")" "until the end"

# one host, two applications: what could be read as /inner is not served as /
eq "outer" "$(get "$(url two)/count")" "200 0"
like "inner" "$(get "$(url two)/inner/x")" '^(302|403) 0$'
for p in '/x/../inner/x' '/x/%2e%2e/inner/x' '//inner/x' '/./inner/x' '/%69nner/x' '/x/..%2finner/x' '/x/..%5cinner/x' '/x/%252e%252e/inner/x' '/x/..;/inner/x' '/inner;a=b/x'; do
	like "$p" "$(get --path-as-is "$(url two)$p")" '^(302|400|403) 0$'
done
eq "an escape that changes nothing" "$(get "$(url two)/a%20b")" "404 0"
grep -q role_died "$T/edge.log" && die "a role died: $(grep role_died "$T/edge.log")"
kill -0 "$CONNECTOR_PID" || die "the connector ended"
say "services of every kind are reached, and broken ones contained"
