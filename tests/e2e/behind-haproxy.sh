#!/bin/bash
# Behind a load balancer: haproxy hands the user's address on by PROXY protocol 2 and 1; what policies, services and the log see is that address. A
# listed proxy that sends none is refused, and so is a header from somebody who is not listed. X-Forwarded-For counts from listed proxies only,
# the last address that is not one of them; what the user wrote stays a claim.
. "$(dirname "$0")/fixture.sh"
command -v haproxy >/dev/null || skip "haproxy is not installed"
fixture_edge
WEB=web.localhost
free_port; ORIGIN=$PORT
bg node "$E2E/http-origin.mjs" "$ORIGIN" >"$T/origin.out"
wait_line "$T/origin.out" ready 10 >/dev/null
runs "apply" apply <<-YML
	tunnels: [{name: web-pool}]
	apps:
	  - {name: web, domain: $WEB, type: self_hosted, tunnel: web-pool, service: "http://127.0.0.1:$ORIGIN",
	     policies: [{name: all, decision: bypass, include: [{everyone: {}}], exclude: [{ip: {ip: 127.0.0.9/32}}]}]}
YML
fixture_connector web
restart() { # LINES...: the edge again, with these at the end of its configuration
	edge_stop
	sed -i '/^# behind/,$d' "$EDGE/sallyportd.yml"
	printf '# behind\n' >>"$EDGE/sallyportd.yml"
	printf '%s\n' "$@" >>"$EDGE/sallyportd.yml"
	edge_start
	: >"$T/connector-web.log"
	wait_line "$T/connector-web.log" 'Registered tunnel connection' 30 >/dev/null
}
free_port; LB2=$PORT
free_port; LB1=$PORT
# haproxy speaks to the edge from 127.0.0.2, users to haproxy from where they like
cat >"$T/haproxy.cfg" <<-CFG
	global
	  stats socket $T/haproxy.sock level admin
	defaults
	  mode tcp
	  timeout connect 5s
	  timeout client 30s
	  timeout server 30s
	listen two
	  bind 127.0.0.1:$LB2
	  server edge 127.0.0.1:$UPORT source 127.0.0.2 send-proxy-v2
	listen one
	  bind 127.0.0.1:$LB1
	  server edge 127.0.0.1:$UPORT source 127.0.0.2 send-proxy
CFG
bg haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.log" 2>&1
haproxy_up() { (exec 3<>"/dev/tcp/127.0.0.1/$LB1") 2>/dev/null; }
until_ok 10 haproxy_up || die "haproxy does not listen: $(cat "$T/haproxy.log")"
# see PORT FROM args...: the address that the service is told, by a user at FROM who comes to PORT
see() {
	local port=$1 from=$2
	shift 2
	curl -sS --max-time 20 --cacert "$CA" --interface "$from" --resolve "*:$UPORT:127.0.0.1" --connect-to "::127.0.0.1:$port" "$@" "https://$WEB:$UPORT/echo" \
		-o "$T/seen" -w '%{http_code} ' 2>"$T/seen.err" && jq -r '.headers["cf-connecting-ip"] + " " + .headers["x-forwarded-for"]' "$T/seen" 2>/dev/null
}

eq "before" "$(see "$UPORT" 127.0.0.5)" "200 127.0.0.5 127.0.0.5"
printf 'proxy_protocol: true\n' >"$T/alone.yml"
cp "$EDGE/sallyportd.yml" "$T/whole.yml"
cat "$T/alone.yml" >>"$EDGE/sallyportd.yml"
refuses "proxy_protocol alone" "$SPD" check --dir "$EDGE"
like "why" "$OUT" 'trusted_proxies'
cp "$T/whole.yml" "$EDGE/sallyportd.yml"

