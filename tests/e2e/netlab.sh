# Three hosts in network namespaces, for scripts that break the network between them: the client (with ssh) in one, the edge and the script
# itself in another, the connector with its sshd in a third. Source it first; it starts the script again inside the edge's namespace and
# removes the namespaces at the end, whatever happens. Sources fixture.sh.
#
#   client ---- 10.77.1.0/24 ---- edge ---- 10.77.2.0/24 ---- connector         every host calls the edge 127.0.0.1, as the other scripts do
#
#   lab_up                    the fixture, spread over the three
#   at_client CMD...          a command there;  at_host CMD...  beside the connector
#   lab_loss LEG PERCENT      packets of LEG (client|connector) that are dropped, each way; 0 ends it
#   lab_cut LEG, lab_heal LEG nothing passes, without a word to anybody / everything does again
#   lab_rate LEG BITS         what the leg carries each way (tbf, as "20mbit"); "" = all it can
#   lab_delay LEG MS [JITTER] one-way delay of LEG, for new connections; 0 ends it. By netem, or where the kernel has none by netproxy.mjs
#                             between the two
#   lab_reset LEG             the connections of LEG are reset (ss -K); how many is in $RESETS
if [ -z "${LAB_IN:-}" ]; then
	lab_skip() { echo "skip: $*"; exit 77; }
	[ "$(id -u)" = 0 ] || lab_skip "network namespaces need root"
	for p in ip nft tc ss; do command -v $p >/dev/null || lab_skip "no $p here"; done
	LAB=sp$$
	ip netns add $LAB.e 2>/dev/null || lab_skip "no network namespaces here"
	lab_down() { for n in c e k; do ip netns del $LAB.$n 2>/dev/null; done; }
	trap lab_down EXIT
	trap 'kill "$LAB_CHILD" 2>/dev/null; wait "$LAB_CHILD"; exit 130' INT TERM
	set -e
	ip netns add $LAB.c
	ip netns add $LAB.k
	ip -n $LAB.e link add to-client type veth peer name wan netns $LAB.c
	ip -n $LAB.e link add to-connector type veth peer name wan netns $LAB.k
	for l in "e to-client 10.77.1.1" "c wan 10.77.1.2" "e to-connector 10.77.2.1" "k wan 10.77.2.2"; do
		read -r ns dev ip <<<"$l"
		ip -n $LAB.$ns addr add "$ip/24" dev "$dev"
		ip -n $LAB.$ns link set "$dev" up gso_max_segs 1 # one packet is one packet: loss falls on single ones
		ip -n $LAB.$ns link set lo up
		ip netns exec $LAB.$ns sh -c 'for f in all '"$dev"'; do echo 1 >/proc/sys/net/ipv4/conf/$f/route_localnet; done'
	done
	set +e
	LAB_IN=$LAB ip netns exec $LAB.e "$0" "$@" &
	LAB_CHILD=$!
	wait "$LAB_CHILD"
	exit $?
fi
. "$(dirname "$0")/fixture.sh"

