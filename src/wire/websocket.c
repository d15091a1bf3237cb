#include "wire/websocket.h"

#include <string.h>

#define CTL_MAX 125u

typedef uint8_t wide __attribute__((vector_size(32), aligned(1), may_alias));

void
ws_mask(uint8_t *d, size_t n, const uint8_t mask[static 4], unsigned phase)
{
	uint8_t key[sizeof(wide)];
	wide k;
	size_t i = 0;
	for (unsigned j = 0; j < sizeof key; j++)
		key[j] = mask[(phase + j) & 3];
	memcpy(&k, key, sizeof k);
	for (; i + sizeof(wide) <= n; i += sizeof(wide))
		*(wide *)(d + i) ^= k;
	for (; i < n; i++)
		d[i] ^= key[i % sizeof key];
}

void
ws_in_init(struct ws_in *w, enum ws_role role)
{
	memset(w, 0, sizeof *w);
	w->role = role;
}

static int
refuse(uint16_t code, const char *text, uint16_t *ret_code, struct reason *why)
{
	*ret_code = code;
	return reason_set(why, E_FORMAT, SP_BAD_REQUEST, "websocket: %s", text);
}

static unsigned
length_bytes(const uint8_t *head)
{
	unsigned len = head[1] & 0x7f;
	return len == 126 ? 2 : len == 127 ? 8 : 0;
}

/* How long the head is, as far as the bytes that are there tell. */
static unsigned
head_size(const struct ws_in *w)
{
	if (w->nhead < 2)
		return 2;
	return 2 + length_bytes(w->head) + (w->head[1] & 0x80 ? 4 : 0);
}

static bool
is_control(uint8_t op)
{
	return op & 8;
}

/* What the first two bytes alone can be refused for. NULL = nothing. */
static const char *
head_fault(const struct ws_in *w)
{
	uint8_t op = w->head[0] & 15, len = w->head[1] & 0x7f;
	bool fin = w->head[0] & 0x80, masked = w->head[1] & 0x80;
	if (w->head[0] & 0x70)
		return "reserved bit set";
	if ((op > WS_BINARY && op < WS_CLOSE) || op > WS_PONG)
		return "reserved opcode";
	if (masked != (w->role == WS_SERVER))
		return masked ? "masked frame from a server" : "unmasked frame from a client";
	if (is_control(op))
		return !fin ? "fragmented control frame" : len > CTL_MAX ? "long control frame" : NULL;
	if (op == WS_CONT && !w->in_message)
		return "continuation without a start";
	if (op != WS_CONT && w->in_message)
		return "new message inside a message";
	return NULL;
}

/* The head is complete: length and mask. */
static int
begin_frame(struct ws_in *w, uint16_t *ret_code, struct reason *why)
{
	unsigned ext = length_bytes(w->head);
	uint64_t len = w->head[1] & 0x7f;
	if (ext > 0) {
		len = 0;
		for (unsigned i = 0; i < ext; i++)
			len = len << 8 | w->head[2 + i];
		if (len < (ext == 2 ? 126u : 65536u))
			return refuse(1002, "length not in its shortest form", ret_code, why);
		if (len > WS_FRAME_MAX)
			return refuse(len >> 63 ? 1002 : 1009, "frame too large", ret_code, why);
	}
	memcpy(w->mask, w->head + 2 + ext, w->head[1] & 0x80 ? 4 : 0);
	w->left = len;
	w->phase = 0;
	w->in_frame = true;
	w->nctl = 0;
	if (!is_control(w->head[0] & 15)) {
		if (!w->in_message)
			w->starts++,
			    w->op = w->head[0] & 15; /* of the message: a control frame in between does not touch it */
		w->in_message = !(w->head[0] & 0x80);
	}
	return 0;
}

/* Takes head bytes; *ret_used of n. in_frame says whether the head is complete. */
static int
feed_head(struct ws_in *w, const uint8_t *d, size_t n, size_t *ret_used, uint16_t *ret_code, struct reason *why)
{
	size_t i = 0;
	while (i < n) {
		w->head[w->nhead++] = d[i++];
		if (w->nhead == 2) {
			const char *fault = head_fault(w);
			if (fault)
				return refuse(1002, fault, ret_code, why);
		}
		if (w->nhead >= 2 && w->nhead == head_size(w)) {
			int r = begin_frame(w, ret_code, why);
			if (r < 0)
				return r;
			w->nhead = 0;
			break;
		}
	}
	*ret_used = i;
	return 0;
}

static void
feed_data(struct ws_in *w, uint8_t *d, size_t n, size_t *ret_used, struct ws_event *ret_ev)
{
	size_t k = n < w->left ? n : (size_t)w->left;
	if (w->role == WS_SERVER)
		ws_mask(d, k, w->mask, w->phase);
	w->phase = (w->phase + (unsigned)(k & 3)) & 3;
	w->left -= k;
	w->in_frame = w->left > 0;
	*ret_used = k;
	if (k > 0) {
		ret_ev->kind = WS_EV_DATA;
		ret_ev->p = d;
		ret_ev->n = k;
		ret_ev->text = w->op == WS_TEXT;
	}
}

