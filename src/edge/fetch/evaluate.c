/* evaluate: carries the signer's question to a policy's outside judge and brings answer and keys back. Only to origins
 * that the operator listed; a redirect is no answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "core/url.h"
#include "edge/fetch/fetch.h"
#include "edge/fetch/http.h"

#define EVALUATE_ONE_MS 4000L
#define EVALUATE_ANSWER_MAX 65536

struct evaluate {
	struct fetch *f;
	uint32_t id;
	char *keys_url, *answer;
};

static void
finish(struct evaluate *v, const char *why, const char *keys)
{
	struct sf_evaluated m = {.code = why ? SP_POLICY_DENY : 0, .why = "", .answer = "", .keys = ""};
	char clipped[256];

	if (why) {
		str_copy_n(clipped, sizeof clipped, why, strnlen(why, sizeof clipped - 1));
		m.why = clipped;
	} else {
		m.answer = v->answer;
		m.keys = keys;
	}
	ipc_reply(v->f->signer, v->id, &sf_evaluated_def, &m);
	v->f->jobs--;
	free(v->keys_url);
	free(v->answer);
	free(v);
}

/* The body as text, or why it is none. */
static char *
take(int err, long status, struct slice body, const char *why, const char *what, char *text, size_t n)
{
	if (err < 0)
		snprintf(text, n, "%s: %s", what, why);
	else if (status != 200)
		snprintf(text, n, "%s answered with status %ld", what, status);
	else if (memchr(body.p, 0, body.n))
		snprintf(text, n, "%s answered with bytes that are no text", what);
	else
		return str_dup_n(body.p, body.n);
	return NULL;
}

static void
on_keys(int err, long status, struct slice body, const char *why, void *arg)
{
	struct evaluate *v = arg;
	char text[300] = "out of memory", *keys = take(err, status, body, why, "keys_url", text, sizeof text);

	finish(v, keys ? NULL : text, keys);
	free(keys);
}

static void
on_evaluated(int err, long status, struct slice body, const char *why, void *arg)
{
	struct evaluate *v = arg;
	struct http_ask q = {.url = v->keys_url, .body_max = FETCH_BODY_MAX, .timeout_ms = EVALUATE_ONE_MS};
	char text[300] = "out of memory";

	v->answer = take(err, status, body, why, "evaluate_url", text, sizeof text);
	if (!v->answer)
		finish(v, text, NULL);
	else if (http_ask(&q, on_keys, v) < 0)
		finish(v, "keys_url could not be asked", NULL);
}

/* Is the URL's origin one that the operator listed? */
static bool
listed(const struct fetch *f, const char *s)
{
	struct url u = {0};
	char origin[300], host[280];
	bool found = false;

	if (!oidc_url_ok(s) || url_parse(s, &u) < 0)
		return false;
	hostport_format(&u.at, host, sizeof host);
	snprintf(origin, sizeof origin, "%s://%s", u.scheme, host);
	for (size_t i = 0; i < f->norigins; i++)
		found |= strcmp(f->origins[i], origin) == 0;
	url_release(&u);
	return found;
}

int
evaluate_origins(struct fetch *f, const struct strs *list, struct reason *why)
{
	for (size_t i = 0; i < list->n; i++) {
		struct url u = {0};
		char host[280];
		bool ok = f->norigins < FETCH_ORIGINS_MAX && oidc_url_ok(list->v[i]) &&
		          url_parse(list->v[i], &u) == 0 && !strcmp(u.path, "/") && !*u.query;
		if (ok) {
			hostport_format(&u.at, host, sizeof host);
			f->origins[f->norigins] = str_fmt("%s://%s", u.scheme, host);
			ok = f->origins[f->norigins++] != NULL;
		}
		url_release(&u);
		if (!ok)
			return reason_set(why, E_FORMAT, SP_CONFIG,
			                  "evaluation_origins: found \"%.100s\", expected at most %d of the form "
			                  "https://host[:port]",
			                  list->v[i], FETCH_ORIGINS_MAX);
	}
	return 0;
}

void
evaluate_start(struct fetch *f, uint32_t id, const struct sf_evaluate *m)
{
	struct sf_evaluated no = {.code = SP_POLICY_DENY, .answer = "", .keys = ""};
	struct http_ask q = {.url = m->evaluate_url,
	                     .form = m->body,
	                     .json = true,
	                     .body_max = EVALUATE_ANSWER_MAX,
	                     .timeout_ms = EVALUATE_ONE_MS};
	struct evaluate *v = NULL;

	if (!listed(f, m->evaluate_url) || !listed(f, m->keys_url))
		no.why =
		    "evaluate_url or keys_url is at an origin that evaluation_origins of sallyportd.yml does not list";
	else if (f->jobs >= FETCH_JOBS_MAX || !(v = calloc(1, sizeof *v)) || !(v->keys_url = str_dup(m->keys_url)))
		no.why = "too many requests at once";
	if (no.why) {
		log_warn("evaluation_not_asked", "url", m->evaluate_url, "why", no.why, NULL);
		ipc_reply(f->signer, id, &sf_evaluated_def, &no);
		free(v);
		return;
	}
	v->f = f;
	v->id = id;
	f->jobs++;
	if (http_ask(&q, on_evaluated, v) < 0)
		finish(v, "evaluate_url could not be asked", NULL);
}
