#!/bin/bash
# `sallyport tunnel service install|uninstall`: a unit like the packaged one, secrets in files of root alone, nothing overwritten; both packaged
# units are well formed.
. "$(dirname "$0")/fixture.sh"
lib_init
R=$T/root
unit=$R/etc/systemd/system/sallyport-connector.service
secret=$(head -c 32 /dev/urandom | base64 -w0)
id=0f0e0d0c-0b0a-4908-8706-050403020100
token=$(printf '{"a":"acct","s":"%s","t":"%s"}' "$secret" "$id" | base64 -w0)
service() { "$SP" tunnel --root "$R" "${@:2}" service $1; }
printf '%s' "$token" >"$T/token"
chmod 600 "$T/token"
runs "install" service install --edge edge-1.example.com:7844 --edge edge-2.example.com:7844 --token-file "$T/token"
sed "s#^ExecStart=[^ ]*#ExecStart=/usr/bin/sallyport#" "$unit" | diff - "$TOP/packaging/sallyport-connector.service" || die "the packaged unit is another"
like "the program" "$(grep ^ExecStart= "$unit")" "^ExecStart=/.*/sallyport tunnel "
eq "mode of the token" "$(stat -c %a "$R/etc/sallyport/token")" 600
eq "the token" "$(cat "$R/etc/sallyport/token")" "$token"
grep -rqF "$token" "$unit" && die "the token stands in the unit"
refuses "a second install" service install --edge e:1 --token-file "$T/token"
like "message" "$OUT" 'exists already.*uninstall'
runs "uninstall" service uninstall
[ ! -e "$unit" ] || die "the unit is left"
refuses "a second uninstall" service uninstall

# with a config.yml
printf '{"AccountTag":"acct","TunnelSecret":"%s","TunnelID":"%s"}' "$secret" "$id" >"$T/cred.json"
chmod 600 "$T/cred.json"
printf 'tunnel: %s\ncredentials-file: %s\nedge: [edge.example.com:7844]\ningress: [{service: "ssh://localhost:22"}]\n' "$id" "$T/cred.json" >"$T/config.yml"
runs "install from a config.yml" service install --config "$T/config.yml"
like "what runs" "$(grep ^ExecStart= "$unit")" 'tunnel --edge edge.example.com:7844 --config %d/config.yml --credentials-file %d/credentials.json run$'
eq "its files" "$(cd "$R/etc/sallyport" && stat -c '%n %a' config.yml credentials.json | tr '\n' ' ')" "config.yml 600 credentials.json 600 "
like "credentials" "$(cat "$unit")" 'LoadCredential=credentials.json:/etc/sallyport/credentials.json'
runs "uninstall" service uninstall

# what cannot work is not written
refuses "without an edge" service install --token-file "$T/token"
refuses "an edge that is none" service install --edge 'e:1 --x' --token-file "$T/token"
refuses "without a tunnel" service install --edge e:1
refuses "a bad token" service "install x" --edge e:1
sed '/^credentials-file/d' "$T/config.yml" >"$T/none.yml"
refuses "a config.yml without credentials" service install --config "$T/none.yml"
like "message" "$OUT" 'credentials-file'
[ ! -e "$unit" ] || die "a unit was written all the same"

# the credential's folder of systemd: an access list shows as a group's right to read, and is no reason to refuse
mkdir "$T/credentials"
install -m 640 "$T/token" "$T/credentials/token"
run() { timeout 5 "$SP" tunnel --edge 127.0.0.1:1 run --token-file "$T/credentials/token"; }
refuses "a token that a group can read" run
like "message" "$OUT" "$T/credentials/token"
CREDENTIALS_DIRECTORY=$T/credentials refuses "ended by timeout alone" run
like "it dials" "$OUT" 'Starting tunnel'

command -v systemd-analyze >/dev/null || exit 0
for u in sallyport-connector sallyportd; do
	sed 's#/usr/s*bin/sallyportd*#/bin/true#' "$TOP/packaging/$u.service" >"$T/$u.service"
	runs "systemd-analyze verify $u" systemd-analyze verify "$T/$u.service"
	eq "its words" "$OUT" ""
done
