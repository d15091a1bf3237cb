#include "policy/members.h"

#include <stdlib.h>
#include <string.h>

static int
net_order(const void *pa, const void *pb)
{
	const struct members_net *a = pa, *b = pb;

	return a->bits != b->bits ? (int)a->bits - (int)b->bits : memcmp(a->addr, b->addr, sizeof a->addr);
}

static int
nets_init(struct members *m, const struct access_list *l, struct arena *a)
{
	m->nets = arena_alloc(a, (l->nitems ? l->nitems : 1) * sizeof *m->nets);
	if (!m->nets)
		return E_NOMEM;
	for (size_t i = 0; i < l->nitems; i++) {
		unsigned bits;
		int e = model_cidr(l->items[i].value, m->nets[i].addr, &bits);

		if (e != 0)
			return e;
		m->nets[i].bits = (uint8_t)bits;
	}
	m->nnets = l->nitems;
	qsort(m->nets, m->nnets, sizeof *m->nets, net_order);
	return E_OK;
}

int
members_init(struct members *m, const struct access_list *l, struct arena *a)
{
	int e = E_OK;

	m->type = l->type;
	map_init(&m->email, ACCESS_LIST_ITEMS_MAX, 0, NULL);
	if (l->type == ACCESS_LIST_IP)
		return nets_init(m, l, a);
	for (size_t i = 0; e == E_OK && i < l->nitems; i++) {
		e = map_put(&m->email, l->items[i].value, m);
		if (e == E_EXIST)
			e = E_OK;
	}
	return e;
}

void
members_release(struct members *m)
{
	map_release(&m->email);
}

bool
members_have_email(const struct members *m, const char *email)
{
	return email[0] && map_get(&m->email, email) != NULL;
}

/* End of the run of nets of one prefix length that begins at from. */
static size_t
run_end(const struct members *m, size_t from)
{
	size_t lo = from, hi = m->nnets;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->nets[mid].bits > m->nets[from].bits)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

bool
members_have_ip(const struct members *m, const uint8_t addr[static 16])
{
	for (size_t from = 0, end; from < m->nnets; from = end) {
		struct members_net key = {.bits = m->nets[from].bits};
		const struct members_net *at;

		end = run_end(m, from);
		for (unsigned i = 0; i < key.bits; i++)
			key.addr[i / 8] |= (uint8_t)(addr[i / 8] & (0x80 >> (i % 8)));
		at = bsearch(&key, m->nets + from, end - from, sizeof *m->nets, net_order);
		if (at && model_cidr_has(at->addr, at->bits, addr))
			return true;
	}
	return false;
}
