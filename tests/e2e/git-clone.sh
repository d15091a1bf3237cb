#!/bin/bash
# git clone, commit and push over ssh through the tunnel.
. "$(dirname "$0")/fixture.sh"
fixture_up
export GIT_SSH_COMMAND="ssh -F $T/ssh_config" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.test GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.test

sh_ "rm -rf sp-$$.git && git init -q --bare -b main sp-$$.git" || die "git init on the host"
trap 'sh_ "rm -rf sp-$$.git" 2>/dev/null; lib_cleanup' EXIT
url=ssh://$UNIX_USER@$HOST$UNIX_HOME/sp-$$.git
git clone -q "$url" "$T/one" 2>/dev/null || die "clone of the empty repository"
head -c 5000000 /dev/urandom >"$T/one/blob"
git -C "$T/one" checkout -q -B main
git -C "$T/one" add blob && git -C "$T/one" commit -q -m 'a blob' || die "commit"
git -C "$T/one" push -q origin main || die "push"
git clone -q "$url" "$T/two" || die "clone"
cmp "$T/one/blob" "$T/two/blob" || die "the clone's blob differs"
eq "commit" "$(git -C "$T/two" rev-parse HEAD)" "$(git -C "$T/one" rev-parse HEAD)"
say "pushed and cloned $(git -C "$T/two" rev-parse --short HEAD)"
