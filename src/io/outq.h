/*
 * outq: bytes waiting for the kernel, in 64 KiB chunks from a pool of the thread. An empty queue holds no chunk.
 * The caller bounds it. May block: no (the descriptor must be non-blocking).
 */
#ifndef IO_OUTQ_H
#define IO_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outq_chunk;
struct outq {
	struct outq_chunk *head, *tail;
	size_t n; /* bytes queued */
};
int outq_put(struct outq *q, const void *p, size_t n); /* all or E_NOMEM */
/*
 * One sendmsg (writev unless sock) of the whole queue and then of d[0..n). 0: everything went; E_AGAIN: the rest did
 * not fit; E_IO: see errno. *ret_taken is how many bytes of d went.
 */
int outq_send(struct outq *q, int fd, bool sock, const void *d, size_t n, size_t *ret_taken);
void outq_clear(struct outq *q);

#endif
