/*
 * relay: moves bytes between two ends, each with its own watermark. Knows neither SSH nor WebSocket nor sockets.
 * Engine.
 *
 * What one byte costs front on its way from a user to the connector's link, in the order it happens (the other way is
 * the mirror):
 *   1. recv(2), 256 KiB a call, into the thread's buffer                      1 copy by the kernel
 *   2. TLS record opened into the thread's plain text                          1 copy into OpenSSL, 1 decryption in
 * place
 *   3. relay_data -> h2stream_write: into the stream's queue                   1 copy
 *   4. h2link_pull: frames of 16,375 bytes laid out for the link               1 copy
 *   5. conn_write: sealed as one full TLS record, appended to the output       1 encryption, 1 copy
 *   6. sendmsg(2), one call a loop turn for all records                        1 copy by the kernel
 * Downwards there is no step 4, because nghttp2 hands DATA up in place, and step 3 is conn_write itself: the bytes go
 * from the link's plain text straight into the user's records. So: 1 decryption, 1 encryption, 4 copies of ours up and
 * 2 down, and (1 recv + 1 send) / 256 KiB system calls. No byte crosses threads: the user's connection moved to the
 * link's loop first.
 *
 * Back-pressure: bytes whose destination is over its mark stay charged to their source (owed), and the source is held;
 * both are given back when the destination has drained. So no more than mark + what the source may still have in flight
 * is ever queued.
 *
 * Ends: there is no half-close (facts/cloudflared-wire.md a.6). An end that ended in order lets what it sent go out,
 * and the other end is finished; what the other still sends is delivered until it ends too. The owner gives that its
 * deadline. Owner: embeds struct relay. Callbacks of an end are called from inside relay_* only. May block: no.
 */
#ifndef FRONT_RELAY_H
#define FRONT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay_end {
	int (*write)(void *e, const uint8_t *d, size_t n); /* takes all or fails */
	size_t (*queued)(const void *e);
	void (*hold)(void *e, bool on);   /* true: give no more; false: go on. May be NULL */
	void (*taken)(void *e, size_t n); /* n bytes given before have left. May be NULL */
	void (*finish)(void *e);          /* nothing more will be written: flush, then end this direction */
};

enum relay_from { RELAY_A, RELAY_B };

struct relay_side {
	const struct relay_end *ops;
	void *e;
	size_t mark;    /* more than this queued: the other side is held */
	size_t owed;    /* bytes this side gave that wait in the other's queue */
	uint64_t bytes; /* given by this side */
	bool held, ended, finished;
};
struct relay {
	struct relay_side side[2];
};

void relay_init(struct relay *r, const struct relay_end *a, void *ea, size_t mark_a, const struct relay_end *b,
                void *eb, size_t mark_b);
/* Bytes came from a side. Negative: the destination failed, the owner ends the relay. */
int relay_data(struct relay *r, enum relay_from from, const uint8_t *d, size_t n);
void relay_drained(struct relay *r, enum relay_from side); /* a side's queue fell below its mark */
/* A side ended in order. True once both have. */
bool relay_ended(struct relay *r, enum relay_from from);

#endif
