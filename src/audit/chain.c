#include "audit/chain.h"

#include "core/clock.h"
#include "core/str.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <string.h>

/* A line is HEAD body TAIL hash END; body is what is hashed. */
#define LINE_HEAD "{\"body\":"
#define LINE_TAIL ",\"hash\":\""
#define LINE_END "\"}"
#define HEAD_LEN (sizeof LINE_HEAD - 1)
#define TAIL_LEN (sizeof LINE_TAIL - 1)
#define END_LEN (sizeof LINE_END - 1)
#define HASH_HEX 64
#define LINE_MIN (HEAD_LEN + 2 + TAIL_LEN + HASH_HEX + END_LEN)

static void
time_ms_format(int64_t ms, char out[static 40])
{
	char sec[24];

	time_format(ms / 1000, sec);
	sec[strlen(sec) - 1] = '\0'; /* the Z */
	snprintf(out, 40, "%s.%03dZ", sec, (int)(ms % 1000));
}

static int
time_ms_parse(const char *s, int64_t *ret_ms)
{
	char sec[24];
	int64_t t;
	uint64_t ms;
	char frac[4];

	if (strlen(s) != 24 || s[19] != '.' || s[23] != 'Z')
		return E_FORMAT;
	memcpy(sec, s, 19);
	memcpy(sec + 19, "Z", 2);
	memcpy(frac, s + 20, 3);
	frac[3] = '\0';
	if (time_parse(sec, &t) != 0 || str_u64(frac, 999, &ms) != 0)
		return E_FORMAT;
	*ret_ms = t * 1000 + (int64_t)ms;
	return E_OK;
}

int
audit_format(struct audit_head *head, const struct event *e, int64_t now_ms, struct buf *out)
{
	struct audit_head next = {.seq = head->seq + 1};
	char prev[HASH_HEX + 1], hash[HASH_HEX + 1], when[40];
	struct buf body;
	json_t *o = NULL, *event = NULL;
	int ret = E_NOMEM;

	buf_init(&body, BUF_MAX); /* events are ours; the limit is on the line */
	if (now_ms < 0 || head->seq >= INT64_MAX) {
		ret = E_RANGE;
		goto out;
	}
	event = event_to_json(e);
	if (!event || hex_encode_str(prev, sizeof prev, head->hash, sizeof head->hash) != 0)
		goto out;
	time_ms_format(now_ms, when);
	o = json_pack("{sI ss ss sO}", "seq", (json_int_t)next.seq, "time", when, "prev", prev, "event", event);
	if (!o)
		goto out;
	ret = json_dump(o, &body);
	if (ret == E_OK && buf_len(&body) + HEAD_LEN + TAIL_LEN + HASH_HEX + END_LEN + 1 > AUDIT_LINE_MAX)
		ret = E_LIMIT;
	if (ret != E_OK)
		goto out;
	sha256(buf_ptr(&body), buf_len(&body), next.hash);
	ret = hex_encode_str(hash, sizeof hash, next.hash, sizeof next.hash);
	if (ret != E_OK)
		goto out;
	if (buf_room(out) < buf_len(&body) + HEAD_LEN + TAIL_LEN + HASH_HEX + END_LEN + 1) {
		ret = E_LIMIT;
		goto out;
	}
	ret = buf_putf(&body, LINE_TAIL "%s" LINE_END "\n", hash);
	if (ret == E_OK) {
		uint8_t *to;

		ret = buf_reserve(out, HEAD_LEN + buf_len(&body), &to);
		if (ret == E_OK) {
			memcpy(to, LINE_HEAD, HEAD_LEN);
			memcpy(to + HEAD_LEN, buf_ptr(&body), buf_len(&body));
			buf_commit(out, HEAD_LEN + buf_len(&body));
			*head = next;
		}
	}
out:
	json_decref(event);
	json_decref(o);
	buf_release(&body);
	return ret;
}

