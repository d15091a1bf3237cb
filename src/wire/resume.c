#include "wire/resume.h"

#include <stdlib.h>
#include <string.h>

#include "core/secret.h"
#include "crypto/hash.h"

#define VERSION 1
#define CHUNKS_MAX (RESUME_BUFFER_MAX / RESUME_CHUNK + 1) /* the first and the last may be partly used */
#define MAC_LEN SHA256_LEN

/* --- records ---------------------------------------------------------------------------------------------------- */

/* Payload of each control record; DATA has any. */
static size_t
length_of(uint8_t type)
{
	switch (type) {
	case RESUME_HELLO:
		return 1 + 32;
	case RESUME_WELCOME:
		return RESUME_ID_LEN + 32 + 4;
	case RESUME_BACK:
		return 1 + RESUME_ID_LEN + 4 + 8 + MAC_LEN;
	case RESUME_AGAIN:
		return 8 + MAC_LEN;
	case RESUME_ACK:
	case RESUME_END:
		return 8;
	default:
		return 0; /* GONE */
	}
}

static bool
known(uint8_t type)
{
	return (type >= RESUME_HELLO && type <= RESUME_GONE) || (type >= RESUME_DATA && type <= RESUME_END);
}

static int
begin_record(struct resume_in *in)
{
	in->left = (size_t)in->head[1] << 16 | (size_t)in->head[2] << 8 | in->head[3];
	if (!known(in->head[0]))
		return E_FORMAT;
	if (in->head[0] == RESUME_DATA ? in->left == 0 || in->left > RESUME_DATA_MAX
	                               : in->left != length_of(in->head[0]))
		return E_FORMAT;
	in->in_record = true;
	in->ncontrol = 0;
	return 0;
}

int
resume_in_feed(struct resume_in *in, uint8_t *d, size_t n, size_t *ret_used, struct resume_record *ret_r)
{
	size_t used = 0, take;
	int e;

	*ret_r = (struct resume_record){0};
	while (!in->in_record && used < n) {
		in->head[in->nhead++] = d[used++];
		if (in->nhead < RESUME_HEAD)
			continue;
		in->nhead = 0;
		if ((e = begin_record(in)) < 0)
			return e;
	}
	*ret_used = used;
	if (!in->in_record || (used == n && in->left))
		return 0;
	take = n - used < in->left ? n - used : in->left;
	in->left -= take;
	*ret_used = used + take;
	in->in_record = in->left > 0;
	if (in->head[0] == RESUME_DATA) {
		*ret_r = (struct resume_record){RESUME_DATA, d + used, take};
		return 0;
	}
	memcpy(in->control + in->ncontrol, d + used, take);
	in->ncontrol += take;
	if (!in->in_record)
		*ret_r = (struct resume_record){in->head[0], in->control, in->ncontrol};
	return 0;
}

void
resume_data_head(uint8_t head[static RESUME_HEAD], size_t n)
{
	head[0] = RESUME_DATA;
	head[1] = (uint8_t)(n >> 16);
	head[2] = (uint8_t)(n >> 8);
	head[3] = (uint8_t)n;
}

static int
put_head(struct buf *out, uint8_t type)
{
	uint8_t *p;
	int e = buf_reserve(out, RESUME_HEAD + length_of(type), &p); /* then what follows has its room */

	if (e < 0)
		return e;
	p[0] = type;
	p[1] = p[2] = 0;
	p[3] = (uint8_t)length_of(type);
	buf_commit(out, RESUME_HEAD);
	return 0;
}

static int
put_number(struct buf *out, uint8_t type, uint64_t v)
{
	int e = put_head(out, type);

	return e < 0 ? e : buf_put_u64(out, v);
}

/* --- the session ------------------------------------------------------------------------------------------------- */

struct resume {
	bool client, ended, all_in;
	enum resume_state state;
	struct box_key eph; /* client, until WELCOME */
	uint8_t key[SHA256_LEN], id[RESUME_ID_LEN];
	uint32_t grace_s, attempt;
	uint64_t rx, rx_said;       /* received; of that, acknowledged */
	uint64_t tx, tx_seen;       /* sent; of that, known to have arrived */
	uint8_t *chunk[CHUNKS_MAX]; /* the first holds byte tx_seen */
	size_t nchunks;
};

