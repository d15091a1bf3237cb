#!/bin/bash
# The other ways to use the client: cloudflared's folder, the older ssh_config with an inner ssh, a local listener, tcp, curl, own headers.
. "$(dirname "$0")/fixture.sh"
fixture_up
at=$HOST:$UPORT

# cloudflared's folder: names and forms that it reads; what we left elsewhere is not touched
before=$(find "$SALLYPORT_HOME" -maxdepth 1 -type f | sort | xargs sha256sum)
export SALLYPORT_CLOUDFLARED_HOME=1
client_login "https://$at" "$EMAIL" "$PASSWORD" || die "sign-in"
runs "ssh-gen there" "$SP" access ssh-gen --hostname "$at"
cf=$HOME/.cloudflared
eq "the folder" "$(stat -c %a "$cf")" 700
token=$(echo "$cf/$HOST"-*-token)
[[ $token =~ /$HOST-[0-9a-f]{64}-token$ ]] || die "no token file of cloudflared's name: $(ls "$cf")"
eq "its mode" "$(stat -c %a "$token")" 600
eq "raw JWT, aud an array" "$(cut -d. -f2 "$token" | tr '_-' '/+' | { cat; printf '=='; } | base64 -d 2>/dev/null | jq -r '.aud | type')" array
[ -s "$cf/$TEAM_HOST-org-token" ] || die "no org token"
for f in cf_key cf_key.pub cf_key-cert.pub; do [ -s "$cf/$HOST-$f" ] || die "no $f"; done
eq "the key's mode" "$(stat -c %a "$cf/$HOST-cf_key")" 600
runs "a key that ssh-keygen reads" ssh-keygen -y -f "$cf/$HOST-cf_key"
unset SALLYPORT_CLOUDFLARED_HOME
eq "our own folder" "$(find "$SALLYPORT_HOME" -maxdepth 1 -type f | sort | xargs sha256sum)" "$before"
"$SP" access ssh-config --hostname "$at" --short-lived-cert --cloudflared-home >"$T/cf.conf" 2>/dev/null
like "the block" "$(cat "$T/cf.conf")" 'ssh-gen --hostname %h:[0-9]+.* --cloudflared-home'
sed -i "s#~/#$HOME/#" "$T/cf.conf" # ssh takes ~ from the password file, and $HOME here is not that
cat >>"$T/cf.conf" <<-CONF
	Host *
	    UserKnownHostsFile $T/known_hosts
	    HostKeyAlias any
	    IdentitiesOnly yes
	    BatchMode yes
CONF
mkdir -p "$T/elsewhere"
eq "ssh by that block" "$(SALLYPORT_HOME=$T/elsewhere ssh -F "$T/cf.conf" "$UNIX_USER@$HOST" 'echo by its folder')" "by its folder"
[ -z "$(ls "$T/elsewhere")" ] || die "something was written elsewhere: $(ls "$T/elsewhere")"

# the older block: ssh-gen, then an inner ssh carries the session
cat >"$T/old.conf" <<-CONF
	Host $HOST
	    ProxyCommand bash -c '"$SP" access ssh-gen --hostname %h:$UPORT; ssh -F "$T/old.conf" -tt %r@cfpipe-%h >&2 <&1'
	Host cfpipe-$HOST
	    HostName $HOST
	    ProxyCommand "$SP" access ssh --hostname %h:$UPORT
	    IdentityFile $SALLYPORT_HOME/$HOST-cf_key
	    CertificateFile $SALLYPORT_HOME/$HOST-cf_key-cert.pub
	Host *
	    UserKnownHostsFile $T/known_hosts
	    HostKeyAlias any
	    IdentitiesOnly yes
CONF
printf 'echo in $((40+2))\nexit\n' | script -qec "ssh -F '$T/old.conf' '$UNIX_USER@$HOST'" "$T/old.out" >/dev/null 2>&1
like "the older block" "$(tr -d '\r' <"$T/old.out")" 'in 42'

# a listener: each connection is a session of its own
free_port
L=$PORT
bg "$SP" access tcp --hostname "$at" --url "localhost:$L" 2>"$T/listener"
wait_line "$T/listener" 'Start Websocket listener' 20 >/dev/null
for i in 1 2 3; do
	eq "through the listener" "$(ssh -F /dev/null -p "$L" -o "UserKnownHostsFile=$T/known_hosts" -o HostKeyAlias=any -o IdentitiesOnly=yes \
		-i "$SALLYPORT_HOME/$HOST-cf_key" -o "CertificateFile=$SALLYPORT_HOME/$HOST-cf_key-cert.pub" "$UNIX_USER@127.0.0.1" "echo $i")" "$i"
done
[ "$(ss -Hltn "sport = :$L" | grep -vc 127.0.0.1)" = 0 ] || die "the listener is open to others"

# curl with the token; own headers beside it
eq "curl" "$("$SP" access curl "https://$at/" -s -o /dev/null -w '%{http_code}')" 200
mkfifo "$T/open"
exec 6<>"$T/open"
eq "sshd's greeting over standard input and output" "$("$SP" access tcp --hostname "$at" -H 'X-Own: 1' <&6 | head -c 7)" SSH-2.0
