/*
 * metrics: the operators' listener: plain HTTP, on thread 0. /healthz says that the loop turns, /readyz that users are
 * served, /metrics gives our counters and judge's (Prometheus text format 0.0.4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/front/front.h"

struct scrape {
	struct thread *t;
	struct http_server *s; /* NULL once the connection is gone */
	bool ready;            /* the question was /readyz */
};
struct watcher {
	struct thread *t;
	struct http_server *s;
	struct scrape *asked;
};

static unsigned open_now; /* thread 0 only */

static const struct {
	const char *name, *type, *help;
} names[C_N] = {
    [C_USERS_ACCEPTED] = {"users_accepted_total", "counter", "user connections accepted"},
    [C_USERS_REFUSED] = {"users_refused_total", "counter", "user connections closed because a limit was reached"},
    [C_USERS_TLS_FAILED] = {"users_tls_failed_total", "counter", "TLS handshakes that failed"},
    [C_USERS_NO_HEADER] = {"users_no_proxy_header_total", "counter",
                           "connections of trusted proxies without a valid PROXY header"},
    [C_USERS_OPEN] = {"users_open", "gauge", "user connections open"},
    [C_REQUESTS] = {"requests_total", "counter", "HTTP requests parsed"},
    [C_REQUESTS_REFUSED] = {"requests_refused_total", "counter", "malformed or too slow HTTP requests"},
    [C_ANSWERS_2XX] = {"answers_2xx_total", "counter", "HTTP answers 200 to 299"},
    [C_ANSWERS_3XX] = {"answers_3xx_total", "counter", "HTTP answers 300 to 399"},
    [C_ANSWERS_4XX] = {"answers_4xx_total", "counter", "HTTP answers 400 to 499"},
    [C_ANSWERS_5XX] = {"answers_5xx_total", "counter", "HTTP answers 500 to 599"},
    [C_JUDGE_FAILED] = {"judge_failed_total", "counter", "requests that judge did not answer"},
    [C_JUDGE_LOST] = {"judge_lost_total", "counter", "channels to judge that were lost"},
    [C_RELAYS_BEGUN] = {"relays_begun_total", "counter", "relayed sessions begun"},
    [C_RELAYS_OPEN] = {"relays_open", "gauge", "relayed sessions open"},
    [C_RELAYS_MOVED] = {"relays_moved_total", "counter", "user connections that changed thread"},
    [C_RELAYS_NO_TUNNEL] = {"relays_no_tunnel_total", "counter", "sessions refused: no live connector"},
    [C_RELAYS_ORIGIN_FAILED] = {"relays_origin_failed_total", "counter", "sessions refused: service not reached"},
    [C_RELAYS_CUT] = {"relays_cut_total", "counter", "sessions ended by judge or by their deadline"},
    [C_HTTP_BEGUN] = {"http_relayed_total", "counter", "HTTP requests relayed to services"},
    [C_HTTP_OPEN] = {"http_open", "gauge", "HTTP requests under way to services"},
    [C_HTTP_FAILED] = {"http_failed_total", "counter", "relayed HTTP requests without a whole answer of the service"},
    [C_SESSIONS_BEGUN] = {"sessions_begun_total", "counter", "user connections given to session processes"},
    [C_SESSIONS_OPEN] = {"sessions_open", "gauge", "user connections open to session processes"},
    [C_BYTES_UP] = {"relay_bytes_up_total", "counter", "bytes from users of ended sessions"},
    [C_BYTES_DOWN] = {"relay_bytes_down_total", "counter", "bytes to users of ended sessions"},
    [C_LINKS_ACCEPTED] = {"links_accepted_total", "counter", "tunnel connections accepted"},
    [C_LINKS_REFUSED] = {"links_refused_total", "counter", "tunnel connections refused"},
    [C_LINKS_REGISTERED] = {"links_registered_total", "counter", "tunnel connections registered"},
    [C_LINKS_OPEN] = {"links_open", "gauge", "tunnel connections open"},
    [C_LINKS_LOST] = {"links_lost_total", "counter", "registered tunnel connections lost"},
    [C_LEAVES] = {"certificates_taken_total", "counter", "certificates taken into use"},
};

static void
put_counters(struct front *f, struct buf *out)
{
	for (size_t i = 0; i < C_N; i++)
		buf_putf(out, "# HELP sallyport_front_%s %s\n# TYPE sallyport_front_%s %s\nsallyport_front_%s %llu\n",
		         names[i].name, names[i].help, names[i].name, names[i].type, names[i].name,
		         (unsigned long long)atomic_load_explicit(&f->counters[i], memory_order_relaxed));
	buf_putf(out,
	         "# HELP sallyport_front_threads loop threads\n# TYPE sallyport_front_threads "
	         "gauge\nsallyport_front_threads %u\n",
	         f->nthreads);
}

