/*
 * url: host names, host:port, URLs, query strings and forms (RFC 3986, RFC 6761 for .localhost).
 *
 * Strict: what does not parse is refused, nothing is guessed or normalised silently except ASCII lower case of host
 * names. User-info is always refused. May block: no.
 */
#ifndef CORE_URL_H
#define CORE_URL_H

#include "core/buf.h"

#define HOST_MAX 253

/* Host name (letters, digits, '-', '_' inside labels; labels 1..63; no trailing dot; no leading '-'), lower-cased into
 * out. */
int host_parse(const char *s, size_t n, char out[static HOST_MAX + 1]);

struct hostport {
	char host[HOST_MAX + 1]; /* name, IPv4 or IPv6 without brackets, lower case */
	uint16_t port;           /* 0 = none given */
	bool is_ip;
	bool is_v6;
};
/* "h", "h:22", "10.0.0.1:22", "[::1]:22". default_port is used when none is given (0 = leave 0). Port 0 is refused. */
int hostport_parse(const char *s, uint16_t default_port, struct hostport *ret_hp);
void hostport_format(const struct hostport *hp, char *out, size_t n); /* with brackets for v6; without port if 0 */

struct url {
	char scheme[16];
	struct hostport at; /* port: the scheme's own when none is given (http ws https wss ssh), else 0 */
	const char *path;   /* from '/', without query; "/" when absent */
	const char *query;  /* without '?', "" when absent; the fragment is dropped */
	char *store;        /* owned */
};
int url_parse(const char *s, struct url *ret_u); /* absolute only; at most 8 KiB */
void url_release(struct url *u);

/* application/x-www-form-urlencoded and query strings. At most QUERY_MAX pairs; duplicate names: E_FORMAT. */
#define QUERY_MAX 64
struct query {
	struct {
		char *name, *value;
	} v[QUERY_MAX];
	size_t n;
	char *store;
};
int query_parse(const char *s, size_t n, struct query *ret_q);
const char *query_get(const struct query *q, const char *name); /* NULL when absent */
void query_release(struct query *q);                            /* wipes: forms carry passwords */

int url_escape(struct buf *out, const char *s);                                 /* percent-encodes all but unreserved */
int url_unescape(struct buf *out, const char *s, size_t n, bool plus_is_space); /* E_FORMAT on bad %, NUL refused */
int html_escape(struct buf *out, const char *s);

/* A path on our own origin that is safe to redirect to: begins with exactly one '/', no '\', no control bytes, <= 2048.
   security.md 3.2 cases 31 and 32. */
bool url_is_local_path(const char *s);
/* A mail server: smtp://host[:port] (STARTTLS) or smtps://host[:port]; loopback: it may do without TLS. E_FORMAT. */
int mail_url_parse(const char *url, bool *ret_tls_first, bool *ret_loopback);
bool host_is_localhost(const char *host); /* "localhost" or ends in ".localhost" */

#endif
