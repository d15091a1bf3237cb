/*
 * msg: typed messages between our processes. One field list makes both the C struct and the codec table.
 *
 *   #define JS_CERT_SIGN(F, S) F(S, STR, app_token, 8192) F(S, DATA, public_key, 16384) F(S, U32, ttl, 3600)
 *   MSG_DECLARE(js_cert_sign, JS_CERT_SIGN)         in the pair's header: struct + extern table
 *   MSG_DEFINE(js_cert_sign, 0x0301, JS_CERT_SIGN)  in the pair's .c
 *
 * The last argument of a field is a maximum: bytes for STR, DATA and every element of STRS, value for U32/U64,
 * magnitude for I64. A maximum exceeded, a byte left over, a NUL inside STR, a bool that is not 0 or 1: E_FORMAT, and
 * the peer that sent it is closed. Wire: fields in order; STR/DATA = u32 length + bytes (STR with its NUL); STRS = u32
 * count + STRs; SECRET is DATA that is wiped after the handler. Decoded pointers borrow from the message and its arena:
 * valid during the handler only; str_dup what must live on. An absent STR is "" and never NULL; encode takes NULL as
 * "".
 */
#ifndef MSG_MSG_H
#define MSG_MSG_H

#include "core/arena.h"
#include "core/buf.h"

#define MSG_BYTES_MAX (2u << 20) /* one message on the wire */
#define MSG_STRS_MAX 8192u

struct strs {
	const char **v;
	size_t n;
};

enum msg_kind { MSG_BOOL, MSG_U32, MSG_U64, MSG_I64, MSG_STR, MSG_DATA, MSG_SECRET, MSG_STRS };

struct msg_field {
	const char *name;
	enum msg_kind kind;
	size_t off;
	uint64_t max;
};
struct msg_def {
	uint16_t type;
	const char *name;
	size_t size; /* of the struct */
	const struct msg_field *f;
	size_t nf;
};

#define MSG_CTYPE_BOOL bool
#define MSG_CTYPE_U32 uint32_t
#define MSG_CTYPE_U64 uint64_t
#define MSG_CTYPE_I64 int64_t
#define MSG_CTYPE_STR const char *
#define MSG_CTYPE_DATA struct slice
#define MSG_CTYPE_SECRET struct slice
#define MSG_CTYPE_STRS struct strs

#define MSG_MEMBER_(S, kind, name, max) MSG_CTYPE_##kind name;
#define MSG_ROW_(S, kind, name, max) {#name, MSG_##kind, offsetof(struct S, name), max},

#define MSG_DECLARE(m, FIELDS)         \
	struct m {                     \
		FIELDS(MSG_MEMBER_, m) \
		char msg_end_;         \
	};                             \
	extern const struct msg_def m##_def;

/* The type, four lower-case hex digits, is the name of a symbol: two messages of one type do not build. */
#define MSG_DEFINE(m, typ, FIELDS)                                                                \
	extern const char msg_type_##typ;                                                         \
	const char msg_type_##typ = 0;                                                            \
	static const struct msg_field m##_fields[] = {FIELDS(MSG_ROW_, m){NULL, MSG_BOOL, 0, 0}}; \
	const struct msg_def m##_def = {typ, #m, sizeof(struct m), m##_fields,                    \
	                                sizeof m##_fields / sizeof *m##_fields - 1};

int msg_encode(const struct msg_def *d, const void *m, struct buf *out);
int msg_decode(const struct msg_def *d, struct slice wire, struct arena *a, void *ret_m); /* ret_m has d->size bytes */

#endif
