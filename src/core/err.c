#include "core/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const char *const texts[] = {
    "no error",
    "out of memory",
    "input ends too early",
    "malformed input",
    "over a limit",
    "number out of range",
    "not found",
    "exists already",
    "refused",
    "expired",
    "does not verify",
    "system error",
    "busy, try again",
    "not permitted in this state",
    "changed meanwhile",
    "timed out",
    "closed by the other side",
    "outcome unknown",
};

const char *
err_str(int e)
{
	size_t i = e <= 0 && e > -100 ? (size_t)-e : sizeof texts;

	return i < sizeof texts / sizeof *texts ? texts[i] : "unknown error";
}

int
reason_set(struct reason *r, int e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!r)
		return e;
	r->code = code;
	va_start(ap, fmt);
	if (vsnprintf(r->text, sizeof r->text, fmt, ap) < 0)
		r->text[0] = '\0';
	va_end(ap);
	for (char *p = r->text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return e;
}