restart 'trusted_proxies: [127.0.0.2/32]' 'proxy_protocol: true'
eq "version 2" "$(see "$LB2" 127.0.0.5)" "200 127.0.0.5 127.0.0.5"
eq "version 1" "$(see "$LB1" 127.0.0.6)" "200 127.0.0.6 127.0.0.6"
eq "two in a row" "$(see "$LB2" 127.0.0.7)" "200 127.0.0.7 127.0.0.7"
like "an address that a policy excludes" "$(see "$LB2" 127.0.0.9)" '^(302|403) '
eq "a lie through the proxy" "$(see "$LB2" 127.0.0.9 -H 'X-Forwarded-For: 127.0.0.5' | cut -c1)" "$(see "$LB2" 127.0.0.9 | cut -c1)"
eq "who is not listed needs none" "$(see "$UPORT" 127.0.0.5)" "200 127.0.0.5 127.0.0.5"
eq "who is not listed may send none" "$(see "$UPORT" 127.0.0.9 --haproxy-protocol)" "000 "
see "$UPORT" 127.0.0.2 >/dev/null && die "a listed proxy without a header was served"
eq "the one that was listed and sends its own" "$(see "$UPORT" 127.0.0.2 --haproxy-protocol)" "200 127.0.0.2 127.0.0.2"
# a header that names nobody: the connection is the proxy's own, and what its TLS carries is not the proxy's word
named() { # PREFACE: the status and the address that the service is told, by who lies in X-Forwarded-For
	node -e '
		const [host, port, ca, preface] = process.argv.slice(1), net = require("net"), tls = require("tls");
		const raw = net.connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2" }, () => {
			raw.write(Buffer.from(preface, "latin1"));
			const s = tls.connect({ socket: raw, servername: host, ca: require("fs").readFileSync(ca) }, () =>
				s.write(`GET /echo HTTP/1.1\r\nHost: ${host}:${port}\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n`));
			let all = "";
			s.on("data", (d) => (all += d));
			s.on("end", () => console.log(all.slice(9, 12), (/"cf-connecting-ip": ?"([^"]*)"/.exec(all) || [])[1]));
		});
		raw.setTimeout(20000, () => process.exit(1));
	' "$WEB" "$UPORT" "$CA" "$1"
}
eq "nobody, version 1" "$(named $'PROXY UNKNOWN\r\n')" "200 127.0.0.2"
# bytes that are no header, and silence
printf 'PROXY TCP4 127.0.0.5 127.0.0.1 0x1 1\r\n' | socat -T 5 - "TCP:127.0.0.1:$UPORT,bind=127.0.0.2" >"$T/none" 2>/dev/null
[ -s "$T/none" ] && die "a broken header was answered"
grep -q 'proxy_header.*127.0.0.2' "$T/edge.log" || die "the log does not name the proxy"
eq "still there" "$(see "$LB2" 127.0.0.5)" "200 127.0.0.5 127.0.0.5"

restart 'trusted_proxies: [127.0.0.2/32, 127.0.0.3/32]'
eq "a listed proxy's word" "$(see "$UPORT" 127.0.0.2 -H 'X-Forwarded-For: 9.9.9.9, 127.0.0.5')" "200 127.0.0.5 127.0.0.5"
eq "through two of them" "$(see "$UPORT" 127.0.0.2 -H 'X-Forwarded-For: 9.9.9.9, 127.0.0.5, 127.0.0.3')" "200 127.0.0.5 127.0.0.5"
eq "anybody's word" "$(see "$UPORT" 127.0.0.5 -H 'X-Forwarded-For: 9.9.9.9' -H 'Forwarded: for=9.9.9.9')" "200 127.0.0.5 127.0.0.5"
like "rubbish from a listed one" "$(see "$UPORT" 127.0.0.2 -H 'X-Forwarded-For: nonsense')" '^400 '
like "excluded" "$(see "$UPORT" 127.0.0.2 -H 'X-Forwarded-For: 127.0.0.9')" '^(302|403) '

restart 'trusted_proxies: [127.0.0.2/32]' 'forwarded_header: forwarded'
eq "Forwarded" "$(see "$UPORT" 127.0.0.2 -H 'X-Forwarded-For: 9.9.9.9' -H 'Forwarded: for=8.8.8.8, for=127.0.0.5;proto=https')" "200 127.0.0.5 127.0.0.5"
say "users keep their addresses"
