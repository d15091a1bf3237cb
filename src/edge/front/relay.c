#include "edge/front/relay.h"

#include <string.h>

#include "core/err.h"

void
relay_init(struct relay *r, const struct relay_end *a, void *ea, size_t mark_a, const struct relay_end *b, void *eb,
           size_t mark_b)
{
	memset(r, 0, sizeof *r);
	r->side[RELAY_A] = (struct relay_side){.ops = a, .e = ea, .mark = mark_a};
	r->side[RELAY_B] = (struct relay_side){.ops = b, .e = eb, .mark = mark_b};
}

static void
give_back(struct relay_side *s, size_t n)
{
	if (n && s->ops->taken)
		s->ops->taken(s->e, n);
}

int
relay_data(struct relay *r, enum relay_from from, const uint8_t *d, size_t n)
{
	struct relay_side *src = &r->side[from], *dst = &r->side[!from];
	int e;

	if (src->ended)
		return E_STATE;
	if (dst->finished) { /* nobody will read it; the source must still be able to end */
		give_back(src, n);
		return 0;
	}
	e = dst->ops->write(dst->e, d, n);
	if (e < 0)
		return e;
	src->bytes += n;
	if (dst->ops->queued(dst->e) <= dst->mark) {
		give_back(src, n);
		return 0;
	}
	src->owed += n;
	if (!src->held) {
		src->held = true;
		if (src->ops->hold)
			src->ops->hold(src->e, true);
	}
	return 0;
}

void
relay_drained(struct relay *r, enum relay_from side)
{
	struct relay_side *dst = &r->side[side], *src = &r->side[!side];
	size_t owed = src->owed;

	if (dst->ops->queued(dst->e) > dst->mark)
		return;
	src->owed = 0;
	give_back(src, owed);
	if (!src->held)
		return;
	src->held = false;
	if (src->ops->hold)
		src->ops->hold(src->e, false);
}

bool
relay_ended(struct relay *r, enum relay_from from)
{
	struct relay_side *src = &r->side[from], *dst = &r->side[!from];

	src->ended = true;
	if (!dst->finished) {
		dst->finished = true;
		dst->ops->finish(dst->e);
	}
	return dst->ended;
}
