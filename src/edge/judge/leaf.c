/*
 * leaf: names of the edge's own certificates. They are spread over several, since a certificate goes to every client in
 * whole: one of some 100 names is 3 KiB. A name's page follows from the name and from how many pages there are, so that
 * an application that comes or goes changes one. Page 0 has the edge's own names besides.
 */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "edge/judge/snapshot.h"
#include "edge/judge/status.h"
#include "msg/front_judge.h"
#include "msg/judge_signer.h"

#define PAGE_NAMES 100u
#define PAGE_BYTES 8192u /* of its names, on average */

struct page {
	const char *v[X509_NAMES_MAX];
	size_t n, left_out;
	char names[2 * SHA256_LEN + 1]; /* digest */
};

/* A question of front's. The channel may be another one by the time the signer answers. */
struct leaf_asked {
	struct front *f;
	unsigned generation;
	uint32_t id, pages;
	char names[2 * SHA256_LEN + 1];
};

/* "*x.example.com" is fine for a policy and nothing a certificate can say. */
static bool
sayable(const char *name)
{
	return !strchr(name, '*') || (!strncmp(name, "*.", 2) && !strchr(name + 1, '*'));
}

/* FNV-1a, 32 bits. */
static uint32_t
hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h ^ h >> 15;
}

static uint32_t
pages_of(const struct snapshot *s)
{
	size_t n = 0, bytes = 0;
	uint32_t pages = 1;

	for (size_t i = 0; i < s->napps; i++)
		for (size_t k = 0; k < s->apps[i]->nsites; k++) {
			n++;
			bytes += strlen(s->apps[i]->sites[k].host) + 4;
		}
	while (pages < FJ_LEAVES_MAX && (n > (size_t)pages * PAGE_NAMES || bytes > (size_t)pages * PAGE_BYTES))
		pages *= 2;
	return pages;
}

static void
add(struct page *p, const char *name)
{
	if (!sayable(name))
		return;
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i], name))
			return;
	if (p->n == X509_NAMES_MAX)
		p->left_out++;
	else
		p->v[p->n++] = name;
}

static void
page_fill(const struct judge *j, uint32_t at, uint32_t pages, struct page *p)
{
	struct buf all;

	p->n = p->left_out = 0;
	if (at == 0) {
		add(p, j->team_host);
		add(p, "h2.cftunnel.com");
	}
	for (size_t i = 0; i < j->snap->napps; i++)
		for (size_t k = 0; k < j->snap->apps[i]->nsites; k++) {
			const char *host = j->snap->apps[i]->sites[k].host;
			if (hash(host) % pages == at)
				add(p, host);
		}
	buf_init(&all, X509_NAMES_MAX * 256u);
	for (size_t i = 0; i < p->n; i++)
		buf_put(&all, p->v[i], strlen(p->v[i]) + 1);
	sha256_hex(buf_ptr(&all), buf_len(&all), p->names);
	buf_release(&all);
}

static void
answer(struct leaf_asked *a, const char *chain)
{
	struct fj_leaf_chain m = {.chain = chain, .names = a->names, .pages = a->pages};

	if (a->f->ipc && a->f->generation == a->generation)
		ipc_reply(a->f->ipc, a->id, &fj_leaf_chain_def, &m);
	free(a);
}

static void
signed_(int err, const void *msg, void *arg)
{
	const struct js_text *m = msg;
	struct leaf_asked *a = arg;

	if (err || m->code) {
		log_warn("leaf", "why", err ? err_str(err) : m->why, NULL);
		a->pages = 0;
	}
	answer(a, err || m->code ? "" : m->text);
}

void
leaf_asked(struct ipc *c, uint32_t id, const void *msg, int fd, void *front)
{
	const struct fj_leaf *m = msg;
	struct front *f = front;
	struct judge *j = f->j;
	static struct page p; /* 8 KiB of pointers: not the stack's */
	struct leaf_asked *a = calloc(1, sizeof *a);

	(void)c, (void)fd;
	if (!a)
		return;
	*a = (struct leaf_asked){.f = f, .generation = f->generation, .id = id, .pages = pages_of(j->snap)};
	page_fill(j, m->page, a->pages, &p);
	str_copy(a->names, sizeof a->names, p.names);
	if (p.left_out)
		log_warn("leaf", "why", "names without a certificate: too many applications; see docs/certificates.md",
		         "names", log_num((long long)p.left_out), NULL);
	if (p.n == 0 || !strcmp(p.names, m->have)) {
		answer(a, "");
		return;
	}
	struct js_leaf q = {.spki = m->spki, .names = {p.v, p.n}};
	signer_ask(j, &js_leaf_def, &q, &js_text_def, signed_, a);
}
