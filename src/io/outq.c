/* outq: see io/outq.h. */
#include "io/outq.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/err.h"

#define CHUNK_SIZE (64u << 10)
#define POOL_MAX 64u /* idle chunks a thread keeps: 4 MiB */
#define IOV_MAX_USED 128

struct outq_chunk {
	struct outq_chunk *next;
	uint32_t r, w;
	uint8_t d[CHUNK_SIZE - 16];
};

static _Thread_local struct outq_chunk *pool;
static _Thread_local unsigned npool;
static pthread_key_t pool_key;
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

static void
pool_free(void *arg)
{
	(void)arg;
	while (pool) {
		struct outq_chunk *c = pool;

		pool = c->next;
		free(c);
	}
	npool = 0;
}

static void
pool_init(void)
{
	pthread_key_create(&pool_key, pool_free);
}

static struct outq_chunk *
chunk_get(void)
{
	struct outq_chunk *c = pool;

	if (c) {
		pool = c->next;
		npool--;
	} else {
		c = malloc(sizeof *c);
		if (!c)
			return NULL;
	}
	c->next = NULL;
	c->r = c->w = 0;
	return c;
}

static void
chunk_put(struct outq_chunk *c)
{
	if (npool == POOL_MAX) {
		free(c);
		return;
	}
	if (!pool) { /* so that the pool goes when the thread ends */
		pthread_once(&pool_once, pool_init);
		pthread_setspecific(pool_key, c);
	}
	c->next = pool;
	pool = c;
	npool++;
}

int
outq_put(struct outq *q, const void *p, size_t n)
{
	struct outq_chunk *at = q->tail, *first = NULL, *last = NULL;
	size_t room = at ? sizeof at->d - at->w : 0;
	const uint8_t *d = p;

	/* everything that can fail comes first */
	for (size_t have = room; have < n; have += sizeof first->d) {
		struct outq_chunk *c = chunk_get();

		if (!c) {
			while (first) {
				c = first->next;
				chunk_put(first);
				first = c;
			}
			return E_NOMEM;
		}
		if (last)
			last->next = c;
		else
			first = c;
		last = c;
	}
	if (first && at)
		at->next = first;
	else if (first)
		at = q->head = first;
	if (last)
		q->tail = last;
	q->n += n;
	while (n > 0) {
		size_t k = sizeof at->d - at->w;

		if (k > n)
			k = n;
		memcpy(at->d + at->w, d, k);
		at->w += (uint32_t)k;
		d += k;
		n -= k;
		at = at->next;
	}
	return 0;
}

static void
outq_consume(struct outq *q, size_t k)
{
	q->n -= k;
	while (k > 0) {
		struct outq_chunk *c = q->head;
		size_t have = c->w - c->r;

		if (k < have) {
			c->r += (uint32_t)k;
			return;
		}
		k -= have;
		q->head = c->next;
		if (!q->head)
			q->tail = NULL;
		chunk_put(c);
	}
}

int
outq_send(struct outq *q, int fd, bool sock, const void *d, size_t n, size_t *ret_taken)
{
	struct iovec v[IOV_MAX_USED];
	struct msghdr m = {.msg_iov = v};
	size_t nv = 0, want = 0, queued;
	ssize_t r;

	*ret_taken = 0;
	for (struct outq_chunk *c = q->head; c && nv < IOV_MAX_USED - 1; c = c->next) {
		v[nv++] = (struct iovec){c->d + c->r, c->w - c->r};
		want += c->w - c->r;
	}
	queued = want;
	if (n > 0 && queued == q->n) {
		v[nv++] = (struct iovec){(void *)(uintptr_t)d, n};
		want += n;
	}
	if (want == 0)
		return 0;
	m.msg_iovlen = nv;
	do
		r = sock ? sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) : writev(fd, v, (int)nv);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? E_AGAIN : E_IO;
	if ((size_t)r > queued) {
		*ret_taken = (size_t)r - queued;
		outq_consume(q, queued);
	} else {
		outq_consume(q, (size_t)r);
	}
	return q->n == 0 && *ret_taken == n ? 0 : E_AGAIN;
}

void
outq_clear(struct outq *q)
{
	while (q->head) {
		struct outq_chunk *c = q->head;

		q->head = c->next;
		chunk_put(c);
	}
	q->tail = NULL;
	q->n = 0;
}
