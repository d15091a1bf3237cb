#!/bin/bash
# docs/hosts.md: a second passwd entry with the same uid lets a person in whose Unix account is called otherwise. Needs root.
. "$(dirname "$0")/fixture.sh"
[ "$(id -u)" = 0 ] || skip "needs root to make two accounts"
a=spdeploy$$ b=spalias$$
drop() {
	userdel "$b" >/dev/null 2>&1
	userdel -rf "$a" >/dev/null 2>&1
	lib_cleanup
}
lib_init
trap drop EXIT
exec 9>"${TMPDIR:-/tmp}/sallyport-sptest.lock"
flock 9
useradd -m -s /bin/bash "$a" && usermod --password '*' "$a" || die "useradd"
# the lines of docs/hosts.md
useradd --non-unique --uid "$(id -u "$a")" --gid "$(id -g "$a")" --home-dir "$(getent passwd "$a" | cut -d: -f6)" --no-create-home "$b" 2>/dev/null ||
	die "alias account"
usermod --password '*' "$b" || die "usermod"
flock -u 9
edge_init "$T/edge"
edge_start
EMAIL=$b@example.test
UNIX_USER=$b
fixture_people
fixture_host ssh "$HOST"
signed_in
out=$(sh_ 'id -u; pwd; touch alias-was-here; stat -c %u alias-was-here') || die "ssh as the alias: $(tail -3 "$SSHD_LOG")"
eq "uid, home, owner of a new file" "$out" "$(id -u "$a")
$(getent passwd "$a" | cut -d: -f6)
$(id -u "$a")"
grep -q "Accepted publickey for $b " "$SSHD_LOG" || die "sshd did not see $b"
say "$b works with the rights of $a"
