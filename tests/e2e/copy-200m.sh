#!/bin/bash
# 200 MB of random bytes arrive equal, both ways, by scp and by rsync; sftp puts and gets.
. "$(dirname "$0")/fixture.sh"
fixture_up
MB=${COPY_MB:-200}
remote=$T/remote
mkdir "$remote"
chmod 777 "$remote"
head -c $((MB * 1000000)) /dev/urandom >"$T/file"
chmod 644 "$T/file"
want=$(sha256sum <"$T/file")
at=$UNIX_USER@$HOST

timed() { # WHAT COMMAND...
	local what=$1 t0
	shift
	t0=$(now_ms)
	"$@" || die "$what"
	say "$what: $MB MB in $(($(now_ms) - t0)) ms"
}
same() { eq "$1: sha256" "$(sha256sum <"$2")" "$want"; }

timed "scp up" scp -q -F "$T/ssh_config" "$T/file" "$at:$remote/scp"
same "scp up" "$remote/scp"
timed "scp down" scp -q -F "$T/ssh_config" "$at:$remote/scp" "$T/scp.back"
same "scp down" "$T/scp.back"
rm -f "$T/scp.back" "$remote/scp"
if command -v rsync >/dev/null; then
	timed "rsync up" rsync --whole-file -e "ssh -F $T/ssh_config" "$T/file" "$at:$remote/rsync"
	same "rsync up" "$remote/rsync"
	timed "rsync down" rsync --whole-file -e "ssh -F $T/ssh_config" "$at:$remote/rsync" "$T/rsync.back"
	same "rsync down" "$T/rsync.back"
	rm -f "$T/rsync.back" "$remote/rsync"
else
	die "rsync is not installed (dev/install-deps test)"
fi
head -c 3000000 "$T/file" >"$T/small"
want=$(sha256sum <"$T/small")
printf 'put %s %s/sftp\nget %s/sftp %s\n' "$T/small" "$remote" "$remote" "$T/sftp.back" |
	sftp -q -b - -F "$T/ssh_config" "$at" >"$T/sftp.log" 2>&1 || { cat "$T/sftp.log"; die "sftp"; }
same "sftp put" "$remote/sftp"
same "sftp get" "$T/sftp.back"
