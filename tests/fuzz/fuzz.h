/* What every target shares. A target may abort() only on a broken promise of ours, never on bad input. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* The input as text; the caller frees it. Bytes after a NUL are lost, as they are to the function under test. */
static inline char *
fuzz_text(const uint8_t *p, size_t n)
{
	char *s = malloc(n + 1);

	MUST(s);
	if (n)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

#endif
