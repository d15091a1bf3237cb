/* cf-cloudflared-response-headers: what unpacks packs back to something that unpacks the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/h2link.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct h2_packed p, q;
	struct buf b;
	char *text = n < 65536 ? malloc(n + 1) : NULL;
	if (!text)
		return 0;
	memcpy(text, d, n);
	text[n] = 0;
	if (h2_headers_unpack(text, &p) == 0) {
		buf_init(&b, 1u << 18);
		if (h2_headers_pack(&b, p.v, p.n) < 0 || h2_headers_unpack(buf_cstr(&b), &q) < 0 || q.n > p.n)
			abort();
		for (size_t i = 0; i < p.n; i++)
			if (strpbrk(p.v[i].name, " :\r\n") || strpbrk(p.v[i].value, "\r\n"))
				abort();
		buf_release(&q.store);
		buf_release(&p.store);
		buf_release(&b);
	}
	free(text);
	return 0;
}
