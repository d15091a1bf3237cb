#!/bin/bash
# `make demo ONCE=1`'s script ends with "demo ok: USER@HOST serial N": started by root (which steps down by itself) and by an ordinary user.
. "$(dirname "$0")/fixture.sh"
demo() { # WHO COMMAND...
	local who=$1 last
	shift
	OUT=$("$@" 2>&1 </dev/null) || die "demo as $who: $OUT"
	last=$(grep . <<<"$OUT" | tail -1)
	like "last line as $who" "$last" "^demo ok: [a-z_][a-z0-9_-]*@ssh\.localhost serial [0-9]+\$"
	like "ssh-keygen -L as $who" "$OUT" 'Type: ssh-ed25519-cert-v01@openssh.com user certificate'
	say "$who: $last"
}
export B
if [ "$(id -u)" != 0 ]; then
	demo "$(id -un)" bash "$TOP/dev/demo" --once
	exit 0
fi
had=$(getent passwd sallyport-demo)
demo root bash "$TOP/dev/demo" --once
like "root stepped down" "$OUT" 'hello from sallyport-demo'
eq "the account of the demo" "$(getent passwd sallyport-demo)" "$had"
# as an ordinary user, from a tree that this user can read
sp_user
copy=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-copy.XXXXXX")
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/build/libexec" "$copy/dev"
cp "$B/sallyport" "$B/sallyportd" "$copy/build/"
find "$B/libexec" -maxdepth 1 -type f -name 'sallyport-*' -exec cp {} "$copy/build/libexec/" \;
cp "$TOP/dev/demo" "$TOP/dev/lib.sh" "$copy/dev/"
chmod -R a+rX "$copy"
demo "$UNIX_USER" setpriv --reuid "$UNIX_USER" --regid "$UNIX_USER" --init-groups env -i PATH="$PATH" HOME="$UNIX_HOME" LANG=C.UTF-8 \
	bash "$copy/dev/demo" --once
