#include "resume_kit.h"

#include <stdlib.h>
#include <string.h>

#define BOUND (32u << 20)

uint8_t
pattern(uint64_t at, bool client)
{
	return (uint8_t)(at * 31 + at / 253 + client);
}

static void
key(struct box_key *k)
{
	box_key_generate(k);
}

void
world_begin(struct world *w)
{
	struct box_key k;

	memset(w, 0, sizeof *w);
	buf_init(&w->c.wire, BOUND);
	buf_init(&w->s.wire, BOUND);
	key(&k);
	if (resume_client_new(&k, &w->c.r, &w->c.wire) < 0)
		abort();
	w->up = true;
}

void
world_end(struct world *w)
{
	resume_free(w->c.r);
	resume_free(w->s.r);
	buf_release(&w->c.wire);
	buf_release(&w->s.wire);
}

size_t
end_send(struct end *e, bool client, size_t n)
{
	uint8_t d[4096], head[RESUME_HEAD];
	size_t done = 0;

	while (e->r && !e->ended && done < n && resume_room(e->r)) {
		size_t k = n - done < sizeof d ? n - done : sizeof d;
		if (k > resume_room(e->r))
			k = resume_room(e->r);
		for (size_t i = 0; i < k; i++)
			d[i] = pattern(e->sent + i, client);
		if (resume_sent(e->r, d, k) < 0)
			abort();
		resume_data_head(head, k);
		if (resume_state(e->r) == RESUME_LIVE || resume_state(e->r) == RESUME_OPENING)
			if (buf_put(&e->wire, head, sizeof head) < 0 || buf_put(&e->wire, d, k) < 0)
				abort();
		e->sent += k;
		done += k;
	}
	return done;
}

void
end_finish(struct end *e)
{
	e->ended = true;
	if (e->r && resume_end(e->r, &e->wire) < 0)
		abort();
}

static void
replay(struct end *e)
{
	const uint8_t *p;
	uint8_t head[RESUME_HEAD];
	uint64_t at = 0;
	size_t n;

	while ((n = resume_unseen(e->r, &at, &p))) {
		resume_data_head(head, n);
		if (buf_put(&e->wire, head, sizeof head) < 0 || buf_put(&e->wire, p, n) < 0)
			abort();
	}
	if (e->ended && resume_end(e->r, &e->wire) < 0)
		abort();
	e->replays++;
}

static int
first_of_connector(struct world *w, const struct resume_record *rec)
{
	uint8_t id[RESUME_ID_LEN] = {1};
	struct box_key k;
	int e;

	if (rec->type == RESUME_HELLO && !w->s.r) {
		key(&k);
		memcpy(id, &w->next_id, sizeof w->next_id);
		return resume_connector_new(rec, &k, id, 60, &w->s.r, &w->s.wire);
	}
	if (!w->s.r)
		return E_STATE;
	buf_clear(&w->s.wire);
	if ((e = resume_rejoin(w->s.r, rec, &w->s.wire, &w->why)) < 0)
		return e;
	replay(&w->s);
	return 0;
}

static int
take(struct world *w, struct end *e, const struct resume_record *rec)
{
	enum resume_event ev;
	bool client = e == &w->c;
	int r;

	if (rec->type == RESUME_DATA) {
		if (!e->r)
			return E_STATE;
		for (size_t i = 0; i < rec->n; i++)
			if (rec->p[i] != pattern(e->got + i, !client))
				abort(); /* altered, doubled or lost */
		e->got += rec->n;
		return resume_received(e->r, rec->n) ? resume_ack(e->r, &e->wire) : 0;
	}
	if (!client && (rec->type == RESUME_HELLO || rec->type == RESUME_BACK))
		return first_of_connector(w, rec);
	if (!e->r)
		return E_STATE;
	r = resume_control(e->r, rec, &ev, &w->why);
	if (r < 0)
		return r;
	e->opens += ev == RESUME_EV_OPEN;
	e->gone |= ev == RESUME_EV_GONE;
	e->all_in |= ev == RESUME_EV_END;
	if (ev == RESUME_EV_REPLAY)
		replay(e);
	return 0;
}

static bool
deliver(struct world *w, struct end *from, struct end *to, size_t n)
{
	size_t k = buf_len(&from->wire) < n ? buf_len(&from->wire) : n, used;
	struct resume_record rec;
	uint8_t *d = malloc(k + 1), *p = d;

	if (!d)
		abort();
	memcpy(d, buf_ptr(&from->wire), k);
	buf_skip(&from->wire, k);
	w->error = 0;
	while (k && w->error == 0) {
		used = 0;
		w->error = resume_in_feed(&to->in, p, k, &used, &rec);
		p += used;
		k -= used;
		if (w->error == 0 && rec.type)
			w->error = take(w, to, &rec);
	}
	free(d);
	return w->error == 0;
}

bool
world_up(struct world *w)
{
	return deliver(w, &w->c, &w->s, SIZE_MAX);
}

bool
world_move(struct world *w, size_t n)
{
	return deliver(w, &w->c, &w->s, n) && deliver(w, &w->s, &w->c, n);
}

void
world_cut(struct world *w)
{
	struct end *v[2] = {&w->c, &w->s};

	for (int i = 0; i < 2; i++) {
		buf_clear(&v[i]->wire);
		memset(&v[i]->in, 0, sizeof v[i]->in);
		if (v[i]->r)
			resume_lost(v[i]->r);
	}
	w->up = false;
}

bool
world_rejoin(struct world *w)
{
	if (resume_back(w->c.r, &w->c.wire) < 0)
		return false;
	w->up = true;
	while (buf_len(&w->c.wire) || buf_len(&w->s.wire))
		if (!world_move(w, SIZE_MAX))
			return false;
	return resume_state(w->c.r) == RESUME_LIVE;
}
