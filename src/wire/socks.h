/*
 * socks: the server's end of a SOCKS5 handshake without authentication, CONNECT only (RFC 1928). Engine.
 *
 * Feed bytes until state is SOCKS_DONE; to is then the wanted destination, which the caller checks after resolution and
 * answers by socks_reply. What comes behind the request is left unread. A handshake holds at most SOCKS_MSG_MAX bytes.
 * No allocation, nothing to release.
 */
#ifndef WIRE_SOCKS_H
#define WIRE_SOCKS_H

#include "core/buf.h"
#include "core/err.h"
#include "core/url.h"

#define SOCKS_MSG_MAX 262u /* the longest request: a name of 255 bytes */

enum socks_code {
	SOCKS_OK = 0,
	SOCKS_FAILED = 1,
	SOCKS_DENIED = 2,
	SOCKS_UNREACHABLE = 4,
	SOCKS_REFUSED = 5,
	SOCKS_NO_COMMAND = 7,
	SOCKS_NO_ADDRESS = 8
};

struct socks_in {
	enum { SOCKS_GREETING, SOCKS_REQUEST, SOCKS_DONE } state;
	uint8_t b[SOCKS_MSG_MAX];
	unsigned n;
	struct hostport to;
};
/* Takes bytes up to the end of one message. ret_reply (initialised by the caller) gets what the client must hear, also
   when the handshake is refused (E_*, with a reason). After an error: no more. */
int socks_in_feed(struct socks_in *s, const uint8_t *d, size_t n, size_t *ret_used, struct buf *ret_reply,
                  struct reason *why);
/* The answer to the request. */
int socks_reply(struct buf *out, enum socks_code code);

#endif
