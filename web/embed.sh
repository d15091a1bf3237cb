#!/bin/sh
# What front embeds of the web pages: each file as it is and compressed, under a name that its content gives.
#   embed.sh OUT.c OUT.h FILE...    writes the table of front, and the names for judge's pages: ASSET_TERMINAL_JS "/cdn-cgi/access/assets/..."
set -eu
c=$1 h=$2
shift 2
dir=$(dirname "$c")
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
cat >"$c.tmp" <<'END'
/* Made by web/embed.sh. */
#include "edge/front/assets.h"
#define EMBED(sym, file)                                                                                           \
	__asm__(".section .rodata\n.balign 16\n" #sym ":\n.incbin \"" file "\"\n" #sym "_end:\n.byte 0\n.previous\n"); \
	extern const uint8_t sym[] __attribute__((visibility("hidden"))), sym##_end[] __attribute__((visibility("hidden")));
END
echo '/* Made by web/embed.sh. */' >"$h.tmp"
rows=
n=0
for f; do
	case $f in /*) ;; *) f=$PWD/$f ;; esac
	base=$(basename "$f") ext=${f##*.}
	name=${base%."$ext"}
	hash=$(sha256sum "$f" | cut -c1-16)
	path=/cdn-cgi/access/assets/$name-$hash.$ext
	gzip -9n <"$f" >"$dir/$base.gz"
	case $ext in
	js) type='text/javascript; charset=utf-8' ;;
	css) type='text/css; charset=utf-8' ;;
	txt) type='text/plain; charset=utf-8' ;;
	svg) type=image/svg+xml ;;
	*) echo "embed.sh: no media type for .$ext" >&2; exit 1 ;;
	esac
	printf 'EMBED(asset_%d, "%s")\nEMBED(asset_%d_gz, "%s")\n' $n "$f" $n "$dir/$base.gz" >>"$c.tmp"
	rows="$rows	{\"$path\", \"$type\", \"$hash\", asset_$n, asset_${n}_end, asset_${n}_gz, asset_${n}_gz_end},
"
	macro=$(printf '%s_%s' "$name" "$ext" | tr 'a-z-' 'A-Z_')
	printf '#define ASSET_%s "%s"\n' "$macro" "$path" >>"$h.tmp"
	n=$((n + 1))
done
printf 'const struct asset assets_table[] = {\n%s};\nconst size_t assets_table_n = %d;\n' "$rows" $n >>"$c.tmp"
mv "$c.tmp" "$c"
mv "$h.tmp" "$h"
