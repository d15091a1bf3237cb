/*
 * leaf: the certificates connections are accepted with. Our own leaves' key is made here and never leaves this process;
 * judge passes its public half to the signer and brings the chains back, a page of names each (judge's leaf.c).
 * Configured certificates (users only) come from the parent as descriptors.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/front/front.h"
#include "io/file.h"

#define PEM_MAX (256u << 10)

int
certs_init(struct front *f)
{
	pthread_mutex_init(&f->certs.lock, NULL);
	tls_asks_init(&f->certs.asks);
	for (size_t i = 0; i < FRONT_CERTS_MAX; i++) {
		buf_init(&f->certs.chain_pem[i], PEM_MAX);
		buf_init_secret(&f->certs.key_pem[i], PEM_MAX);
	}
	return tls_key_new(&f->certs.key);
}

int
certs_file(struct front *f, const char *name, int fd)
{
	bool chain = str_starts(name, "tls-chain:"), key = str_starts(name, "tls-key:");
	uint64_t n = FRONT_CERTS_MAX;
	struct buf *b;
	int e = E_FORMAT;

	if ((chain || key) && str_u64(strchr(name, ':') + 1, FRONT_CERTS_MAX - 1, &n) == 0) {
		b = chain ? &f->certs.chain_pem[n] : &f->certs.key_pem[n];
		buf_release(b);
		e = file_read_fd(fd, b);
		if (n >= f->certs.given)
			f->certs.given = n + 1;
	}
	close(fd);
	return e;
}

static void
swap(struct front *f, struct tls_ctx **slot, struct tls_ctx *fresh)
{
	struct tls_ctx *old;

	pthread_mutex_lock(&f->certs.lock);
	old = *slot;
	*slot = fresh;
	pthread_mutex_unlock(&f->certs.lock);
	tls_ctx_unref(old);
	count(f, C_LEAVES, 1);
}

/* What users are served with: each configured certificate for its names, our leaves for the rest; to who asks for
   none of them, the first. */
static void
users_again(struct front *f)
{
	struct tls_ctx *v[FRONT_CERTS_MAX + FJ_LEAVES_MAX], *fresh;
	size_t n = 0;

	for (size_t i = 0; i < FRONT_CERTS_MAX; i++)
		if (f->certs.configured[i])
			v[n++] = f->certs.configured[i];
	for (size_t i = 0; i < f->certs.nleaves; i++)
		if (f->certs.leaves[i].ctx)
			v[n++] = f->certs.leaves[i].ctx;
	if (n == 0)
		return;
	if (tls_server_by_name(v, n, &fresh) < 0) {
		log_error("certificates", "why", "out of memory", NULL);
		return;
	}
	tls_ctx_asks(fresh, &f->certs.asks);
	swap(f, &f->certs.users, fresh);
}

/* A pair that cannot be used must not take the edge down: what was in use for it stays, else our leaf answers. */
static void
use_pair(struct front *f, size_t i)
{
	const char *chain = buf_cstr(&f->certs.chain_pem[i]), *key = buf_cstr(&f->certs.key_pem[i]);
	struct reason why = {0};
	struct tls_ctx *fresh;

	if (!chain || !key || tls_server_new(chain, key, &fresh, &why) < 0) {
		log_error("certificate_refused", "number", log_num((long long)i + 1), "why",
		          why.text[0] ? why.text : "out of memory", "instead",
		          f->certs.configured[i] ? "the one before" : "the edge's own", NULL);
		return;
	}
	tls_ctx_asks(fresh, &f->certs.asks);
	tls_ctx_unref(f->certs.configured[i]);
	f->certs.configured[i] = fresh;
}

void
certs_use(struct front *f)
{
	size_t n = f->certs.given;

	for (size_t i = 0; i < n; i++)
		use_pair(f, i);
	for (size_t i = 0; i < FRONT_CERTS_MAX; i++) {
		buf_release(&f->certs.chain_pem[i]);
		buf_release(&f->certs.key_pem[i]);
		if (i >= n) { /* no longer configured: every reload brings all of them */
			tls_ctx_unref(f->certs.configured[i]);
			f->certs.configured[i] = NULL;
		}
	}
	f->certs.given = 0;
	users_again(f);
}

struct tls_ctx *
certs_get(struct front *f, enum listener_kind k)
{
	struct tls_ctx *c;

	pthread_mutex_lock(&f->certs.lock);
	c = k == LISTEN_USERS ? f->certs.users : f->certs.tunnels;
	if (c)
		c = tls_ctx_ref(c);
	pthread_mutex_unlock(&f->certs.lock);
	return c;
}