static bool
close_code_ok(unsigned c)
{
	return (c >= 1000 && c <= 1003) || (c >= 1007 && c <= 1014) || (c >= 3000 && c <= 4999);
}

static int
give_control(struct ws_in *w, struct ws_event *ret_ev, uint16_t *ret_code, struct reason *why)
{
	ret_ev->p = w->ctl;
	ret_ev->n = w->nctl;
	w->in_frame = false;
	switch (w->head[0] & 15) {
	case WS_PING:
		ret_ev->kind = WS_EV_PING;
		return 0;
	case WS_PONG:
		ret_ev->kind = WS_EV_PONG;
		return 0;
	default:
		break;
	}
	ret_ev->code = 1005;
	if (w->nctl > 0) {
		ret_ev->code = (uint16_t)(w->nctl > 1 ? w->ctl[0] << 8 | w->ctl[1] : 0);
		if (!close_code_ok(ret_ev->code))
			return refuse(1002, "bad close code", ret_code, why);
		ret_ev->p += 2;
		ret_ev->n -= 2;
	}
	ret_ev->kind = WS_EV_CLOSE;
	w->closed = true;
	return 0;
}

static int
feed_control(struct ws_in *w, const uint8_t *d, size_t n, size_t *ret_used, struct ws_event *ret_ev, uint16_t *ret_code,
             struct reason *why)
{
	size_t k = n < w->left ? n : (size_t)w->left;
	memcpy(w->ctl + w->nctl, d, k);
	if (w->role == WS_SERVER)
		ws_mask(w->ctl + w->nctl, k, w->mask, w->phase);
	w->phase = (w->phase + (unsigned)(k & 3)) & 3;
	w->nctl += (unsigned)k;
	w->left -= k;
	*ret_used = k;
	return w->left == 0 ? give_control(w, ret_ev, ret_code, why) : 0;
}

int
ws_in_feed(struct ws_in *w, uint8_t *d, size_t n, size_t *ret_used, struct ws_event *ret_ev, uint16_t *ret_code,
           struct reason *why)
{
	size_t at = 0, k;
	int r;
	memset(ret_ev, 0, sizeof *ret_ev);
	*ret_used = n;
	if (w->closed) /* what follows a close frame is nothing */
		return 0;
	while (at < n && ret_ev->kind == WS_EV_NONE) {
		k = 0;
		if (!w->in_frame) {
			if ((r = feed_head(w, d + at, n - at, &k, ret_code, why)) < 0)
				return r;
			at += k;
			if (!w->in_frame || (at == n && w->left > 0))
				continue;
		}
		k = 0;
		if (!is_control(w->head[0] & 15))
			feed_data(w, d + at, n - at, &k, ret_ev);
		else if ((r = feed_control(w, d + at, n - at, &k, ret_ev, ret_code, why)) < 0)
			return r;
		at += k;
	}
	*ret_used = at;
	return 0;
}

unsigned
ws_head(uint8_t head[static WS_HEAD_MAX], enum ws_op op, uint64_t len, const uint8_t *mask)
{
	unsigned n = 2, bytes = len < 126 ? 0 : len < 65536 ? 2 : 8;
	head[0] = (uint8_t)(0x80 | op);
	head[1] = (uint8_t)((mask ? 0x80 : 0) | (bytes == 0 ? (unsigned)len : bytes == 2 ? 126u : 127u));
	while (bytes > 0)
		head[n++] = (uint8_t)(len >> (8 * --bytes));
	if (mask) {
		memcpy(head + n, mask, 4);
		n += 4;
	}
	return n;
}

int
ws_put_frame(struct buf *out, enum ws_op op, const void *p, size_t n, const uint8_t *mask)
{
	uint8_t *room;
	int r = buf_reserve(out, WS_HEAD_MAX + n, &room);
	if (r < 0)
		return r;
	uint8_t head[WS_HEAD_MAX];
	unsigned k = ws_head(head, op, n, mask);
	memcpy(room, head, k);
	if (n > 0)
		memcpy(room + k, p, n);
	if (mask)
		ws_mask(room + k, n, mask, 0);
	buf_commit(out, k + n);
	return 0;
}

int
ws_put_close(struct buf *out, uint16_t code, const char *text, const uint8_t *mask)
{
	uint8_t body[CTL_MAX];
	size_t n = text ? strlen(text) : 0;
	if (n > sizeof body - 2)
		n = sizeof body - 2;
	body[0] = (uint8_t)(code >> 8);
	body[1] = (uint8_t)code;
	if (n > 0)
		memcpy(body + 2, text, n);
	return ws_put_frame(out, WS_CLOSE, body, n + 2, mask);
}