at_client() { ip netns exec "$LAB_IN.c" "$@"; }
at_host() { ip netns exec "$LAB_IN.k" "$@"; }
lab_dev() { case $1 in client) echo "c to-client" ;; connector) echo "k to-connector" ;; *) die "no leg $1" ;; esac; }
# lab_lead LEG PORT AT: who on that leg's far end calls 127.0.0.1:PORT reaches the edge's port AT
lab_lead() {
	local ns net
	case $1 in client) ns=c net=10.77.1 ;; *) ns=k net=10.77.2 ;; esac
	ip netns exec "$LAB_IN.$ns" nft -f - <<-NFT || die "nft"
		add table ip lead$2
		delete table ip lead$2
		table ip lead$2 {
			chain out {
				type nat hook output priority -100
				ip daddr 127.0.0.1 tcp dport $2 dnat to $net.1:$3
			}
			chain post {
				type nat hook postrouting priority 100
				oifname wan masquerade
			}
		}
	NFT
}
# lab_drop LEG NAME RULE: what is dropped on arrival at either end of it; "" = nothing
lab_drop() {
	local ns dev at
	read -r ns dev <<<"$(lab_dev "$1")"
	for at in "e $dev" "$ns wan"; do
		ip netns exec "$LAB_IN.${at% *}" nft -f - <<-NFT || die "nft"
			add table inet $2_$1
			delete table inet $2_$1
			table inet $2_$1 {
				chain in {
					type filter hook input priority 0
					$([ -z "$3" ] || echo "iifname ${at#* } $3")
				}
			}
		NFT
	done
}
lab_loss() {
	local rule=
	[ "$2" = 0 ] || rule="numgen random mod 1000 < $(awk -v p="$2" 'BEGIN {print p * 10}') drop"
	lab_drop "$1" loss "$rule"
}
lab_cut() { lab_drop "$1" cut drop; }
lab_heal() { lab_drop "$1" cut ""; }
lab_rate() {
	local ns dev
	read -r ns dev <<<"$(lab_dev "$1")"
	tc qdisc del dev "$dev" root 2>/dev/null
	tc -n "$LAB_IN.$ns" qdisc del dev wan root 2>/dev/null
	[ -n "$2" ] || return 0
	tc qdisc add dev "$dev" root tbf rate "$2" burst 64k latency 200ms || die "tbf"
	tc -n "$LAB_IN.$ns" qdisc add dev wan root tbf rate "$2" burst 64k latency 200ms || die "tbf"
}
lab_delay() {
	local ns dev port
	read -r ns dev <<<"$(lab_dev "$1")"
	case $1 in client) port=$UPORT ;; *) port=$TPORT ;; esac
	tc qdisc del dev "$dev" root 2>/dev/null
	tc -n "$LAB_IN.$ns" qdisc del dev wan root 2>/dev/null
	if [ "$2" = 0 ]; then
		lab_lead "$1" "$port" "$port"
	elif tc qdisc add dev "$dev" root netem delay "$2ms" "${3:-0}ms" 2>/dev/null; then
		tc -n "$LAB_IN.$ns" qdisc add dev wan root netem delay "$2ms" "${3:-0}ms" || die "netem"
	else
		free_port
		bg node "$E2E/netproxy.mjs" 0.0.0.0 "$PORT" "$port" "$2" "${3:-0}" >"$T/netproxy.$PORT"
		wait_line "$T/netproxy.$PORT" ready 20 >/dev/null
		lab_lead "$1" "$port" "$PORT"
	fi
}
lab_reset() {
	local net=10.77.1
	[ "$1" = client ] || net=10.77.2
	RESETS=$(ss -K -tnH state established dst "$net.2" | grep -c .)
}

lab_up() {
	lib_init
	edge_init "$T/edge"
	sed -i 's/127\.0\.0\.1:\('"$UPORT"'\|'"$TPORT"'\)/0.0.0.0:\1/' "$EDGE/sallyportd.yml"
	printf 'allow_private: [localhost]\ndeadlines: {drain: 5s}\n' >>"$EDGE/sallyportd.yml"
	edge_start
	lab_lead client "$UPORT" "$UPORT"
	lab_lead connector "$TPORT" "$TPORT"
	sp_user
	fixture_people
	lab_host ssh "$HOST"
	signed_in
}
# lab_host NAME HOST: the fixture's host, with sshd and the connector in their own namespace
lab_host() {
	local port token
	free_port
	port=$PORT
	fixture_app "$1" "$2" "ssh://127.0.0.1:$port"
	"$SP" admin ca "$2" >"$T/$1.ca" || die "admin ca $2"
	head -1 "$T/$1.ca" >"$T/$1.ca.pub"
	SSHD_KEEPER="ip netns exec $LAB_IN.k" sshd_start "$1" "$T/$1.ca.pub" "$port"
	token=$("$SP" tunnel token "$1-pool") || die "tunnel token"
	printf '#!/bin/sh\nexec ip netns exec %s.k %s "$@"\n' "$LAB_IN" "$SP" >"$T/sallyport-k"
	chmod 755 "$T/sallyport-k"
	SP=$T/sallyport-k connector_start "$T/connector-$1.log" run --token "$token"
}
