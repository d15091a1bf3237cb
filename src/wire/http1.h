/*
 * http1: HTTP/1.1 heads and bodies (RFC 9112), both roles, on llhttp with stricter checks on top
 * (facts/dependencies.md section 3: what llhttp accepts and we refuse). Engine: no I/O, no clock.
 *
 * Refused: white space before the colon, obs-fold, HTTP/0.9 and 1.0 requests with Upgrade, missing or repeated Host,
 * absolute-form and authority-form targets, Content-Length with Transfer-Encoding, non-token names, control bytes, more
 * than HTTP1_HEADERS_MAX headers, a head over HTTP1_HEAD_MAX, chunk extensions over 256 bytes, trailers of a request.
 * Interim (1xx) answers but 101 are swallowed, and so are a response's trailers.
 *
 * Call http1_feed again and again until it gives HTTP1_MORE (also with n = 0: HTTP1_DONE may need no byte of its own).
 * A message without a body is HEAD, DONE. HTTP1_UPGRADE comes instead of HEAD and DONE; whoever declines the upgrade
 * just feeds on. After a message that said Connection: close what follows is swallowed. An error is final. Memory:
 * about 300 bytes idle; a head is one compact block beside it, until the next message or http1_drop_head.
 */
#ifndef WIRE_HTTP1_H
#define WIRE_HTTP1_H

#include "core/buf.h"
#include "core/err.h"

#define HTTP1_HEAD_MAX (32u << 10)
#define HTTP1_HEADERS_MAX 100
#define HTTP1_TARGET_MAX 8192

struct http1;
enum http1_role { HTTP1_SERVER /* parses requests */, HTTP1_CLIENT /* parses responses */ };

/* What http1_feed stopped at. */
enum http1_event {
	HTTP1_MORE,    /* all bytes taken, nothing complete */
	HTTP1_HEAD,    /* head complete: look at it, then feed the rest */
	HTTP1_BODY,    /* a piece of body: http1_piece */
	HTTP1_DONE,    /* message complete; feeding more begins the next one */
	HTTP1_UPGRADE, /* head complete and what follows is not HTTP: the rest belongs to the new protocol (request with
	                  Upgrade, or 101) */
};

struct http1_header {
	const char *name;  /* lower case */
	const char *value; /* trimmed */
};

int http1_new(enum http1_role role, uint64_t body_max, struct http1 **ret_h);
void http1_free(struct http1 *h);
/* Takes bytes until an event. *ret_used says how many. E_FORMAT, E_LIMIT (head too large: http status 431; body: 413)
 * with a reason. */
int http1_feed(struct http1 *h, const uint8_t *d, size_t n, size_t *ret_used, enum http1_event *ret_ev,
               struct reason *why);
int http1_eof(struct http1 *h,
              enum http1_event *ret_ev);            /* response without length ends here (HTTP1_DONE), else E_TRUNC */
void http1_drop_head(struct http1 *h);              /* between messages: gives the head's memory back early */
void http1_skip_body(struct http1 *h);              /* client: this response answers HEAD; call before feeding it */
unsigned http1_error_status(const struct http1 *h); /* 400, 413, 414, 431, 501, 505 after an error */

/* Valid from HTTP1_HEAD until the next message begins. */
const char *http1_method(const struct http1 *h);
const char *http1_target(const struct http1 *h);
unsigned http1_status(const struct http1 *h);
const char *http1_header_get(const struct http1 *h, const char *name); /* first; NULL if absent */
size_t http1_headers(const struct http1 *h, const struct http1_header **ret_v);
bool http1_keep_alive(const struct http1 *h);
unsigned http1_minor(const struct http1 *h); /* of the version: 0 or 1 */
bool http1_expects_body(const struct http1 *h);
bool http1_upgrade(const struct http1 *h);       /* Connection: upgrade present */
struct slice http1_piece(const struct http1 *h); /* of HTTP1_BODY; borrowed until the next feed */

/* Writers. Names and values are checked (E_FORMAT: CR, LF, NUL, non-token names): no header injection is possible. */
int http1_put_request(struct buf *out, const char *method, const char *target, const char *host);
int http1_put_status(struct buf *out, unsigned status);
int http1_put_header(struct buf *out, const char *name, const char *value);
int http1_put_end(struct buf *out);
const char *http1_status_text(unsigned status);

#endif
