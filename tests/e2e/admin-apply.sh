#!/bin/bash
# `sallyport admin apply`: says the difference, does nothing the second time, all or nothing, and a mistake is named by file and line.
. "$(dirname "$0")/fixture.sh"
fixture_edge

cat >"$T/one.yml" <<'YML'
identity_providers:
  - name: people
    type: local
    users: [{email: jdoe@example.test, password: correct horse battery, groups: [ops]}]
groups:
  - {name: staff, include: [{email_domain: {domain: example.test}}]}
tunnels: [{name: ssh-pool}]
apps:
  - name: ssh
    domain: ssh.localhost
    type: ssh
    session_duration: 8h
    tunnel: ssh-pool
    service: ssh://localhost:22
    policies:
      - {name: staff, decision: allow, include: [{group: {name: staff}}]}
YML
like "empty state" "$("$SP" admin get apps)" "admin apply FILE.yml"
runs "dry run" "$SP" admin apply "$T/one.yml" --dry-run
like "difference of the dry run" "$OUT" '[+] app ssh'
like "nothing was made by the dry run" "$("$SP" admin get apps)" "There is no application"

runs "apply" "$SP" admin apply "$T/one.yml"
for line in '+ app ssh' '+ group staff' '+ tunnel ssh-pool'; do
	grep -qxF -- "$line" <<<"$OUT" || die "no line '$line' in: $OUT"
done
runs "the same again" "$SP" admin apply "$T/one.yml"
eq "second time" "$OUT" "nothing to change"
runs "from standard input" "$SP" admin apply - <"$T/one.yml"
eq "third time" "$OUT" "nothing to change"

# one change is one line
sed 's/session_duration: 8h/session_duration: 4h/' "$T/one.yml" >"$T/two.yml"
runs "a change" "$SP" admin apply "$T/two.yml"
eq "lines" "$(grep -c . <<<"$OUT")" 1
like "difference" "$OUT" '^~ app ssh: .*session_duration'

# what is not named is left alone
printf 'groups:\n  - {name: others, include: [{everyone: {}}]}\n' >"$T/three.yml"
runs "another group" "$SP" admin apply "$T/three.yml"
eq "difference" "$OUT" "+ group others"
like "the application is still there" "$("$SP" admin get apps)" 'ssh\.localhost'

# all or nothing: the second application is wrong, so the first is not made
cat >"$T/bad.yml" <<'YML'
apps:
  - name: good
    domain: good.localhost
    policies: [{name: all, decision: allow, include: [{everyone: {}}]}]
  - name: bad
    domain: bad.localhost
    sesion_duration: 8h
YML
refuses "a wrong key" "$SP" admin apply "$T/bad.yml"
like "file and line" "$OUT" "bad\.yml:[57]: "
like "what was found" "$OUT" 'sesion_duration'
like "what was meant" "$OUT" 'session_duration'
unlike "nothing was made" "$("$SP" admin get apps)" 'good\.localhost'
printf 'apps:\n  - name: x\n    name: y\n' >"$T/twice.yml"
refuses "a key twice" "$SP" admin apply "$T/twice.yml"
like "file and line, without the edge" "$OUT" "twice\.yml:3: "
refuses "no such file" "$SP" admin apply "$T/none.yml"

# what scripts read
"$SP" admin get apps -o json | jq -e '.[] | select(.domain == "ssh.localhost") | .aud | test("^[0-9a-f]{64}$")' >/dev/null ||
	die "get apps -o json"
unlike "passwords are never shown" "$("$SP" admin get idps -o json)" 'correct horse'
like "policies" "$("$SP" admin get policies)" 'ssh\.localhost +1 +staff +allow'
like "routes" "$("$SP" admin get routes)" 'ssh\.localhost +ssh-pool'
like "tunnels" "$("$SP" admin get tunnels)" 'ssh-pool +inactive'
for kind in groups idps users service-tokens sessions cas; do
	runs "get $kind" "$SP" admin get $kind
	runs "get $kind -o json" "$SP" admin get $kind -o json
	jq -e 'type == "array"' <<<"$OUT" >/dev/null || die "get $kind -o json: $OUT"
done
refuses "a kind that is none" "$SP" admin get app
like "the nearest" "$OUT" '"apps"'

# the authority: made once, then shown
runs "ca" "$SP" admin ca ssh.localhost
like "first line" "$(head -1 <<<"$OUT")" '^ssh-ed25519 [A-Za-z0-9+/=]+ '
like "second line" "$(sed -n 2p <<<"$OUT")" '^aud: [0-9a-f]{64}$'
first=$OUT
runs "ca again" "$SP" admin ca ssh.localhost
eq "the same key" "$OUT" "$first"
refuses "another type" "$SP" admin ca ssh.localhost --type rsa-3072
like "cas" "$("$SP" admin get cas)" 'ssh\.localhost'

# a hash instead of a password
hash=$(printf '%s\n' "$PASSWORD" | "$SP" admin hash)
like "hash" "$hash" '^\$argon2id\$v=19\$'
runs "apply with a hash" "$SP" admin apply - <<YML
identity_providers:
  - name: people
    type: local
    users: [{email: hashed@example.test, password_hash: '$hash'}]
YML

# names and the log
runs "bind" "$SP" admin principals bind deploy --email jdoe@example.test --idp people
like "principals" "$("$SP" admin principals)" 'deploy +jdoe@example\.test'
"$SP" admin principals -o json | jq -e '.[] | select(.name == "deploy")' >/dev/null || die "principals -o json"
runs "release" "$SP" admin principals release deploy
like "no principals" "$("$SP" admin principals)" 'No Unix name has an owner'
log=$("$SP" admin log --since 1h)
like "log" "$log" 'change_done'
like "log" "$log" 'principal_bound .*subject=deploy'
"$SP" admin log -o json | jq -es 'all(.seq > 0) and length > 3' >/dev/null || die "log -o json"
"$SP" admin log --since 1h --follow >"$T/follow" &
follow=$!
PIDS+=("$follow")
wait_line "$T/follow" 'principal_released .*subject=deploy' 20 >/dev/null
runs "bind another" "$SP" admin principals bind builder --email jdoe@example.test --idp people
wait_line "$T/follow" 'principal_bound .*subject=builder' 20 >/dev/null
kill -INT "$follow"
wait "$follow"
eq "exit status of log --follow at Ctrl-C" $? 0
refuses "a recording" "$SP" admin sessions play nothing
like "when" "$OUT" 'recordings arrive with the Audit work'
say "applied, refused and shown as promised"