/* Both sides of the exchange and the id go in: a key belongs to one session between these two. */
static int
agree(struct resume *r, const struct box_key *mine, const uint8_t theirs[static 32])
{
	uint8_t shared[32], text[18 + RESUME_ID_LEN + 64];
	const uint8_t *c = r->client ? mine->pub : theirs, *s = r->client ? theirs : mine->pub;
	int e = box_shared(mine, theirs, shared);

	if (e < 0)
		return e;
	memcpy(text, RESUME_PROTOCOL, 18);
	memcpy(text + 18, r->id, RESUME_ID_LEN);
	memcpy(text + 18 + RESUME_ID_LEN, c, 32);
	memcpy(text + 18 + RESUME_ID_LEN + 32, s, 32);
	hmac_sha256((struct slice){shared, 32}, (struct slice){text, sizeof text}, r->key);
	mem_wipe(shared, sizeof shared);
	return 0;
}

int
resume_client_new(struct box_key *eph, struct resume **ret_r, struct buf *out)
{
	struct resume *r = calloc(1, sizeof *r);
	int e = r ? put_head(out, RESUME_HELLO) : E_NOMEM;

	if (e == 0)
		e = buf_put_u8(out, VERSION);
	if (e == 0)
		e = buf_put(out, eph->pub, 32);
	if (e < 0) {
		free(r);
		return e;
	}
	r->client = true;
	r->state = RESUME_OPENING;
	r->eph = *eph;
	box_key_release(eph);
	*ret_r = r;
	return 0;
}

int
resume_connector_new(const struct resume_record *hello, struct box_key *eph, const uint8_t id[static RESUME_ID_LEN],
                     uint32_t grace_s, struct resume **ret_r, struct buf *out)
{
	struct resume *r = NULL;
	int e = hello->type == RESUME_HELLO && hello->p[0] == VERSION ? 0 : E_FORMAT;

	if (e == 0 && !(r = calloc(1, sizeof *r)))
		e = E_NOMEM;
	if (e < 0)
		goto out;
	r->state = RESUME_LIVE;
	r->grace_s = grace_s;
	memcpy(r->id, id, RESUME_ID_LEN);
	e = agree(r, eph, hello->p + 1);
	if (e == 0)
		e = put_head(out, RESUME_WELCOME);
	if (e == 0)
		e = buf_put(out, id, RESUME_ID_LEN);
	if (e == 0)
		e = buf_put(out, eph->pub, 32);
	if (e == 0)
		e = buf_put_u32(out, grace_s);
	if (e == 0) {
		*ret_r = r;
		r = NULL;
	}
out:
	box_key_release(eph);
	resume_free(r);
	return e;
}

void
resume_free(struct resume *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nchunks; i++)
		free(r->chunk[i]);
	box_key_release(&r->eph);
	mem_wipe(r->key, sizeof r->key);
	free(r);
}

enum resume_state
resume_state(const struct resume *r)
{
	return r->state;
}

const uint8_t *
resume_id(const struct resume *r)
{
	return r->id;
}

uint32_t
resume_grace_s(const struct resume *r)
{
	return r->grace_s;
}

/* --- what was sent ----------------------------------------------------------------------------------------------- */

size_t
resume_room(const struct resume *r)
{
	return RESUME_BUFFER_MAX - (size_t)(r->tx - r->tx_seen);
}

/* Where byte `at` lies, counted from the begin of the first chunk: chunks begin at multiples of their size. */
static size_t
place(const struct resume *r, uint64_t at)
{
	return (size_t)(at - r->tx_seen / RESUME_CHUNK * RESUME_CHUNK);
}

int
resume_sent(struct resume *r, const void *p, size_t n)
{
	const uint8_t *d = p;

	if (r->ended)
		return E_STATE;
	if (n > resume_room(r))
		return E_LIMIT;
	while (n) {
		size_t at = place(r, r->tx), i = at / RESUME_CHUNK, off = at % RESUME_CHUNK,
		       take = RESUME_CHUNK - off < n ? RESUME_CHUNK - off : n;
		if (i == r->nchunks) {
			if (!(r->chunk[i] = malloc(RESUME_CHUNK)))
				return E_NOMEM;
			r->nchunks++;
		}
		memcpy(r->chunk[i] + off, d, take);
		r->tx += take;
		d += take;
		n -= take;
	}
	return 0;
}

/* The other side has everything before `to`. */
static int
seen(struct resume *r, uint64_t to)
{
	size_t gone;

	if (to < r->tx_seen || to > r->tx)
		return E_RANGE;
	gone = (size_t)(to / RESUME_CHUNK - r->tx_seen / RESUME_CHUNK);
	r->tx_seen = to;
	if (to == r->tx)
		gone = r->nchunks; /* an idle session holds nothing */
	for (size_t i = 0; i < gone; i++)
		free(r->chunk[i]);
	r->nchunks -= gone;
	memmove(r->chunk, r->chunk + gone, r->nchunks * sizeof *r->chunk);
	return 0;
}

