#!/bin/bash
# Makes these files anew: two authorities, an intermediate, and client certificates good and bad. DER is what a TLS client sends, one after
# the other. The good ones last a hundred years.
set -eu
cd "$(dirname "$0")"
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
ca() { # NAME CN
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.key" -out "$1.pem" -days 36500 -subj "/CN=$2" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
leaf() { # NAME CA KEYARGS SUBJECT EXTENSIONS [x509 args]
	local name=$1 ca=$2 key=$3 subject=$4 ext=$5
	shift 5
	# shellcheck disable=SC2086
	openssl req -new -newkey $key -nodes -keyout "$T/$name.key" -out "$T/$name.csr" -subj "$subject" -multivalue-rdn 2>/dev/null
	openssl x509 -req -in "$T/$name.csr" -CA "$ca.pem" -CAkey "$T/$ca.key" -CAcreateserial -CAserial "$T/serial" -out "$T/$name.pem" \
		-extfile <(printf '%b' "$ext") "$@" 2>/dev/null
	openssl x509 -in "$T/$name.pem" -outform DER -out "$name.der"
}
EC='ec -pkeyopt ec_paramgen_curve:P-256'
CLIENT='basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n'
DAYS='-days 36500'
ca ca 'Robots CA'
ca other 'Other CA'
leaf good ca "$EC" /CN=robot-7 "$CLIENT" $DAYS
leaf foreign other "$EC" /CN=robot-7 "$CLIENT" $DAYS
leaf server ca "$EC" /CN=robot-7 'extendedKeyUsage=serverAuth\n' $DAYS
leaf weak ca 'rsa:1024' /CN=robot-7 "$CLIENT" $DAYS
leaf sha1 ca "$EC" /CN=robot-7 "$CLIENT" $DAYS -sha1
leaf twocn ca "$EC" /CN=robot-7/CN=admin "$CLIENT" $DAYS
leaf nocn ca "$EC" /O=Robots "$CLIENT" $DAYS
# an intermediate, and a leaf that is no authority but signs another
leaf middle ca "$EC" /CN=Middle 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=keyCertSign\n' $DAYS
cp "$T/middle.pem" middle.pem
leaf below middle "$EC" /CN=robot-8 "$CLIENT" $DAYS
cat below.der middle.der >chain.der
cp "$T/good.pem" good.pem
leaf forged good "$EC" /CN=admin "$CLIENT" $DAYS
cat forged.der good.der >forged-chain.der
rm -f forged.der middle.der
sed 's/.*/    "&\\n"/' ca.pem >../../fuzz/x509_client_ca.h
cp good.der chain.der twocn.der foreign.der ca.pem good.pem ../../fuzz/corpus/x509_client/
