#include "edge/fetch/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"
#include "core/str.h"
#include "core/url.h"

/* libcurl has one multi handle for the process: fetch is one loop. */
static struct {
	struct loop *loop;
	const struct guard *guard;
	const char *ca_file;
	CURLM *multi;
	struct loop_timer timer;
} g;

struct ask {
	CURL *easy;
	struct curl_slist *headers; /* or recipients */
	struct buf mail;
	bool trusted; /* the address is the operator's: not guarded */
	struct buf body;
	char *form;
	char host[HOST_MAX + 1];
	char why[CURL_ERROR_SIZE];
	struct reason guarded; /* why the guard refused, if it did */
	http_done_fn *fn;
	void *arg;
};

static void
ask_free(struct ask *a)
{
	if (!a)
		return;
	curl_easy_cleanup(a->easy);
	curl_slist_free_all(a->headers);
	buf_release(&a->body);
	buf_release(&a->mail);
	if (a->form)
		mem_wipe(a->form, strlen(a->form));
	free(a->form);
	free(a);
}

static void
ask_finish(CURLMsg *m)
{
	struct ask *a = NULL;
	long status = 0;
	curl_off_t ready = 0; /* microseconds until the request could be sent; 0 = never */
	int err = m->data.result == CURLE_OK ? 0 : m->data.result == CURLE_OPERATION_TIMEDOUT ? E_TIMEOUT : E_IO;

	curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &a);
	curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(m->easy_handle, CURLINFO_PRETRANSFER_TIME_T, &ready);
	if (err && !ready)
		err = E_AGAIN;
	const char *why = a->guarded.code ? a->guarded.text : a->why[0] ? a->why : curl_easy_strerror(m->data.result);
	curl_multi_remove_handle(g.multi, a->easy);
	a->fn(err, status, buf_slice(&a->body), err ? why : "", a->arg);
	ask_free(a);
}

static void
harvest(void)
{
	int left;

	for (CURLMsg *m; (m = curl_multi_info_read(g.multi, &left));)
		if (m->msg == CURLMSG_DONE)
			ask_finish(m);
}

static void
on_timer(void *arg)
{
	int running;

	curl_multi_socket_action(g.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	harvest();
}

static int
want_timer(CURLM *m, long ms, void *arg)
{
	if (ms < 0)
		timer_stop(&g.timer);
	else
		timer_start(g.loop, &g.timer, ms, on_timer, NULL);
	return 0;
}

static void
on_socket(int fd, int events, void *arg)
{
	int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0), running;

	curl_multi_socket_action(g.multi, fd, mask, &running);
	harvest();
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sockp)
{
	struct loop_watch *w = sockp;

	if (what == CURL_POLL_REMOVE) {
		if (w) {
			watch_stop(w);
			free(w);
			curl_multi_assign(g.multi, fd, NULL);
		}
		return 0;
	}
	int events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	if (w)
		return watch_events(w, events);
	w = calloc(1, sizeof *w);
	if (!w)
		return -1;
	curl_multi_assign(g.multi, fd, w);
	return watch_start(g.loop, w, fd, events, on_socket, NULL);
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct ask *a = arg;

	return buf_put(&a->body, p, size * n) == 0 ? size * n : 0;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *sa)
{
	struct ask *a = arg;

	if (!a->trusted && guard_check(g.guard, a->host, &sa->addr, &a->guarded) < 0)
		return CURL_SOCKET_BAD;
	return socket(sa->family, sa->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, sa->protocol);
}

