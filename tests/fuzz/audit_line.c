/* Lines of the audit chain: any bytes are a record or refused; a record that we write verifies, and with one bit
 * changed it does not. */
#include "audit/chain.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "fuzz.h"

/* The input as the body of a line whose hash is right: past the hash, the body is no less hostile. */
static void
framed(const uint8_t *p, size_t n)
{
	struct audit_head head = {0}, other = {.seq = 6};
	struct audit_record rec;
	struct reason r = {0};
	uint8_t sum[32], prev[32];
	char hex[65];
	struct buf line;

	buf_init(&line, 1u << 20);
	sha256(p, n, sum);
	MUST(hex_encode_str(hex, sizeof hex, sum, sizeof sum) == 0);
	MUST(buf_put_str(&line, "{\"body\":") == 0 && buf_put(&line, p, n) == 0 &&
	     buf_putf(&line, ",\"hash\":\"%s\"}", hex) == 0);
	if (audit_parse(buf_ptr(&line), buf_len(&line), &rec, NULL, prev, &r) == 0) {
		MUST(rec.seq && rec.doc);
		json_t *j = audit_record_json(&rec);
		MUST(j);
		json_decref(j);
		if (audit_verify_line(&head, buf_ptr(&line), buf_len(&line), &r) == 0)
			MUST(rec.seq == 1 && head.seq == 1);
		if (audit_verify_line(&other, buf_ptr(&line), buf_len(&line), &r) == 0)
			MUST(rec.seq == 7);
		audit_record_release(&rec);
	} else {
		MUST(r.text[0]);
	}
	buf_release(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct audit_head head = {0}, after;
	struct audit_record rec;
	struct reason r = {0};
	char *s = fuzz_text(p, n);
	struct event e = {.kind = n ? (enum event_kind)(p[0] % EVENT_KINDS) : EVENT_LOGIN, .actor = s, .why = s};
	uint8_t prev[32];
	struct buf out;

	if (audit_parse(p, n, &rec, &after, prev, &r) == 0) {
		json_t *j = audit_record_json(&rec);
		MUST(j);
		json_decref(j);
		audit_record_release(&rec);
	}
	audit_verify_line(&head, p, n, &r);
	if (n < 4096)
		framed(p, n);
	head = (struct audit_head){0};
	buf_init(&out, 1 << 20);
	if (n < 4096) {
		size_t len;
		uint8_t *line;

		MUST(audit_format(&head, &e, 1, &out) == 0);
		len = buf_len(&out) - 1;
		MUST(memchr(buf_ptr(&out), '\n', len) == NULL); /* one record, one line, whatever is in it */
		after = (struct audit_head){0};
		MUST(audit_verify_line(&after, buf_ptr(&out), len, &r) == 0 && memcmp(&after, &head, sizeof head) == 0);
		line = malloc(len);
		MUST(line);
		memcpy(line, buf_ptr(&out), len);
		line[(n * 31 + (n ? p[n - 1] : 0)) % len] ^= (uint8_t)(1 << (n % 8));
		after = (struct audit_head){0};
		MUST(audit_verify_line(&after, line, len, &r) != 0);
		free(line);
	}
	buf_release(&out);
	free(s);
	return 0;
}
