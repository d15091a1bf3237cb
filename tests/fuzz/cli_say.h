/* What the client's parsers say on a bad input: formatted, as always, but kept off standard error. */
#ifndef FUZZ_CLI_SAY_H
#define FUZZ_CLI_SAY_H

#include <stdarg.h>
#include <stdio.h>

#include "cli/common/cli.h"

static unsigned said;

int
cli_fail(int code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	said++;
	return 1;
}

void
cli_note(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
}

#endif
