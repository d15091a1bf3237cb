#!/bin/bash
# Scripts and style sheets of the pages come from the edge itself on every host: right types, for ever, compressed for whom it suits; nothing else does.
. "$(dirname "$0")/fixture.sh"
fixture_edge
ask() { # HOST PATH [curl options]: $HEAD, lower case names; the body is in $T/body
	local host=$1 path=$2
	shift 2
	web /dev/null -D "$T/head" -o "$T/body" "$@" "https://$host:$UPORT$path" || die "GET $path"
	HEAD=$(tr -d '\r' <"$T/head" | sed 's/^\([A-Za-z-]*\):/\L\1:/')
}
field() { sed -n "s/^$1: //p" <<<"$HEAD"; }
for f in terminal.js terminal.css LICENSES.txt; do
	file=$TOP/web/dist/$f
	path=/cdn-cgi/access/assets/${f%.*}-$(sha256sum "$file" | cut -c1-16).${f##*.}
	ask "$TEAM_HOST" "$path"
	like "$f" "$HEAD" '^HTTP/1.1 200'
	cmp -s "$T/body" "$file" || die "$f differs"
	case $f in *.js) type='text/javascript; charset=utf-8' ;; *.css) type='text/css; charset=utf-8' ;; *) type='text/plain; charset=utf-8' ;; esac
	eq "type of $f" "$(field content-type)" "$type"
	eq "caching" "$(field cache-control)" 'public, max-age=31536000, immutable'
	eq "sniffing" "$(field x-content-type-options)" nosniff
	eq "coding" "$(field content-encoding)" ''
	eq "vary" "$(field vary)" accept-encoding
	etag=$(field etag)
	ask "$TEAM_HOST" "$path" -H "If-None-Match: \"x\", $etag"
	like "known" "$HEAD" '^HTTP/1.1 304'
	ask "$TEAM_HOST" "$path" -H 'Accept-Encoding: br, gzip;q=0.8'
	eq "coding" "$(field content-encoding)" gzip
	gzip -dc <"$T/body" | cmp -s - "$file" || die "$f compressed differs"
	[ "$(field etag)" != "$etag" ] || die "both codings have one tag"
	length=$(field content-length)
	ask "$TEAM_HOST" "$path" -I -H 'Accept-Encoding: gzip'
	eq "length by HEAD" "$(field content-length)" "$length"
done
ask "elsewhere.localhost" "$path" -k
like "a name that is no application's" "$HEAD" '^HTTP/1.1 200'
for bad in "${path%.txt}" "${path}?x=1" "/cdn-cgi/access/assets/" "/cdn-cgi/access/assets/../style.css" "/cdn-cgi/access/assets/terminal.js" "${path/LICENSES-/LICENSES-0}"; do
	ask "$TEAM_HOST" "$bad" --path-as-is
	like "$bad" "$HEAD" '^HTTP/1.1 404'
	eq "$bad may be kept" "$(field cache-control)" no-store
done
ask "$TEAM_HOST" "$path" -X POST -d x=1
like "POST" "$HEAD" '^HTTP/1.1 405'