static void
answer(struct http_server *s, unsigned status, const char *type, struct slice body)
{
	const struct http1_header h[] = {{"content-type", type}, {"cache-control", "no-store"}};

	http_server_respond(s, &(struct http_reply){.status = status, .headers = h, .nheaders = 2, .body = body});
}

static void
answer_metrics(struct thread *t, struct http_server *s, const char *judge)
{
	struct buf out;

	buf_init(&out, FRONT_STATUS_MAX);
	put_counters(t->f, &out);
	buf_putf(&out,
	         "# HELP sallyport_judge_up judge answered\n# TYPE sallyport_judge_up gauge\nsallyport_judge_up %d\n",
	         judge != NULL);
	if (judge)
		buf_put_str(&out, judge);
	answer(s, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&out));
	buf_release(&out);
}

static void
answer_ready(struct thread *t, struct http_server *s, const struct fj_status_is *m)
{
	struct tls_ctx *users = certs_get(t->f, LISTEN_USERS), *tunnels = certs_get(t->f, LISTEN_TUNNELS);
	bool tls = users && tunnels, draining = atomic_load(&t->f->draining);
	bool ready = m && m->ready && tls && !draining;
	struct buf out;

	tls_ctx_unref(users);
	tls_ctx_unref(tunnels);
	buf_init(&out, 4096);
	buf_putf(&out, "%s\njudge: %s\ncertificate: %s\n",
	         ready      ? "ready"
	         : draining ? "draining"
	                    : "not ready",
	         !m         ? "no answer"
	         : m->ready ? "ready"
	                    : "not ready",
	         tls ? "yes" : "not yet");
	if (m && m->roles[0])
		buf_putf(&out, "roles: %s\n", m->roles);
	answer(s, ready ? 200 : 503, "text/plain; charset=utf-8", buf_slice(&out));
	buf_release(&out);
}

static void
on_status(int err, const void *m, void *arg)
{
	const struct fj_status_is *st = err == 0 ? m : NULL;
	struct scrape *k = arg;
	struct thread *t = k->t;
	struct http_server *s = k->s;

	if (s) {
		((struct watcher *)http_server_arg(s))->asked = NULL;
		if (k->ready)
			answer_ready(t, s, st);
		else
			answer_metrics(t, s, st ? st->metrics : NULL);
	}
	free(k);
}

static void
ask(struct watcher *w, bool ready)
{
	struct scrape *k = malloc(sizeof *k);

	if (!k) {
		http_server_text(w->s, 503, "SP-1007 no memory", true);
		return;
	}
	*k = (struct scrape){w->t, w->s, ready};
	w->asked = k;
	if (!w->t->judge || ipc_request(w->t->judge, &fj_status_def, &(struct fj_status){0}, &fj_status_is_def,
	                                FRONT_STATUS_MS, on_status, k) < 0)
		on_status(E_CLOSED, NULL, k);
}

static void
on_request(struct http_server *s, const struct http_request *r, void *arg)
{
	struct watcher *w = arg;
	size_t n = strcspn(r->target, "?");
	struct slice path = {(const uint8_t *)r->target, n};

	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
		http_server_text(s, 405, "SP-1012 method not allowed", false);
	else if (slice_eq_str(path, "/healthz"))
		http_server_text(s, 200, "ok", false);
	else if (slice_eq_str(path, "/readyz"))
		ask(w, true);
	else if (slice_eq_str(path, "/metrics"))
		ask(w, false);
	else
		http_server_text(s, 404, "SP-1011 no such page", false);
}

static void
on_closed(struct http_server *s, enum conn_why why, void *arg)
{
	struct watcher *w = arg;

	(void)s, (void)why;
	if (w->asked)
		w->asked->s = NULL;
	open_now--;
	free(w);
}

static const struct http_server_ops watcher_ops = {.request = on_request, .closed = on_closed};

void
metrics_accept(int fd, void *thread)
{
	static const struct http_limits lim = {.handshake_ms = 5000,
	                                       .head_ms = 5000,
	                                       .body_ms = 5000,
	                                       .idle_ms = FRONT_IDLE_MS,
	                                       .send_ms = 10000,
	                                       .body_max = 1024};
	struct watcher *w = open_now < FRONT_METRICS_CONNS ? calloc(1, sizeof *w) : NULL;

	if (!w) {
		close(fd);
		return;
	}
	w->t = thread;
	if (http_server_new(w->t->loop, fd, NULL, &lim, &watcher_ops, w, &w->s) < 0) {
		free(w);
		return;
	}
	open_now++;
}
