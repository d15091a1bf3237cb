/* base32: what decodes encodes back to itself but for case and padding. */
#include <ctype.h>

#include "crypto/password.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf bin, text;
	buf_init(&bin, 1 << 20);
	buf_init(&text, 1 << 21);
	if (base32_decode(&bin, (const char *)p, n) == 0) {
		MUST(base32_encode(&text, buf_ptr(&bin), buf_len(&bin)) == 0);
		MUST(buf_len(&text) <= n);
		for (size_t i = 0; i < buf_len(&text); i++)
			MUST(toupper(p[i]) == buf_ptr(&text)[i]);
		for (size_t i = buf_len(&text); i < n; i++)
			MUST(p[i] == '=');
	}
	char *s = fuzz_text(p, n);
	(void)password_hash_ok(s);
	free(s);
	buf_release(&bin);
	buf_release(&text);
	return 0;
}
