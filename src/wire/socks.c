#include "wire/socks.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/str.h"

enum { V5 = 5, CONNECT = 1, ADDR_V4 = 1, ADDR_NAME = 3, ADDR_V6 = 4, NO_AUTH = 0, NO_METHOD = 0xff };

int
socks_reply(struct buf *out, enum socks_code code)
{
	const uint8_t b[10] = {V5, (uint8_t)code, 0, ADDR_V4}; /* where we dial from is nobody's business: 0.0.0.0:0 */
	return buf_put(out, b, sizeof b);
}

/* Bytes of the message as far as its beginning tells; at least one more than are there, unless it is complete. */
static unsigned
wanted(const struct socks_in *s)
{
	if (s->state == SOCKS_GREETING)
		return s->n < 2 ? 2 : 2u + s->b[1];
	if (s->n < 5)
		return 5;
	return s->b[3] == ADDR_V4 ? 10 : s->b[3] == ADDR_V6 ? 22 : s->b[3] == ADDR_NAME ? 7u + s->b[4] : 5;
}

static int
greeting(struct socks_in *s, struct buf *reply, struct reason *why)
{
	uint8_t answer[2] = {V5, NO_METHOD};
	int e;

	if (memchr(s->b + 2, NO_AUTH, s->b[1]))
		answer[1] = NO_AUTH;
	if ((e = buf_put(reply, answer, sizeof answer)) < 0)
		return e;
	if (answer[1] == NO_METHOD)
		return reason_set(why, E_DENIED, SP_OK, "the client wants a password, which this proxy does not know");
	s->state = SOCKS_REQUEST;
	s->n = 0;
	return 0;
}

static int
refuse(struct buf *reply, enum socks_code code, struct reason *why, const char *text)
{
	int e = socks_reply(reply, code);
	return e < 0 ? e : reason_set(why, E_DENIED, SP_OK, "%s", text);
}

static int
request(struct socks_in *s, struct buf *reply, struct reason *why)
{
	const uint8_t *port = s->b + s->n - 2;
	int e = 0;

	if (s->b[2] != 0)
		return refuse(reply, SOCKS_FAILED, why, "a reserved byte is set");
	if (s->b[1] != CONNECT)
		return refuse(reply, SOCKS_NO_COMMAND, why, "another command than CONNECT");
	if (s->b[3] == ADDR_NAME)
		e = host_parse((const char *)s->b + 5, s->b[4], s->to.host);
	else if (s->b[3] != ADDR_V4 && s->b[3] != ADDR_V6)
		return refuse(reply, SOCKS_NO_ADDRESS, why, "an unknown kind of address");
	else if (!inet_ntop(s->b[3] == ADDR_V4 ? AF_INET : AF_INET6, s->b + 4, s->to.host, sizeof s->to.host))
		e = E_FORMAT;
	s->to.port = (uint16_t)(port[0] << 8 | port[1]);
	if (e < 0 || !s->to.port)
		return refuse(reply, SOCKS_FAILED, why, "no valid destination");
	s->state = SOCKS_DONE;
	return 0;
}

int
socks_in_feed(struct socks_in *s, const uint8_t *d, size_t n, size_t *ret_used, struct buf *ret_reply,
              struct reason *why)
{
	size_t used = 0;

	while (s->state != SOCKS_DONE && used < n) {
		size_t k = wanted(s) - s->n;

		if (k > n - used)
			k = n - used;
		memcpy(s->b + s->n, d + used, k);
		s->n += (unsigned)k;
		used += k;
		if (s->b[0] != V5)
			return reason_set(why, E_FORMAT, SP_OK, "not SOCKS5");
		if (s->n < wanted(s))
			continue;
		*ret_used = used;
		return s->state == SOCKS_GREETING ? greeting(s, ret_reply, why) : request(s, ret_reply, why);
	}
	*ret_used = used;
	return 0;
}