/* Splits the line, checks form and hash. ret_body borrows from line. */
static int
line_split(const char *p, size_t n, struct slice *ret_body, uint8_t ret_hash[static 32], struct reason *r)
{
	const char *tail, *hex;
	char want[HASH_HEX + 1];
	struct buf raw;
	size_t nbody;
	int ret;

	if (n < LINE_MIN || n >= AUDIT_LINE_MAX || memcmp(p, LINE_HEAD, HEAD_LEN) != 0 ||
	    memcmp(p + n - END_LEN, LINE_END, END_LEN) != 0)
		return reason_set(r, E_FORMAT, 0, "not a record of the chain");
	hex = p + n - END_LEN - HASH_HEX;
	tail = hex - TAIL_LEN;
	if (memcmp(tail, LINE_TAIL, TAIL_LEN) != 0)
		return reason_set(r, E_FORMAT, 0, "not a record of the chain");
	nbody = (size_t)(tail - (p + HEAD_LEN));
	buf_init(&raw, 32);
	ret = hex_decode(&raw, hex, HASH_HEX);
	if (ret == E_OK) {
		sha256(p + HEAD_LEN, nbody, ret_hash);
		sha256_hex(p + HEAD_LEN, nbody, want);
		if (memcmp(hex, want, HASH_HEX) != 0) /* as text: an upper-case hash is a changed line too */
			ret = reason_set(r, E_CRYPTO, 0, "its content does not fit its hash");
	} else
		ret = reason_set(r, E_FORMAT, 0, "its hash is not hexadecimal");
	buf_release(&raw);
	if (ret == E_OK)
		*ret_body = (struct slice){(const uint8_t *)p + HEAD_LEN, nbody};
	return ret;
}

static int
prev_parse(const char *s, uint8_t out[static 32])
{
	struct buf raw;
	int ret = E_FORMAT;

	buf_init(&raw, 32);
	if (strlen(s) == HASH_HEX && hex_decode(&raw, s, HASH_HEX) == 0) {
		memcpy(out, buf_ptr(&raw), 32);
		ret = E_OK;
	}
	buf_release(&raw);
	return ret;
}

int
audit_parse(const void *line, size_t n, struct audit_record *ret_rec, struct audit_head *ret_head,
            uint8_t ret_prev[static 32], struct reason *r)
{
	struct audit_record rec = {0};
	struct audit_head head = {0};
	const char *when, *prev;
	struct slice body = {0};
	json_t *event;
	int64_t seq;
	int ret;

	ret = line_split(line, n, &body, head.hash, r);
	if (ret != E_OK)
		return ret;
	ret = json_load_strict(body.p, body.n, AUDIT_LINE_MAX, &rec.doc);
	if (ret != E_OK)
		return reason_set(r, ret == E_NOMEM ? E_NOMEM : E_FORMAT, 0, "its body is not JSON");
	if (json_get_i64(rec.doc, "seq", &seq) != 0 || seq < 1 || json_get_str(rec.doc, "time", &when) != 0 ||
	    time_ms_parse(when, &rec.time_ms) != 0 || json_get_str(rec.doc, "prev", &prev) != 0 ||
	    prev_parse(prev, ret_prev) != 0 || json_get_object(rec.doc, "event", &event) != 0 ||
	    event_from_json(event, &rec.e) != 0) {
		ret = reason_set(r, E_FORMAT, 0, "its body lacks seq, time, prev or event");
		audit_record_release(&rec);
		return ret;
	}
	rec.seq = (uint64_t)seq;
	head.seq = rec.seq;
	*ret_rec = rec;
	if (ret_head)
		*ret_head = head;
	return E_OK;
}

void
audit_record_release(struct audit_record *rec)
{
	json_decref(rec->doc);
	*rec = (struct audit_record){0};
}

int
audit_verify_line(struct audit_head *head, const void *line, size_t n, struct reason *r)
{
	struct audit_record rec = {0};
	struct audit_head next;
	struct reason why = {0};
	uint8_t prev[32];
	unsigned long long want = head->seq + 1;
	int ret = audit_parse(line, n, &rec, &next, prev, &why);

	if (ret == E_NOMEM)
		return ret;
	if (ret != E_OK)
		return reason_set(r, ret, 0, "record %llu: %s", want, why.text);
	if (rec.seq != want)
		ret = reason_set(r, E_CRYPTO, 0, "record %llu: found record %llu in its place", want,
		                 (unsigned long long)rec.seq);
	else if (memcmp(prev, head->hash, 32) != 0)
		ret = reason_set(r, E_CRYPTO, 0, "record %llu: does not continue record %llu", want, want - 1);
	else
		*head = next;
	audit_record_release(&rec);
	return ret;
}

json_t *
audit_record_json(const struct audit_record *rec)
{
	json_t *o = json_deep_copy(json_object_get(rec->doc, "event"));
	char when[40];

	time_ms_format(rec->time_ms, when);
	if (o && json_object_set_new(o, "seq", json_integer((json_int_t)rec->seq)) == 0 &&
	    json_object_set_new(o, "time", json_string(when)) == 0)
		return o;
	json_decref(o);
	return NULL;
}
