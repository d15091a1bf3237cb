#!/bin/bash
# Two applications have two CAs: a certificate of one is refused by the other's host, and its token by the other's gate.
. "$(dirname "$0")/fixture.sh"
fixture_up
port_a=$SSHD_PORT
fixture_host other other.localhost
port_b=$SSHD_PORT
eq "first" "$(sh_ 'echo a')" a
client_login "https://other.localhost:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in to the second"
ssh_conf "other.localhost:$UPORT"
eq "second" "$(ssh -F "$T/ssh_config" "$UNIX_USER@other.localhost" 'echo b')" b
[ "$(cat "$T/ssh.ca.pub")" != "$(cat "$T/other.ca.pub")" ] || die "both applications have the same CA"

# straight to each sshd with each certificate, so that sshd alone judges
try() { # PORT APP
	ssh -F none -o UserKnownHostsFile="$T/known_hosts" -o HostKeyAlias=any -o IdentitiesOnly=yes -o BatchMode=yes -p "$1" \
		-i "$SALLYPORT_HOME/$2-cf_key" -o CertificateFile="$SALLYPORT_HOME/$2-cf_key-cert.pub" "$UNIX_USER@127.0.0.1" 'echo in' 2>&1
}
sh_ true && ssh -F "$T/ssh_config" "$UNIX_USER@other.localhost" true || die "fresh certificates"
eq "own certificate at the first host" "$(try "$port_a" "$HOST")" in
eq "own certificate at the second host" "$(try "$port_b" other.localhost)" in
like "the first's certificate at the second host" "$(try "$port_b" "$HOST")" 'Permission denied'
like "the second's certificate at the first host" "$(try "$port_a" other.localhost)" 'Permission denied'

# and the token of one is no token of the other
code=$(web /dev/null -o /dev/null -w '%{http_code}' -H "Cf-Access-Token: $(client_token)" "https://other.localhost:$UPORT/")
eq "status for the other application's token" "$code" 302
say "certificates and tokens stay with their application"