static void
ask_again(void *arg)
{
	certs_ask(arg);
}

static void
ask_later(struct front *f)
{
	timer_start(f->threads[0]->loop, &f->certs.timer, FRONT_LEAF_RETRY_MS, ask_again, f);
}

/* They grow old: all are signed anew, whatever their names. */
static void
renew(void *arg)
{
	struct front *f = arg;

	for (size_t i = 0; i < FJ_LEAVES_MAX; i++)
		f->certs.leaves[i].names[0] = '\0';
	certs_ask(f);
}

static void
leaf_drop(struct leaf *l)
{
	tls_ctx_unref(l->ctx);
	*l = (struct leaf){0};
}

/* The last page has come. */
static void
take_leaves(struct front *f)
{
	for (size_t i = f->certs.nleaves; i < FJ_LEAVES_MAX; i++)
		leaf_drop(&f->certs.leaves[i]);
	if (f->certs.fresh) {
		swap(f, &f->certs.tunnels, tls_ctx_ref(f->certs.leaves[0].ctx));
		users_again(f);
		log_info("leaves", "n", log_num(f->certs.nleaves), NULL);
	}
	f->certs.fresh = false;
	for (unsigned i = 0; i < f->nthreads; i++)
		thread_accept(f->threads[i]);
	if (f->certs.again)
		certs_ask(f);
	else
		timer_start(f->threads[0]->loop, &f->certs.timer, FRONT_LEAF_RENEW_MS, renew, f);
}

/* false: not usable. */
static bool
take_page(struct front *f, const struct fj_leaf_chain *c)
{
	struct leaf *l = &f->certs.leaves[f->certs.page];
	struct reason why = {0};
	struct tls_ctx *fresh = NULL;

	if (!c->chain[0] && !strcmp(c->names, l->names))
		return true;
	if (c->chain[0]) {
		if (tls_server_new_key(c->chain, f->certs.key, &fresh, &why) < 0) {
			log_error("leaf_refused", "why", why.text, NULL);
			return false;
		}
		tls_ctx_asks(fresh, &f->certs.asks);
	} else if (f->certs.page == 0) {
		return false; /* the edge's own names are there at least */
	}
	tls_ctx_unref(l->ctx);
	l->ctx = fresh;
	str_copy(l->names, sizeof l->names, c->names);
	f->certs.fresh = true;
	return true;
}

static void ask_page(struct front *f);

static void
on_chain(int err, const void *m, void *arg)
{
	const struct fj_leaf_chain *c = m;
	struct front *f = arg;

	f->certs.asking = false;
	if (err || !c->pages || !take_page(f, c)) {
		ask_later(f);
		return;
	}
	f->certs.nleaves = c->pages;
	if (++f->certs.page < f->certs.nleaves)
		ask_page(f);
	else
		take_leaves(f);
}

static void
ask_page(struct front *f)
{
	struct thread *t = f->threads[0];
	struct fj_leaf m = {.page = f->certs.page, .have = f->certs.leaves[f->certs.page].names};
	struct buf spki;

	buf_init(&spki, 1024);
	if (t->judge && tls_key_spki(f->certs.key, &spki) == 0) {
		m.spki = buf_slice(&spki);
		f->certs.asking = ipc_request(t->judge, &fj_leaf_def, &m, &fj_leaf_chain_def, 10000, on_chain, f) == 0;
	}
	buf_release(&spki);
	if (!f->certs.asking)
		ask_later(f);
}

/* One question at a time. A name that was added while one is out is asked for when the answers have come. */
void
certs_ask(struct front *f)
{
	timer_stop(&f->certs.timer);
	if (f->certs.asking) {
		f->certs.again = true;
		return;
	}
	f->certs.page = 0;
	f->certs.again = false;
	ask_page(f);
}

void
certs_stop(struct front *f)
{
	timer_stop(&f->certs.timer);
	tls_ctx_unref(f->certs.users);
	tls_ctx_unref(f->certs.tunnels);
	for (size_t i = 0; i < FJ_LEAVES_MAX; i++)
		leaf_drop(&f->certs.leaves[i]);
	for (size_t i = 0; i < FRONT_CERTS_MAX; i++)
		tls_ctx_unref(f->certs.configured[i]);
	f->certs.users = f->certs.tunnels = NULL;
	tls_key_free(f->certs.key);
	for (size_t i = 0; i < FRONT_CERTS_MAX; i++) {
		buf_release(&f->certs.chain_pem[i]);
		buf_release(&f->certs.key_pem[i]);
	}
}
