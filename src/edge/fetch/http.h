/*
 * http: libcurl's multi interface on our loop. The only user of <curl/curl.h>.
 *
 * One request: method GET or POST(form), or one mail; bounded body, no redirects, TLS verified, address guarded. done()
 * comes exactly once, from the loop; the body is borrowed. err E_AGAIN: nothing was sent, so nobody can have heard it.
 * May block: no (names are resolved on libcurl's own threads).
 */
#ifndef EDGE_FETCH_HTTP_H
#define EDGE_FETCH_HTTP_H

#include "edge/fetch/guard.h"
#include "io/loop.h"
#include "core/buf.h"

struct http_ask {
	const char *url;
	const char *form;          /* NULL = GET */
	bool json;                 /* form is JSON */
	const char *user, *secret; /* HTTP Basic (client_secret_basic), NULL = none */
	const char *bearer;        /* NULL = none */
	const char *scheme;        /* of bearer; NULL = "Bearer" */
	size_t body_max;
	long timeout_ms;
};
typedef void http_done_fn(int err, long status, struct slice body, const char *why, void *arg);

int http_start(struct loop *l, const struct guard *g, const char *ca_file); /* once, before the sandbox */
int http_ask(const struct http_ask *a, http_done_fn *fn, void *arg);        /* strings are copied */
/* One mail. url: of the operator's configuration, not guarded; tls: the session must be encrypted before anything is
   said. done's status is the server's last SMTP code. Text is copied. */
struct http_mail {
	const char *url;
	const char *user;     /* NULL = none */
	const char *password; /* with user */
	const char *from, *to;
	struct slice text;
	bool tls;
	long timeout_ms;
};
int http_mail(const struct http_mail *m, http_done_fn *fn, void *arg);
void http_stop(void);

#endif
