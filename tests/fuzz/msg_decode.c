/* A message of every kind of field: what decodes, encodes to the very same bytes. */
#include "fuzz.h"
#include "msg/msg.h"

#define ALL_KINDS(F, S)            \
	F(S, BOOL, flag, 1)        \
	F(S, U32, small, 3600)     \
	F(S, U64, large, 1000000)  \
	F(S, I64, time, INT64_MAX) \
	F(S, STR, text, 16) F(S, DATA, bytes, 16) F(S, SECRET, secret, 16) F(S, STRS, list, 8)
MSG_DECLARE(fuzz_all, ALL_KINDS)
MSG_DEFINE(fuzz_all, 1, ALL_KINDS)

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fuzz_all m;
	struct arena a;
	struct buf out;

	arena_init(&a, 1 << 20);
	if (msg_decode(&fuzz_all_def, (struct slice){p, n}, &a, &m) == 0) {
		MUST(m.small <= 3600 && m.large <= 1000000 && strlen(m.text) <= 16 && m.bytes.n <= 16);
		buf_init(&out, BUF_MAX);
		MUST(msg_encode(&fuzz_all_def, &m, &out) == 0);
		MUST(slice_eq(buf_slice(&out), (struct slice){p, n}));
		buf_release(&out);
	}
	arena_release(&a);
	return 0;
}
