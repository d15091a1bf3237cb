/*
 * text: the words of the pages, by name, in the language of the reader. Engine; May block: no.
 *
 * Languages are rows of one table (text.c), each a file such as text_en.h. What a language lacks is said in English.
 */
#ifndef JUDGE_TEXT_H
#define JUDGE_TEXT_H

#include "core/buf.h"

enum text {
#define T(name, words) T_##name,
#include "edge/judge/text_en.h"
	T_END
};
#define TEXT_ARGS_MAX 4 /* {0} to {3} */

/* The first language of an Accept-Language header (NULL = none) that we speak; English otherwise. */
size_t text_language(const char *accept);
const char *text_get(size_t language, enum text t);
/* What a refusal means to a person; ret_next: what they can do about it, "" = nothing to say. */
const char *text_code(size_t language, int code, const char **ret_next);
/* As HTML: words and what is put into them escaped; {!n} in bold. args: as many as the text names. */
void text_html(struct buf *out, const char *words, const char *const *args, size_t nargs);
#endif
