/* Base64 and hex: what decodes, encodes back to the very same text. */
#include "core/str.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf raw, back;

	for (int k = B64_STD; k <= B64_URL_PAD; k++) {
		buf_init(&raw, BUF_MAX);
		buf_init(&back, BUF_MAX);
		if (b64_decode(&raw, (enum b64_kind)k, (const char *)p, n) == 0) {
			MUST(b64_encode(&back, (enum b64_kind)k, buf_ptr(&raw), buf_len(&raw)) == 0);
			MUST(slice_eq(buf_slice(&back), (struct slice){p, n}));
		} else {
			MUST(buf_len(&raw) == 0);
		}
		buf_release(&raw);
		buf_release(&back);
	}
	buf_init(&raw, BUF_MAX);
	buf_init(&back, BUF_MAX);
	if (hex_decode(&raw, (const char *)p, n) == 0) {
		MUST(hex_encode(&back, buf_ptr(&raw), buf_len(&raw)) == 0);
		MUST(buf_len(&back) == n);
	}
	buf_release(&raw);
	buf_release(&back);
	return 0;
}