size_t
resume_unseen(struct resume *r, uint64_t *at, const uint8_t **ret_p)
{
	uint64_t from = r->tx_seen + *at;
	size_t where, n;

	if (from >= r->tx)
		return 0;
	where = place(r, from);
	n = RESUME_CHUNK - where % RESUME_CHUNK;
	if (n > r->tx - from)
		n = (size_t)(r->tx - from);
	*ret_p = r->chunk[where / RESUME_CHUNK] + where % RESUME_CHUNK;
	*at += n;
	return n;
}

/* --- what was received ------------------------------------------------------------------------------------------- */

bool
resume_received(struct resume *r, size_t n)
{
	r->rx += n;
	return r->rx - r->rx_said >= RESUME_ACK_EVERY;
}

int
resume_ack(struct resume *r, struct buf *out)
{
	int e = put_number(out, RESUME_ACK, r->rx);

	if (e == 0)
		r->rx_said = r->rx;
	return e;
}

int
resume_end(struct resume *r, struct buf *out)
{
	r->ended = true;
	return r->state == RESUME_LIVE || r->state == RESUME_OPENING ? put_number(out, RESUME_END, r->tx) : 0;
}

/* --- control records --------------------------------------------------------------------------------------------- */

static uint64_t
number(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void
mac(const struct resume *r, const char *who, const void *p, size_t n, uint8_t out[static MAC_LEN])
{
	uint8_t text[1 + RESUME_CONTROL_MAX];

	text[0] = (uint8_t)*who; /* 'c' or 's': neither side's words serve the other */
	memcpy(text + 1, p, n);
	hmac_sha256((struct slice){r->key, sizeof r->key}, (struct slice){text, 1 + n}, out);
}

static int
on_welcome(struct resume *r, const struct resume_record *rec, struct reason *why)
{
	const uint8_t *g = rec->p + RESUME_ID_LEN + 32;
	int e;

	if (!r->client || r->state != RESUME_OPENING)
		return reason_set(why, E_STATE, SP_TUNNEL_PROTOCOL, "WELCOME out of turn");
	memcpy(r->id, rec->p, RESUME_ID_LEN);
	e = agree(r, &r->eph, rec->p + RESUME_ID_LEN);
	box_key_release(&r->eph);
	if (e < 0)
		return reason_set(why, e, SP_TUNNEL_PROTOCOL, "the connector's public key is of no use");
	r->grace_s = (uint32_t)g[0] << 24 | (uint32_t)g[1] << 16 | (uint32_t)g[2] << 8 | g[3];
	r->state = RESUME_LIVE;
	return 0;
}

/* The answer to our BACK: MAC over its number and ours, so that one attempt's answer serves no other. */
static void
again_mac(const struct resume *r, uint64_t theirs, uint8_t out[static MAC_LEN])
{
	uint8_t text[12];

	for (int i = 0; i < 8; i++)
		text[i] = (uint8_t)(theirs >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		text[8 + i] = (uint8_t)(r->attempt >> (24 - 8 * i));
	mac(r, "s", text, sizeof text, out);
}

static int
on_again(struct resume *r, const struct resume_record *rec, struct reason *why)
{
	uint8_t want[MAC_LEN];

	if (!r->client || r->state != RESUME_JOINING)
		return reason_set(why, E_STATE, SP_TUNNEL_PROTOCOL, "AGAIN out of turn");
	again_mac(r, number(rec->p), want);
	if (!mem_eq_ct(want, rec->p + 8, MAC_LEN))
		return reason_set(why, E_CRYPTO, SP_TUNNEL_PROTOCOL, "AGAIN is not of our connector");
	if (seen(r, number(rec->p)) < 0)
		return reason_set(why, E_RANGE, SP_TUNNEL_PROTOCOL, "AGAIN names bytes that were never sent");
	r->state = RESUME_LIVE;
	return 0;
}

static int
on_end(struct resume *r, const struct resume_record *rec, enum resume_event *ret_ev, struct reason *why)
{
	if (number(rec->p) != r->rx)
		return reason_set(why, E_RANGE, SP_TUNNEL_PROTOCOL, "END after %llu bytes, of which %llu came",
		                  (unsigned long long)number(rec->p), (unsigned long long)r->rx);
	*ret_ev = r->all_in ? RESUME_EV_NONE : RESUME_EV_END;
	r->all_in = true;
	return 0;
}

int
resume_control(struct resume *r, const struct resume_record *rec, enum resume_event *ret_ev, struct reason *why)
{
	int e = 0;

	*ret_ev = RESUME_EV_NONE;
	if (rec->type == RESUME_WELCOME) {
		if ((e = on_welcome(r, rec, why)) == 0)
			*ret_ev = RESUME_EV_OPEN;
	} else if (rec->type == RESUME_AGAIN) {
		if ((e = on_again(r, rec, why)) == 0)
			*ret_ev = RESUME_EV_REPLAY;
	} else if (rec->type == RESUME_GONE) {
		if (!r->client || r->state != RESUME_JOINING)
			return reason_set(why, E_STATE, SP_TUNNEL_PROTOCOL, "GONE out of turn");
		*ret_ev = RESUME_EV_GONE;
	} else if (r->state != RESUME_LIVE) {
		e = reason_set(why, E_STATE, SP_TUNNEL_PROTOCOL, "record %u before the session is joined", rec->type);
	} else if (rec->type == RESUME_ACK) {
		*ret_ev = RESUME_EV_ROOM;
		if (seen(r, number(rec->p)) < 0)
			e = reason_set(why, E_RANGE, SP_TUNNEL_PROTOCOL, "ACK names bytes that were never sent");
	} else if (rec->type == RESUME_END) {
		e = on_end(r, rec, ret_ev, why);
	} else {
		e = reason_set(why, E_STATE, SP_TUNNEL_PROTOCOL, "record %u out of turn", rec->type);
	}
	return e;
}

/* --- legs -------------------------------------------------------------------------------------------------------- */

int
resume_lost(struct resume *r)
{
	if (r->state == RESUME_OPENING)
		return E_STATE;
	r->state = RESUME_LOST;
	return 0;
}

int
resume_back(struct resume *r, struct buf *out)
{
	uint8_t tag[MAC_LEN];
	size_t begin = buf_len(out);
	int e;

	if (!r->client || r->state != RESUME_LOST || r->attempt == UINT32_MAX)
		return E_STATE;
	r->attempt++;
	e = put_head(out, RESUME_BACK);
	if (e == 0)
		e = buf_put_u8(out, VERSION);
	if (e == 0)
		e = buf_put(out, r->id, RESUME_ID_LEN);
	if (e == 0)
		e = buf_put_u32(out, r->attempt);
	if (e == 0)
		e = buf_put_u64(out, r->rx);
	if (e < 0)
		return e;
	mac(r, "c", buf_ptr(out) + begin + RESUME_HEAD, length_of(RESUME_BACK) - MAC_LEN, tag);
	r->rx_said = r->rx;
	r->state = RESUME_JOINING;
	return buf_put(out, tag, MAC_LEN);
}

int
resume_back_id(const struct resume_record *back, uint8_t ret_id[static RESUME_ID_LEN])
{
	if (back->type != RESUME_BACK || back->p[0] != VERSION)
		return E_FORMAT;
	memcpy(ret_id, back->p + 1, RESUME_ID_LEN);
	return 0;
}

int
resume_rejoin(struct resume *r, const struct resume_record *back, struct buf *out, struct reason *why)
{
	uint8_t tag[MAC_LEN], id[RESUME_ID_LEN];
	const uint8_t *a = back->p + 1 + RESUME_ID_LEN;
	uint32_t attempt;
	int e;

	if (r->client || resume_back_id(back, id) < 0 || !mem_eq_ct(id, r->id, RESUME_ID_LEN))
		return reason_set(why, E_FORMAT, SP_TUNNEL_PROTOCOL, "BACK for another session");
	mac(r, "c", back->p, length_of(RESUME_BACK) - MAC_LEN, tag);
	if (!mem_eq_ct(tag, back->p + length_of(RESUME_BACK) - MAC_LEN, MAC_LEN))
		return reason_set(why, E_CRYPTO, SP_TUNNEL_PROTOCOL,
		                  "BACK is not of the client that began the session");
	attempt = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
	if (attempt <= r->attempt) /* somebody who carried an earlier one says it again */
		return reason_set(why, E_RANGE, SP_TUNNEL_PROTOCOL, "BACK was used before");
	if (number(a + 4) < r->tx_seen || number(a + 4) > r->tx)
		return reason_set(why, E_RANGE, SP_TUNNEL_PROTOCOL, "BACK names bytes that were never sent");
	r->attempt = attempt;
	again_mac(r, r->rx, tag);
	e = put_number(out, RESUME_AGAIN, r->rx);
	if (e == 0)
		e = buf_put(out, tag, MAC_LEN);
	if (e < 0)
		return reason_set(why, e, SP_INTERNAL, "no memory");
	(void)seen(r, number(a + 4));
	r->rx_said = r->rx;
	r->state = RESUME_LIVE;
	return 0;
}

int
resume_gone(struct buf *out)
{
	return put_head(out, RESUME_GONE);
}
