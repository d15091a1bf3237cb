/* What pages are made of: words with their places, languages, the organisation's colours, pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"
#include "edge/judge/text.h"
#include "edge/judge/theme.h"
#include "model/picture.h"

#define SIZE(a) (sizeof(a) / sizeof *(a))

static void
html_is(const char *words, const char *a, const char *b, const char *want)
{
	const char *args[] = {a, b};
	struct buf out;

	buf_init(&out, 4096);
	text_html(&out, words, args, 2);
	assert_string_equal(buf_cstr(&out), want);
	buf_release(&out);
}

static void
test_text_is_escaped(void **state)
{
	(void)state;
	html_is("to reach {!0}", "<b>\"x\"'&", "", "to reach <strong>&lt;b&gt;&quot;x&quot;&#39;&amp;</strong>");
	html_is("{1}, {0}", "a", "b", "b, a");
	html_is("{0}", "{1}{!1}", "no", "{1}{!1}"); /* what is put in is not read again */
	html_is("a < b & {", "", "", "a &lt; b &amp; {");
	html_is("{2} {x} {!} {0", "a", "b", "{2} {x} {!} {0");
}

/* Each text is there, names no more than may be put in, and has no markup of its own. */
static void
test_every_text(void **state)
{
	(void)state;
	for (int t = 0; t < T_END; t++) {
		const char *words = text_get(0, (enum text)t);
		assert_non_null(words);
		assert_true(*words);
		assert_null(strchr(words, '<'));
		for (const char *p = words; (p = strchr(p, '{')); p++) {
			const char *d = p + 1 + (p[1] == '!');
			assert_true(*d >= '0' && *d < '0' + TEXT_ARGS_MAX && d[1] == '}');
		}
	}
}

static void
test_codes(void **state)
{
	const char *next = NULL;

	(void)state;
	assert_string_equal(text_code(0, SP_POLICY_DENY, &next), "Access denied.");
	assert_non_null(strstr(next, "administrator"));
	assert_string_equal(text_code(0, 4711, &next), text_code(0, SP_INTERNAL, NULL));
	assert_true(*next);
}

static void
test_languages(void **state)
{
	static const char *const accept[] = {NULL,    "",      "en",     "de", "de-CH, en;q=0.8",
	                                     "EN-gb", ",,,;;", "en;q=0", "*",  "x"};

	(void)state;
	for (size_t i = 0; i < SIZE(accept); i++)
		assert_int_equal(text_language(accept[i]), 0);
	assert_string_equal(text_get(99, T_SIGN_IN), "Sign in");
}

static void
css_is(const char *background, const char *text, const char *want)
{
	struct buf out;

	buf_init(&out, 4096);
	theme_css(&out, background, text);
	if (want)
		assert_non_null(strstr(buf_cstr(&out), want));
	else
		assert_int_equal(buf_len(&out), 0);
	buf_release(&out);
}

static void
test_colours(void **state)
{
	static const char *const bad[] = {NULL,       "",        "#",      "red",    "#12",   "#12345",
	                                  "#1234567", "#12345g", "123456", "#fff;}", "#ff f", "rgb(1,2,3)"};
	uint32_t v;

	(void)state;
	for (size_t i = 0; i < SIZE(bad); i++) {
		assert_int_equal(theme_colour(bad[i], &v), E_FORMAT);
		css_is(bad[i], "#ffffff", NULL);
	}
	assert_int_equal(theme_colour("#1aF", &v), 0);
	assert_int_equal(v, 0x11aaff);
	assert_true(theme_contrast(0, 0xffffff) > 20.99 && theme_contrast(0xffffff, 0) < 21.01);
	css_is("#17324d", "#fff", "--ground: #17324d; --on-ground: #ffffff;");
	css_is("#17324d", "#1a3550", "--on-ground: #ffffff;"); /* nobody could read it */
	css_is("#ffff00", "#ffffff", "--on-ground: #000000;");
	css_is("#ffff00", "url(//x)", "--on-ground: #000000;");
	css_is("#777777", NULL, "--on-ground: #000000;");
}

static void
test_pictures(void **state)
{
	static const char *const bad[] = {"",
	                                  "https://x.test/a.png",
	                                  "data:",
	                                  "data:image/png;base64,",
	                                  "data:image/png,iVBORw0KGgo=",
	                                  "data:text/html;base64,PHA+",
	                                  "data:image/png;base64,PHNjcmlwdD4=",
	                                  "data:image/gif;base64,iVBORw0KGgo=",
	                                  "data:image/png;base64,iVBORw0KGgo*",
	                                  "data:image/pngx;base64,iVBORw0KGgo=",
	                                  " data:image/png;base64,iVBORw0KGgo="};
	char big[PICTURE_MAX + 64] = "data:image/svg+xml;base64,";
	const char *type;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < SIZE(bad); i++)
		assert_false(picture_good(bad[i]));
	buf_init(&b, PICTURE_MAX);
	assert_int_equal(picture_bytes("data:image/png;base64,iVBORw0KGgo=", &b, &type), 0);
	assert_string_equal(type, "image/png");
	assert_int_equal(buf_len(&b), 8);
	buf_release(&b);
	assert_true(picture_good("data:image/svg+xml;base64,PHN2Zy8+"));
	size_t n = strlen(big);
	memset(big + n, 'P', sizeof big - n - 1);
	assert_false(picture_good(big));
	big[PICTURE_MAX - (PICTURE_MAX - n) % 4] = '\0';
	assert_true(picture_good(big)); /* "<" comes first: 'P' 'P' is 0x3c */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_is_escaped), cmocka_unit_test(test_every_text), cmocka_unit_test(test_codes),
	    cmocka_unit_test(test_languages),       cmocka_unit_test(test_colours),    cmocka_unit_test(test_pictures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
