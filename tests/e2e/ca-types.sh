#!/bin/bash
# A CA may be ed25519, ecdsa-p256 or rsa-3072: sshd takes certificates of each, and ssh-keygen reads the type.
. "$(dirname "$0")/fixture.sh"
fixture_edge
sp_user
fixture_people
for type in ed25519 ecdsa-p256 rsa-3072; do
	host=$type.localhost
	free_port; port=$PORT
	fixture_app "$type" "$host" "ssh://127.0.0.1:$port"
	"$SP" admin ca "$host" --type "$type" >"$T/$type.ca" || die "admin ca --type $type"
	head -1 "$T/$type.ca" >"$T/$type.ca.pub"
	case $type in
	ed25519) like "key line" "$(cat "$T/$type.ca.pub")" '^ssh-ed25519 ' ;;
	ecdsa*) like "key line" "$(cat "$T/$type.ca.pub")" '^ecdsa-sha2-nistp256 ' ;;
	rsa*) like "key line" "$(ssh-keygen -l -f "$T/$type.ca.pub")" '^3072 .*RSA' ;;
	esac
	like "aud line" "$(sed -n 2p "$T/$type.ca")" '^aud: [0-9a-f]{64}$'
	sshd_start "$type" "$T/$type.ca.pub" "$port"
	fixture_connector "$type"
	client_login "https://$host:$UPORT" "$EMAIL" "$PASSWORD" || die "sign-in at $host"
	ssh_conf "$host:$UPORT"
	eq "ssh by a $type CA" "$(ssh -F "$T/ssh_config" "$UNIX_USER@$host" 'echo in' 2>&1)" in
	ssh-keygen -L -f "$SALLYPORT_HOME/$host-cf_key-cert.pub" >"$T/cert" || die "ssh-keygen -L"
	say "$type: $(sed -n 's/^ *Signing CA: //p' "$T/cert")"
done
