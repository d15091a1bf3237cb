#!/bin/bash
# What an application says under `ssh:` is what ssh-keygen reads in the certificate and what sshd makes of it.
. "$(dirname "$0")/fixture.sh"
fixture_up
options() { # OPTIONS: of the application; then $CERT is what a new certificate says
	runs "apply $1" apply <<<"apps: [{name: ssh, domain: $HOST, ssh: {$1}}]"
	runs "ssh-gen with $1" "$SP" access ssh-gen --hostname "$HOST:$UPORT"
	CERT=$(ssh-keygen -L -f "$SALLYPORT_HOME/$HOST-cf_key-cert.pub" | tr -s ' \n\t' ' ')
}
options 'certificate_ttl: 3m'
like "one principal" "$CERT" "Principals: $UNIX_USER Critical"
like "no restriction" "$CERT" 'Critical Options: \(none\)'
like "the default extensions" "$CERT" 'Extensions: permit-port-forwarding permit-pty permit-user-rc $'
like "key id" "$CERT" "Key ID: \"$EMAIL [0-9a-f]+\""

options 'source_address: [127.0.0.0/8, "2001:db8::/32"]'
like "a list" "$CERT" 'source-address 127\.0\.0\.0/8,2001:db8::/32'
eq "from there" "$(sh_ 'echo in')" in
options 'source_address: [10.0.0.0/8]'
refuses "from elsewhere" sh_ true
# auto: the addresses from which the connectors reach sshd, as they report them
runs "auto" apply <<<"apps: [{name: ssh, domain: $HOST, ssh: {source_address: auto}}]"
explains() { "$SP" admin explain --app "$HOST" --email "$EMAIL" | grep -q "$1"; }
until_ok 10 explains '^certificate: to be used from 127\.0\.0\.1$' || die "explain: $("$SP" admin explain --app "$HOST" --email "$EMAIL")"
options 'source_address: auto'
like "auto" "$CERT" 'source-address 127\.0\.0\.1/32 Extensions'
eq "from a connector" "$(sh_ 'echo in')" in
direct() { # ADDRESS: past the tunnel, from there
	ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile="$T/known_hosts" -o HostKeyAlias=any -b "$1" -p "$SSHD_PORT" \
		-i "$SALLYPORT_HOME/$HOST-cf_key" -o CertificateFile="$SALLYPORT_HOME/$HOST-cf_key-cert.pub" "$UNIX_USER@127.0.0.1" 'echo in'
}
eq "the same certificate, same address" "$(direct 127.0.0.1)" in
refuses "the same certificate, another address" direct 127.0.0.2
like "sshd's word" "$(cat "$SSHD_LOG")" 'ertificate.*(not valid from|source).*127\.0\.0\.2|127\.0\.0\.2.*ertificate'
role=$(role_pid judge)
kill -9 "$role"
until_ok 20 explains '^certificate: to be used from 127\.0\.0\.1$' || die "a new judge does not know what was reported"
kill -TERM "$CONNECTOR_PID"
wait "$CONNECTOR_PID"
until_ok 10 explains '^certificate: no source-address option: .*no live connector' || die "explain without a connector"
options 'source_address: auto'
like "nothing reported" "$CERT" 'Critical Options: \(none\)'
fixture_connector ssh
options 'source_address: off'
like "off" "$CERT" 'Critical Options: \(none\)'

options 'extensions: [permit-pty]'
like "one extension" "$CERT" 'Extensions: permit-pty $'
options 'extensions: []'
like "no extension" "$CERT" 'Extensions: \(none\)'

seconds() { ssh-keygen -L -f "$SALLYPORT_HOME/$HOST-cf_key-cert.pub" | sed -n "s/.*Valid: from \(.*\) to \(.*\)/\\$1/p" | xargs -I{} date -d {} +%s; }
before=$(date +%s)
options 'certificate_ttl: 1h'
after=$(date +%s)
from=$(seconds 1) to=$(seconds 2)
eq "an hour in all" $((to - from)) 3600
[ $((before - from)) -le 61 ] && [ "$from" -le "$after" ] || die "valid_after lies $((after - from)) seconds back"
refuses "more than an hour" apply <<<"apps: [{name: ssh, domain: $HOST, ssh: {certificate_ttl: 61m}}]"

# a name of the list is given to whom it is bound, and a list makes no reserved name
runs "usernames" apply <<<"apps: [{name: ssh, domain: $HOST, ssh: {certificate_ttl: 3m, usernames: [root]}}]"
refuses "a name that nobody bound" "$SP" access ssh-gen --hostname "$HOST:$UPORT"
like "a name that nobody bound" "$OUT" 'SP-1304'
runs "bind" "$SP" admin principals bind root --email "$EMAIL" --idp people
options 'usernames: [root]'
like "bound" "$CERT" 'Principals: root Critical'

# cert_sign answers JSON whatever is asked
for m in GET PUT; do
	web /dev/null -X $m -o "$T/answer" "https://$TEAM_HOST:$UPORT/cdn-cgi/access/cert_sign"
	eq "$m cert_sign" "$(jq -r .status "$T/answer")" 405
done
