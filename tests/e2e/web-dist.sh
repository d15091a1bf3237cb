#!/bin/bash
# What the edge embeds is what the sources of the pages give, byte for byte, and the sources pass the type checker.
. "$(dirname "$0")/fixture.sh"
[ -d "$TOP/web/node_modules/esbuild" ] || skip "web is not installed (npm ci)"
lib_init
cp -r "$TOP/web/src" "$TOP/web"/{package.json,tsconfig.json,types.d.ts,build.mjs} "$T/" || die "copy"
ln -s "$TOP/web/node_modules" "$T/node_modules"
cd "$T" || die "$T"
runs "type check" node_modules/.bin/tsc --noEmit
# symbolic links are not followed in names: what is inside must not depend on where it was built
runs "build" node --preserve-symlinks build.mjs
diff -r "$T/dist" "$TOP/web/dist" >"$T/diff" || { head -c 2000 "$T/diff" >&2; die "web/dist is not what 'npm run build' in web/ gives"; }
for f in "$TOP"/web/dist/*; do
	grep -q "'dist/$(basename "$f")'" "$TOP/web/meson.build" || die "web/meson.build does not embed $(basename "$f")"
done
if grep -n '"resolved"' "$TOP/web/package-lock.json"; then die "the lock file names a download address"; fi