int
http_start(struct loop *l, const struct guard *guard, const char *ca_file)
{
	g.loop = l;
	g.guard = guard;
	g.ca_file = ca_file;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(g.multi = curl_multi_init()))
		return E_NOMEM;
	curl_multi_setopt(g.multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(g.multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(g.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 32L);
	return 0;
}

void
http_stop(void)
{
	timer_stop(&g.timer);
	if (g.multi)
		curl_multi_cleanup(g.multi);
	g.multi = NULL;
	curl_global_cleanup();
}

static int
set_headers(struct ask *a, const struct http_ask *q)
{
	struct curl_slist *h = curl_slist_append(NULL, "Accept: application/json");

	if (!h)
		return E_NOMEM;
	a->headers = h;
	if (q->json && !curl_slist_append(h, "Content-Type: application/json"))
		return E_NOMEM;
	if (q->bearer) {
		char *line = str_fmt("Authorization: %s %s", q->scheme ? q->scheme : "Bearer", q->bearer);
		if (!line || strpbrk(line, "\r\n"))
			return free(line), E_FORMAT;
		curl_slist_append(h, line);
		mem_wipe(line, strlen(line));
		free(line);
	}
	curl_easy_setopt(a->easy, CURLOPT_HTTPHEADER, h);
	return 0;
}

static int
set_options(struct ask *a, const struct http_ask *q)
{
	CURL *e = a->easy;

	curl_easy_setopt(e, CURLOPT_URL, q->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
	                 "https,http"); /* http only reaches loopback: oidc_url_ok was asked before */
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, q->timeout_ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, q->timeout_ms / 2);
	curl_easy_setopt(e, CURLOPT_MAXFILESIZE, (long)q->body_max);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "sallyport/" SALLYPORT_VERSION);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, a->why);
	curl_easy_setopt(e, CURLOPT_PRIVATE, a);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, a);
	if (g.ca_file[0])
		curl_easy_setopt(e, CURLOPT_CAINFO, g.ca_file);
	if (a->form) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, a->form);
		/* On a connection used before, libcurl repeats what had no answer; a code or a refresh token must not
		   be sent twice without our knowing. */
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
	}
	if (q->user) {
		curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(e, CURLOPT_USERNAME, q->user);
		curl_easy_setopt(e, CURLOPT_PASSWORD, q->secret ? q->secret : "");
	}
	return set_headers(a, q);
}

int
http_ask(const struct http_ask *q, http_done_fn *fn, void *arg)
{
	struct ask *a = calloc(1, sizeof *a);
	struct url u = {0};
	int r = E_NOMEM;

	if (!a)
		return E_NOMEM;
	buf_init_secret(&a->body, q->body_max);
	a->fn = fn;
	a->arg = arg;
	r = url_parse(q->url, &u);
	if (r < 0)
		goto out;
	str_copy(a->host, sizeof a->host, u.at.host);
	r = E_NOMEM;
	if (!(a->easy = curl_easy_init()) || (q->form && !(a->form = str_dup(q->form))))
		goto out;
	r = set_options(a, q);
	if (r < 0)
		goto out;
	r = curl_multi_add_handle(g.multi, a->easy) ? E_NOMEM : 0;
	if (r == 0)
		a = NULL;
out:
	url_release(&u);
	ask_free(a);
	return r;
}

/* --- mail ----------------------------------------------------------------------------------------------------------
 */

static size_t
on_mail_text(char *p, size_t size, size_t n, void *arg)
{
	struct ask *a = arg;
	struct slice s;
	size_t k = buf_len(&a->mail) < size * n ? buf_len(&a->mail) : size * n;

	if (buf_get(&a->mail, k, &s) < 0)
		return CURL_READFUNC_ABORT;
	memcpy(p, s.p, k);
	return k;
}

static void
set_mail(struct ask *a, const struct http_mail *m)
{
	CURL *e = a->easy;

	curl_easy_setopt(e, CURLOPT_URL, m->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(e, CURLOPT_USE_SSL, m->tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, m->timeout_ms);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, a->why);
	curl_easy_setopt(e, CURLOPT_PRIVATE, a);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, a);
	curl_easy_setopt(e, CURLOPT_MAIL_FROM, m->from);
	curl_easy_setopt(e, CURLOPT_MAIL_RCPT, a->headers);
	curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, on_mail_text);
	curl_easy_setopt(e, CURLOPT_READDATA, a);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, a);
	if (g.ca_file[0])
		curl_easy_setopt(e, CURLOPT_CAINFO, g.ca_file);
	if (m->user) {
		curl_easy_setopt(e, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(e, CURLOPT_PASSWORD, m->password);
	}
}

int
http_mail(const struct http_mail *m, http_done_fn *fn, void *arg)
{
	struct ask *a = calloc(1, sizeof *a);
	int r = E_NOMEM;

	if (!a)
		return E_NOMEM;
	buf_init_secret(&a->body, 65536);
	buf_init_secret(&a->mail, m->text.n);
	a->fn = fn;
	a->arg = arg;
	a->trusted = true;
	if (buf_put_slice(&a->mail, m->text) < 0 || !(a->easy = curl_easy_init()) ||
	    !(a->headers = curl_slist_append(NULL, m->to)))
		goto out;
	set_mail(a, m);
	r = curl_multi_add_handle(g.multi, a->easy) ? E_NOMEM : 0;
	if (r == 0)
		a = NULL;
out:
	ask_free(a);
	return r;
}
