#!/bin/bash
# A remote command's exit status, standard output and standard error arrive as they left: 0, 7, 255, a signal; 1 MiB of stdin is whole.
. "$(dirname "$0")/fixture.sh"
fixture_up

for want in 0 7 255; do
	sh_ "echo out-$want; echo err-$want >&2; exit $want" >"$T/out" 2>"$T/err"
	eq "exit status" $? "$want"
	eq "stdout" "$(cat "$T/out")" "out-$want"
	eq "stderr" "$(grep -v '^Warning: Permanently' "$T/err")" "err-$want"
done
sh_ 'kill -TERM $$' >/dev/null 2>&1
eq "exit status of a killed command" $? 255

head -c 1048576 /dev/urandom >"$T/in"
sh_ 'cat; echo done >&2' <"$T/in" >"$T/out" 2>"$T/err" || die "cat"
cmp -s "$T/in" "$T/out" || die "1 MiB through cat came back different"

# End of input reaches the command, and its late output still reaches us.
eq "output after end of input" "$(printf 'abc' | sh_ 'n=$(wc -c); echo $n')" 3
say "statuses, both outputs and input are exact"
