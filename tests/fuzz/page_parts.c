/* Words, colours, pictures and languages of pages: whatever is put in, no markup comes out but the bold of our own, and
 * a style sheet gets numbers. */
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "edge/judge/text.h"
#include "edge/judge/theme.h"
#include "model/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_html(const char *words, const char *a, const char *b)
{
	const char *args[] = {a, b};
	struct buf out;

	buf_init(&out, 1u << 20);
	text_html(&out, words, args, 2);
	const char *s = buf_cstr(&out);
	for (const char *q = s; (q = strchr(q, '<')); q++)
		if (strncmp(q, "<strong>", 8) != 0 && strncmp(q, "</strong>", 9) != 0)
			abort();
	if (strpbrk(s, "\"'"))
		abort();
	buf_release(&out);
}

static void
check_css(const char *a, const char *b)
{
	struct buf out;

	buf_init(&out, 4096);
	theme_css(&out, a, b);
	const char *s = buf_cstr(&out);
	if (buf_len(&out) && strspn(s, "bodygrun-ilkm {}:;#0123456789abcdef\n") != buf_len(&out))
		abort();
	buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *all = malloc(n + 1), *b, *c;
	const char *type;
	struct buf bytes;

	if (!all)
		abort();
	memcpy(all, p, n);
	all[n] = '\0';
	b = all + strcspn(all, "\n");
	b += *b ? (*b = '\0', 1) : 0;
	c = b + strcspn(b, "\n");
	c += *c ? (*c = '\0', 1) : 0;
	check_html(all, b, c);
	check_css(all, b);
	if (text_language(all) != 0) /* there is one so far */
		abort();
	buf_init(&bytes, PICTURE_MAX);
	if (picture_bytes(all, &bytes, &type) == 0 && !picture_good(all))
		abort();
	buf_release(&bytes);
	free(all);
	return 0;
}
