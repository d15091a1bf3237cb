#!/bin/bash
# The client's files: mode 0600 whatever the umask, a symbolic link in a token's place is not followed, files of others are not read, and kill
# -9 in the middle leaves the old file or the new one, whole.
. "$(dirname "$0")/fixture.sh"
umask 000
fixture_edge
sp_user
fixture_people
fixture_app ssh "$HOST" ssh://127.0.0.1:1
runs "admin ca" "$SP" admin ca "$HOST"
rm -rf "$SALLYPORT_HOME" # made by the client itself this time
export SALLYPORT_HOME=$T/home/client
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"
runs "ssh-gen" "$SP" access ssh-gen --hostname "$HOST:$UPORT"
eq "mode of the home" "$(stat -c %a "$SALLYPORT_HOME")" 700
for f in "$SALLYPORT_HOME"/*; do
	eq "mode of $(basename "$f")" "$(stat -c %a "$f")" 600
done
for f in "$SALLYPORT_HOME/$HOST"-*-token "$SALLYPORT_HOME/$HOST-cf_key" "$SALLYPORT_HOME/$HOST-cf_key.pub" "$SALLYPORT_HOME/$HOST-cf_key-cert.pub"; do
	[ -s "$f" ] || die "$(basename "$f") is missing"
done
token=$(echo "$SALLYPORT_HOME/$HOST"-*-token)
good=$(cat "$token")

# Readable by others: refused, with the file's name.
chmod 644 "$token"
SALLYPORT_NO_LOGIN=1 refuses "token readable by others" "$SP" access token --app "https://$HOST:$UPORT"
like "message" "$OUT" "$(basename "$token")|SP-1503"
chmod 600 "$token"
eq "token" "$(client_token)" "$good"

# A link where the token should be: what it points to is neither read nor written.
mv "$token" "$T/elsewhere"
ln -s "$T/elsewhere" "$token"
before=$(sha256sum <"$T/elsewhere")
SALLYPORT_NO_LOGIN=1 "$SP" access token --app "https://$HOST:$UPORT" >"$T/linked" 2>/dev/null && die "a token was read through a link"
rm -f "$T"/jar.*
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || say "sign-in with a link in the way was refused"
eq "what the link pointed to" "$(sha256sum <"$T/elsewhere")" "$before"
[ ! -L "$token" ] || rm -f "$token"
rm -f "$T"/jar.*
client_login "https://$HOST:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in"

# kill -9 in the middle of writing certificates, twenty times: there is always a whole one.
runs "ssh-gen" "$SP" access ssh-gen --hostname "$HOST:$UPORT"
cert=$SALLYPORT_HOME/$HOST-cf_key-cert.pub
for i in $(seq 20); do
	"$SP" access ssh-gen --hostname "$HOST:$UPORT" >/dev/null 2>&1 &
	pid=$!
	# at the moment of a change in the folder, or when it has ended
	timeout 0.0$((RANDOM % 5 + 1)) tail --pid=$pid -f /dev/null
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	ssh-keygen -L -f "$cert" >/dev/null 2>&1 || die "after kill -9 number $i the certificate is not whole"
done
runs "ssh-gen afterwards" "$SP" access ssh-gen --hostname "$HOST:$UPORT"

# The edge's own: nobody else reads its secrets.
for f in admin.token cert.pem node.key; do
	eq "mode of the edge's $f" "$(stat -c %a "$EDGE/$f")" 600
done
for d in state keys fetch audit; do
	eq "mode of the edge's $d" "$(stat -c %a "$EDGE/$d")" 700
done
while read -r mode f; do
	like "mode of $f" "$mode" '^[0-7]00$'
done < <(find "$EDGE"/state "$EDGE"/keys "$EDGE"/fetch "$EDGE"/audit -type f -printf '%m %p\n')
say "files are private and whole"
