#!/bin/bash
# One-time code by mail, through a real SMTP server: the page says the same to everybody, mail goes only to those whom a policy could let in;
# a code works once, in the browser that asked, five guesses at most; STARTTLS with a certificate that is verified, a password that stays in
# fetch; nobody writes headers of their own.
. "$(dirname "$0")/fixture.sh"
[ -d "$TOP/tests/oidc/node_modules/smtp-server" ] || skip "tests/oidc is not installed (npm ci)"
lib_init
sink() { # NAME [kind key cert user password]: $SINK, its port; mails in $T/NAME.mails
	local name=$1
	shift
	node "$TOP/tests/oidc/smtp-sink.mjs" "$@" >"$T/$name.mails" 2>"$T/$name.log" &
	PIDS+=($!)
	SINK=$(wait_line "$T/$name.mails" '^ready' 20)
	SINK=${SINK#ready }
}
sink plain
edge_init "$T/edge"
conf=$T/edge/sallyportd.yml
cp "$conf" "$T/conf"
printf 'deadlines: {drain: 5s}\nmail: {url: "smtp://localhost:%s", from: sallyport@corp.test}\n' "$SINK" >>"$conf"
edge_start
apply >"$T/apply.out" <<YML || die "apply: $(cat "$T/apply.out")"
identity_providers:
  - {name: mail, type: onetimepin}
apps:
  - name: a
    domain: a.localhost
    type: ssh
    policies: [{name: p, decision: allow, include: [{email_domain: {domain: example.test}}], exclude: [{email: {email: gone@example.test}}]}]
YML
LOGIN="https://$TEAM_HOST:$UPORT/cdn-cgi/access/login/a.localhost?redirect_url=/"
mails() { grep -c '^{' "$T/${1:-plain}.mails"; }
# ask EMAIL: a fresh browser asks for a code; JAR, PAGE, STATUS
ask() {
	JAR=$(mktemp "$T/jar.XXXXXX")
	PAGE=$JAR.page
	web_step "$JAR" "$LOGIN" "$PAGE"
	form_fields "$PAGE"
	web_step "$JAR" "$(form_action "$PAGE" "$LAST_URL")" "$PAGE" "${FIELDS[@]}" --data-urlencode "email=$1"
}
give() { # CODE: into the form that is open
	form_fields "$PAGE"
	web_step "$JAR" "$(form_action "$PAGE" "$LAST_URL")" "$PAGE" "${FIELDS[@]}" --data-urlencode "code=$1"
}
code_of() { # N [sink]: of the Nth mail
	until_ok 10 eval "[ \"\$(mails ${2:-plain})\" -ge $1 ]" || { tail -5 "$T/edge.log"; die "mail $1 did not come"; }
	grep '^{' "$T/${2:-plain}.mails" | sed -n "$1p" | jq -r .text | sed -n 's/^    \([0-9]*\)\r*$/\1/p'
}
signed() { grep -q 'team.*CF_Authorization' "$JAR"; }

# the page: an address, then a code; the mail
web_step "$T/jar" "$LOGIN" "$T/page"
like "first page" "$(cat "$T/page")" 'name="email"'
unlike "no password is asked for" "$(cat "$T/page")" 'password'
ask jdoe@example.test
eq "status" "$STATUS" 200
like "it says" "$(page_text)" 'A code was sent to jdoe@example.test if'
code=$(code_of 1)
like "eight digits" "$code" '^[0-9]{8}$'
mail=$(grep '^{' "$T/plain.mails" | head -1)
eq "sender and recipient" "$(jq -c '[.from, .to]' <<<"$mail")" '["sallyport@corp.test",["jdoe@example.test"]]'
text=$(jq -r .text <<<"$mail")
like "headers" "$text" $'From: <sallyport@corp.test>\r*\nTo: <jdoe@example.test>\r*\nSubject: Your code for '
unlike "no link" "$text" 'http|www|cdn-cgi'
unlike "the code is in no log" "$(cat "$T/edge.log")" "$code"
mine=$JAR mypage=$PAGE myurl=$LAST_URL
# another browser cannot use it
ask jdoe@example.test
second=$(code_of 2)
give "$code"
eq "another browser's code" "$STATUS" 403
like "it says" "$(page_text)" 'SP-1102'
signed && die "signed in by another browser's code"
give "$second"
eq "its own code" "$STATUS" 200
signed || die "not signed in"
eq "identity" "$(identity)" '["jdoe@example.test",[],["otp"]]'
# the first browser: wrong, then right, with a blank in it; then never again
JAR=$mine PAGE=$mypage LAST_URL=$myurl
cp "$PAGE" "$T/form"
give 00000000
eq "wrong code" "$STATUS" 403
give "${code:0:4} ${code:4}"
eq "right code: $(page_text)" "$STATUS" 200
like "where it leads" "$LAST_URL" '^https://a.localhost'
JAR=$(mktemp "$T/jar.XXXXXX")
grep -v CF_Authorization "$mine" >"$JAR"
PAGE=$T/form LAST_URL=$myurl
give "$code"
eq "the same code again" "$STATUS" 403
signed && die "a code worked twice"

# who could not get through is told the same and gets no mail
ask eve@elsewhere.test
eq "stranger: status" "$STATUS" 200
stranger=$(page_text | sed 's/eve@elsewhere.test/X/')
ask gone@example.test
eq "excluded: the same page" "$(page_text | sed 's/gone@example.test/X/')" "$stranger"
give 12345678
eq "and a guess is a wrong code" "$STATUS" 403
ask other@example.test
eq "known: the same page" "$(page_text | sed 's/other@example.test/X/')" "$stranger"
third=$(code_of 3)
eq "one mail, to the one who may" "$(mails) $(grep '^{' "$T/plain.mails" | tail -1 | jq -r '.to[0]')" '3 other@example.test'
# five guesses
for i in 1 2 3 4 5; do
	give "0000000$i"
	eq "guess $i" "$STATUS" 403
done
give "$third"
eq "the right code after five guesses" "$STATUS" 403
signed && die "signed in after five wrong guesses"
# addresses that are none, and headers of one's own
for evil in $'jdoe@example.test\r\nBcc: eve@elsewhere.test' $'jdoe@example.test\nSubject: x' 'jdoe@example.test>,<eve@elsewhere.test' \
	'a@elsewhere.test@example.test' '"x y"@example.test' 'jdoe@example.test '$'\t' ''; do
	ask "$evil"
	like "address '$evil': status" "$STATUS" '^4'
	like "address '$evil'" "$(page_text)" 'SP-1106'
done
eq "no mail for them" "$(mails)" 3
# a flood for one address ends
for i in 1 2 3 4; do
	ask jdoe@example.test
	[ "$STATUS" = 200 ] || break
done
eq "flood" "$STATUS" 429
like "flood" "$(page_text)" 'SP-1107'
eq "mails of the flood" "$(until_ok 5 eval '[ "$(mails)" -ge 6 ]'; mails)" 6

# STARTTLS, verified, with user and password
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
	-keyout "$T/smtp.key" -out "$T/smtp.pem" 2>/dev/null || die "openssl"
sink tls starttls "$T/smtp.key" "$T/smtp.pem" postman 's3cret pass'
printf 's3cret pass\n' >"$T/mail.password"
edge_stop
with() { # lines of configuration
	cp "$T/conf" "$conf"
	printf 'deadlines: {drain: 5s}\nmail: {url: "smtp://localhost:%s", from: sallyport@corp.test, user: postman, password_file: %s}\n%s\n' \
		"$SINK" "$T/mail.password" "$1" >>"$conf"
	edge_start
}
with ''
ask tls@example.test
eq "the page says the same when mail fails" "$(page_text | sed 's/tls@example.test/X/')" "$stranger"
wait_line "$T/edge.log" 'mail_not_sent.*certificate' 20 >/dev/null
eq "no mail to a server that cannot be verified" "$(mails tls)" 0
edge_stop
with "ca_file: $T/smtp.pem"
ask tls@example.test
code=$(code_of 1 tls)
eq "encrypted, signed on" "$(grep '^{' "$T/tls.mails" | jq -c '[.tls, .user]')" '[true,"postman"]'
give "$code"
eq "code by TLS" "$STATUS" 200
unlike "the password is in no log" "$(cat "$T/edge.log")" 's3cret'
say "codes: once, one browser, five guesses, mail only to whom a policy could admit"
