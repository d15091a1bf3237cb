#include "edge/judge/text.h"

#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/url.h"

static const char *const english[T_END] = {
#define T(name, words) [T_##name] = (words),
#include "edge/judge/text_en.h"
};

struct code_text {
	int code;
	const char *words, *next;
};
static const struct code_text english_codes[] = {
#define C(code, words, next) {(code), (words), (next)},
#include "edge/judge/text_en.h"
    {0},
};

/* English first: it is complete, and what is asked when nothing else fits. */
static const struct {
	const char *tag;
	const char *const *words;
	const struct code_text *codes;
} languages[] = {{"en", english, english_codes}};
#define NLANGUAGES (sizeof languages / sizeof *languages)

/* Readers list what they like best first; weights are not read: nearly everybody writes them falling. */
size_t
text_language(const char *accept)
{
	const char *p = accept ? accept : "";

	while (*p) {
		p += strspn(p, " \t,");
		size_t n = strcspn(p, ",;- \t");
		for (size_t i = 0; n && i < NLANGUAGES; i++)
			if (strlen(languages[i].tag) == n && !strncasecmp(languages[i].tag, p, n))
				return i;
		p += strcspn(p, ",");
	}
	return 0;
}

const char *
text_get(size_t language, enum text t)
{
	const char *words = language < NLANGUAGES ? languages[language].words[t] : NULL;
	return words ? words : english[t];
}

static const struct code_text *
code_find(const struct code_text *t, int code)
{
	while (t->code && t->code != code)
		t++;
	return t->code ? t : NULL;
}

const char *
text_code(size_t language, int code, const char **ret_next)
{
	const struct code_text *t = code_find(languages[language < NLANGUAGES ? language : 0].codes, code);

	if (!t && !(t = code_find(english_codes, code)))
		t = code_find(english_codes, SP_INTERNAL);
	if (ret_next)
		*ret_next = t->next;
	return t->words;
}

void
text_html(struct buf *out, const char *words, const char *const *args, size_t nargs)
{
	char piece[2] = "";

	while (*words) {
		const char *p = words + 1;
		bool bold = *words == '{' && *p == '!';
		p += bold;
		if (*words == '{' && *p >= '0' && (size_t)(*p - '0') < nargs && p[1] == '}') {
			buf_put_str(out, bold ? "<strong>" : "");
			html_escape(out, args[*p - '0']);
			buf_put_str(out, bold ? "</strong>" : "");
			words = p + 2;
			continue;
		}
		piece[0] = *words++;
		html_escape(out, piece);
	}
}
