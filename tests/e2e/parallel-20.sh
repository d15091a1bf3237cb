#!/bin/bash
# 20 ssh at once on one login all work, with serials of their own; five first uses at once make one login and one browser tab.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
fixture_host ssh "$HOST"

# A "browser" that writes down every tab it is asked to open.
cat >"$T/browser" <<'B'
#!/bin/sh
echo "$1" >>"$TABS"
B
chmod +x "$T/browser"
export BROWSER=$T/browser TABS=$T/tabs
: >"$TABS"
unset SALLYPORT_NO_LOGIN
for i in 1 2 3 4 5; do
	# setsid: no terminal, as started by a desktop program
	setsid "$SP" access ssh-gen --hostname "$HOST:$UPORT" >"$T/gen.$i" 2>&1 &
	gens[i]=$!
done
url=$(wait_line "$TABS" 'cdn-cgi/access/cli' 20)
web_login "$T/jar" "$url" "$EMAIL" "$PASSWORD" || die "sign-in"
web_confirm "$T/jar"
for i in 1 2 3 4 5; do
	wait "${gens[i]}" || { cat "$T/gen.$i"; die "ssh-gen $i failed"; }
done
eq "tabs opened" "$(wc -l <"$TABS")" 1
eq "logins in the log" "$("$SP" admin log -o json | grep -c '"login"')" 1
unset BROWSER
export SALLYPORT_NO_LOGIN=1

ssh_conf "$HOST:$UPORT"
for i in $(seq 20); do
	sh_ "echo hello $i; sleep 1" >"$T/out.$i" 2>"$T/err.$i" &
	pids[i]=$!
done
for i in $(seq 20); do
	wait "${pids[i]}" || { cat "$T/err.$i"; die "ssh $i failed"; }
	eq "ssh $i" "$(cat "$T/out.$i")" "hello $i"
done
# sshd saw each with a certificate of our CA; the edge gave no serial twice.
accepted=$(grep -c 'Accepted publickey.*-CERT' "$SSHD_LOG")
[ "$accepted" -ge 20 ] || die "sshd accepted $accepted certificates, expected 20"
"$SP" admin log -o json | grep -o '"serial": *"[0-9]*"' | sort >"$T/serials"
[ "$(wc -l <"$T/serials")" -ge 20 ] || die "the log has $(wc -l <"$T/serials") certificates, expected 20 or more"
eq "repeated serials" "$(uniq -d "$T/serials")" ""
say "20 sessions, $(wc -l <"$T/serials") certificates, one login"
