#include "store/pg.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "store/pg_url.h"

#define ATTEMPT_MS 5000 /* one connection attempt, all hosts together */
#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 5000

enum pg_state { PG_DOWN, PG_CONNECTING, PG_SETUP, PG_UP };

struct pg {
	PGconn *c;
	struct pg_url url;
	enum pg_state state;
	PostgresPollingStatusType want; /* while connecting */
	int64_t began, next_try, backoff;
	pg_setup_fn *setup;
	void *arg;
	int epfd, evfd, watched;
	bool news, was_up;
	bool served;   /* this connection has done something since it was set up */
	char why[200]; /* of the last failure */
};

/* --- results ------------------------------------------------------------------------------------------------------ */

size_t
pg_rows_n(const struct pg_rows *r)
{
	return r->res ? (size_t)PQntuples(r->res) : 0;
}

const char *
pg_text(const struct pg_rows *r, size_t row, int col)
{
	return PQgetvalue(r->res, (int)row, col);
}

struct slice
pg_bytes(const struct pg_rows *r, size_t row, int col)
{
	return (struct slice){(const uint8_t *)PQgetvalue(r->res, (int)row, col),
	                      (size_t)PQgetlength(r->res, (int)row, col)};
}

int64_t
pg_num(const struct pg_rows *r, size_t row, int col)
{
	struct slice s = pg_bytes(r, row, col);
	uint64_t v = 0;

	if (s.n != 8)
		return 0;
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | s.p[i];
	return (int64_t)v;
}

void
pg_rows_free(struct pg_rows *r)
{
	PQclear(r->res);
	r->res = NULL;
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

static struct pg_call *
add(struct pg_batch *b, int which, const char *sql)
{
	static struct pg_call nowhere;
	struct pg_call *c = b->n < b->max ? &b->call[b->n] : &nowhere;

	b->n++;
	*c = (struct pg_call){.which = which, .sql = sql};
	return c;
}

struct pg_call *
pg_add(struct pg_batch *b, int which)
{
	return add(b, which, NULL);
}

struct pg_call *
pg_add_sql(struct pg_batch *b, const char *sql)
{
	return add(b, -1, sql);
}

void
pg_arg_text(struct pg_call *c, const char *s)
{
	if (c->nargs < PG_ARGS_MAX)
		c->arg[c->nargs++] = s;
}

void
pg_arg_num(struct pg_call *c, int64_t v)
{
	char *to = c->num[0][0] ? c->num[1] : c->num[0];

	snprintf(to, sizeof c->num[0], "%lld", (long long)v);
	pg_arg_text(c, to);
}

void
pg_arg_bytes(struct pg_call *c, const void *p, size_t n)
{
	c->size[c->nargs] = (int)n;
	pg_arg_text(c, n ? p : "");
}

/* --- the connection ------------------------------------------------------------------------------------------------
 */

static void
watch(struct pg *p, uint32_t events)
{
	int fd = p->c ? PQsocket(p->c) : -1;
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (p->watched >= 0 && p->watched != fd)
		epoll_ctl(p->epfd, EPOLL_CTL_DEL, p->watched,
		          NULL); /* libpq may have closed it: then it is out already */
	p->watched = fd;
	if (fd >= 0 && epoll_ctl(p->epfd, EPOLL_CTL_MOD, fd, &ev) < 0)
		epoll_ctl(p->epfd, EPOLL_CTL_ADD, fd, &ev);
}

/* libpq says first which server it was; that is said already. */
static void
note_why(struct pg *p, const char *text)
{
	const char *at = strstr(text, "failed: ");

	if (at)
		text = at + 8;
	if (str_starts(text, "FATAL:  "))
		text += 8;
	size_t n = strcspn(text, "\n");

	snprintf(p->why, sizeof p->why, "%.*s", (int)(n < 180 ? n : 180), text);
}

void
pg_drop(struct pg *p)
{
	if (!p->c)
		return;
	if (p->watched >= 0)
		epoll_ctl(p->epfd, EPOLL_CTL_DEL, p->watched, NULL);
	p->watched = -1;
	PQfinish(p->c);
	p->c = NULL;
	p->state = PG_DOWN;
}

/* A connection that worked is made again at once; one that never came about, later and later. */
static void
failed(struct pg *p, const char *why)
{
	int64_t now = clock_mono_ms();

	note_why(p, why && *why ? why : "no answer");
	if (p->state == PG_UP && p->served)
		p->backoff = 0;
	else
		p->backoff = p->backoff ? p->backoff * 2 : BACKOFF_MIN_MS;
	if (p->backoff > BACKOFF_MAX_MS)
		p->backoff = BACKOFF_MAX_MS;
	p->next_try = now + p->backoff;
	pg_drop(p);
}

static int
refusal(const struct pg *p, struct reason *r)
{
	int64_t ms = p->next_try - clock_mono_ms();

	return reason_set(r, E_IO, 0, "store: %s is not reachable (%.90s); tried again %s", pg_name(p),
	                  p->why[0] ? p->why : "connecting", ms > 0 ? "within seconds" : "now");
}

/* Acknowledged means on disk, whatever the server's default: synchronous_commit off would lose commits in a crash. */
static int
session_limits(struct pg *p, struct reason *r)
{
	struct pg_call call[2];
	struct pg_batch b = {call, 0, 2};
	struct pg_call *c = pg_add_sql(
	    &b, "SELECT set_config('statement_timeout',$1,false), set_config('lock_timeout',$2,false),"
	        " set_config('idle_in_transaction_session_timeout','30000',false),"
	        " set_config('default_transaction_isolation','read committed',false),"
	        " set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
	        " ELSE current_setting('synchronous_commit') END, false)");

	pg_arg_num(c, PG_STATEMENT_MS);
	pg_arg_num(c, PG_LOCK_MS);
	return pg_run(p, &b, NULL, r);
}

static void
established(struct pg *p)
{
	struct reason why = {0};

	p->state = PG_SETUP;
	int e = PQsetnonblocking(p->c, 1) == 0 && PQenterPipelineMode(p->c) == 1 ? 0 : E_IO;
	if (e == 0)
		e = session_limits(p, &why);
	if (e == 0)
		e = p->setup(p, p->arg, &why);
	if (e < 0) {
		failed(p, why.text[0] ? why.text : p->c ? PQerrorMessage(p->c) : err_str(e));
		return;
	}
	p->state = PG_UP;
	p->served = false;
	p->why[0] = '\0';
	p->news = p->was_up; /* what was told while we were away */
	p->was_up = true;
	watch(p, EPOLLIN);
}

static void
no_notices(void *arg, const PGresult *res)
{
}

static void
start(struct pg *p)
{
	p->began = clock_mono_ms();
	p->c = PQconnectStartParams((const char *const *)p->url.key, (const char *const *)p->url.value, 0);
	if (!p->c || PQstatus(p->c) == CONNECTION_BAD) {
		failed(p, p->c ? PQerrorMessage(p->c) : "out of memory");
		p->state = PG_DOWN;
		return;
	}
	PQsetNoticeReceiver(p->c, no_notices, NULL);
	p->state = PG_CONNECTING;
	p->want = PGRES_POLLING_WRITING;
	watch(p, EPOLLOUT);
}

/* Waits until the socket is ready or the moment has come. false: not ready. */
static bool
ready(struct pg *p, short events, int64_t until)
{
	struct pollfd f = {.fd = PQsocket(p->c), .events = events};
	int64_t ms = until - clock_mono_ms();
	int n = poll(&f, 1, ms > 0 ? (int)ms : 0);

	return n > 0 || (n < 0 && errno == EINTR && ms > 0);
}

/* One step of connecting, waiting for it until then. false: nothing happened. */
static bool
connect_step(struct pg *p, int64_t until)
{
	int64_t end = p->began + ATTEMPT_MS;

	if (!ready(p, p->want == PGRES_POLLING_READING ? POLLIN : POLLOUT, until < end ? until : end)) {
		if (clock_mono_ms() < end)
			return false;
		failed(p, "no answer within 5 s");
		return true;
	}
	p->want = PQconnectPoll(p->c);
	if (p->want == PGRES_POLLING_FAILED)
		failed(p, PQerrorMessage(p->c));
	else if (p->want == PGRES_POLLING_OK)
		established(p);
	else
		watch(p, p->want == PGRES_POLLING_READING ? EPOLLIN : EPOLLOUT);
	return true;
}

int
pg_up(struct pg *p, int64_t budget_ms, struct reason *r)
{
	for (;;) {
		if (p->state == PG_UP || p->state == PG_SETUP)
			return 0;
		int64_t now = clock_mono_ms();
		if (p->state == PG_DOWN && now < p->next_try)
			return refusal(p, r);
		if (p->state == PG_DOWN)
			start(p);
		/* the budget is that of the attempt: further callers of a silent server do not wait again */
		else if (!connect_step(p, p->began + budget_ms))
			return refusal(p, r);
	}
}

static void
hear(struct pg *p)
{
	uint64_t one = 1;
	PGnotify *n;

	while (p->c && (n = PQnotifies(p->c))) {
		if (n->be_pid != PQbackendPID(p->c) && !p->news) {
			p->news = true;
			if (write(p->evfd, &one, sizeof one) < 0)
				p->news = true; /* the counter is full: readable anyway */
		}
		PQfreemem(n);
	}
}

void
pg_step(struct pg *p)
{
	if (p->state != PG_UP) {
		pg_up(p, 0, NULL);
		return;
	}
	if (!PQconsumeInput(p->c)) {
		failed(p, PQerrorMessage(p->c));
		pg_up(p, 0, NULL);
		return;
	}
	hear(p);
}

bool
pg_news(struct pg *p)
{
	bool news = p->news;
	uint64_t n;

	if (news && read(p->evfd, &n, sizeof n) < 0)
		n = 0;
	p->news = false;
	return news;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *state; /* or its first letters */
	int err;
	const char *text;
} states[] = {
    {"23505", E_EXIST, "a unique key is taken"},
    {"22012", E_STATE, "this connection was given up"}, /* the guard of a commit: schema_pg.c */
    {"40001", E_AGAIN, "another process changed the same at the same time; try again"},
    {"40P01", E_AGAIN, "another process changed the same at the same time; try again"},
    {"55P03", E_AGAIN, "another process holds what is needed; try again"},
    {"57014", E_AGAIN, "the database took longer than 4 s; try again"},
    {"53100", E_IO, "the database's disk is full; give it space, nothing else needs doing"},
    {"53", E_IO, "the database has no resources left"},
    {"25006", E_IO, "the database takes no writes (a standby?)"},
    {"42501", E_IO, "the database's user lacks a right; it must own its database"},
    {"42P01", E_IO, "a table of ours is missing; restore a backup with 'sallyportd restore'"},
    {"XX001", E_IO, "the database is damaged; restore a backup with 'sallyportd restore'"},
    {"XX002", E_IO, "the database is damaged; restore a backup with 'sallyportd restore'"},
};

static int
fail_result(const struct pg *p, const PGresult *res, struct reason *r)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE), *msg;

	msg = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	for (size_t i = 0; state && i < sizeof states / sizeof *states; i++)
		if (str_starts(state, states[i].state))
			return reason_set(r, states[i].err, 0, "store: %s: %s (%.60s)", pg_name(p), states[i].text,
			                  msg ? msg : "");
	return reason_set(r, E_IO, 0, "store: %s: %.120s", pg_name(p), msg ? msg : PQresultErrorMessage(res));
}

/* The server ends the connection with an error of this severity. */
static bool
is_fatal(const PGresult *res)
{
	const char *s = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);

	return s && (!strcmp(s, "FATAL") || !strcmp(s, "PANIC"));
}

static int
lost(struct pg *p, const char *why, struct reason *r)
{
	char text[160];

	snprintf(text, sizeof text, "%.*s", (int)strcspn(why, "\n"), why);
	failed(p, text);
	return reason_set(r, E_CLOSED, 0, "store: the connection to %s was lost (%.80s)", pg_name(p), text);
}

static int
send_all(struct pg *p, const struct pg_batch *b)
{
	int ok = 1;

	for (size_t i = 0; ok && i < b->n; i++) {
		const struct pg_call *c = &b->call[i];
		int format[PG_ARGS_MAX] = {0};
		char name[16];
		for (int k = 0; k < c->nargs; k++)
			format[k] = c->size[k] || (c->arg[k] && !*c->arg[k]);
		snprintf(name, sizeof name, "s%d", c->which);
		if (c->sql && c->which >= 0)
			ok = PQsendPrepare(p->c, name, c->sql, 0, NULL);
		else if (c->sql)
			ok = PQsendQueryParams(p->c, c->sql, c->nargs, NULL, c->arg, c->size, format, 1);
		else
			ok = PQsendQueryPrepared(p->c, name, c->nargs, c->arg, c->size, format, 1);
	}
	return ok && PQpipelineSync(p->c) == 1 ? 0 : E_CLOSED;
}

/* The next result, NULL between calls. */
static int
next(struct pg *p, int64_t until, PGresult **ret_res)
{
	int left = 1;

	for (;;) {
		if (left && (left = PQflush(p->c)) < 0)
			return E_CLOSED;
		if (!PQisBusy(p->c))
			break;
		if (clock_mono_ms() >= until)
			return E_TIMEOUT;
		if (ready(p, (short)(left ? POLLIN | POLLOUT : POLLIN), until) && !PQconsumeInput(p->c))
			return E_CLOSED;
	}
	*ret_res = PQgetResult(p->c);
	return 0;
}

struct run {
	size_t at; /* call whose results are read */
	bool synced, fatal;
	int err;
	size_t failed;
};

static void
take(const struct pg *p, struct pg_batch *b, struct run *run, PGresult *res, struct reason *r)
{
	ExecStatusType st = PQresultStatus(res);

	if (st == PGRES_PIPELINE_SYNC) {
		run->synced = true;
	} else if (st == PGRES_TUPLES_OK || st == PGRES_COMMAND_OK) {
		if (run->at < b->n && b->call[run->at].rows && !b->call[run->at].rows->res) {
			b->call[run->at].rows->res = res;
			return;
		}
	} else if (st != PGRES_PIPELINE_ABORTED && run->err == 0) {
		run->err = fail_result(p, res, r);
		run->failed = run->at;
		run->fatal = is_fatal(res);
	}
	PQclear(res);
}

static int
read_all(struct pg *p, struct pg_batch *b, struct run *run, struct reason *r)
{
	int64_t until = clock_mono_ms() + PG_CALL_MS;

	while (!run->synced && !run->fatal) {
		PGresult *res = NULL;
		int e = next(p, until, &res);
		if (e == E_TIMEOUT)
			return lost(p, "no answer within 6 s", r);
		if (e < 0 || PQstatus(p->c) == CONNECTION_BAD) {
			PQclear(res);
			return lost(p, PQerrorMessage(p->c), r);
		}
		if (res)
			take(p, b, run, res, r);
		else
			run->at++;
	}
	return 0;
}

int
pg_run(struct pg *p, struct pg_batch *b, size_t *ret_failed, struct reason *r)
{
	struct run run = {0};
	int e;

	if (b->n > b->max)
		return reason_set(r, E_LIMIT, 0, "store: too many statements at once");
	if (!p->c || p->state < PG_SETUP)
		return reason_set(r, E_CLOSED, 0, "store: the connection to %s was lost", pg_name(p));
	e = send_all(p, b);
	if (e < 0) {
		e = lost(p, PQerrorMessage(p->c), r);
	} else {
		e = read_all(p, b, &run, r);
		if (e == 0 && run.fatal)
			e = lost(p, r ? r->text : "the server ended it", r);
	}
	if (e == 0)
		e = run.err;
	p->served |= e == 0 && p->state == PG_UP;
	hear(p);
	if (e < 0)
		for (size_t i = 0; i < b->n; i++)
			if (b->call[i].rows)
				pg_rows_free(b->call[i].rows);
	if (e < 0 && ret_failed)
		*ret_failed = run.failed;
	return e;
}

int
pg_prepare(struct pg *p, const char *const *sql, int n, struct reason *r)
{
	struct pg_batch b = {calloc((size_t)n, sizeof *b.call), 0, (size_t)n};
	int e = b.call ? 0 : E_NOMEM;

	for (int i = 0; e == 0 && i < n; i++)
		add(&b, i, sql[i]);
	if (e == 0)
		e = pg_run(p, &b, NULL, r);
	free(b.call);
	return e;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

int
pg_new(const char *url, pg_setup_fn *setup, void *arg, struct pg **ret_p, struct reason *r)
{
	struct pg *p = calloc(1, sizeof *p);
	struct epoll_event ev = {.events = EPOLLIN};
	int e;

	if (!p)
		return E_NOMEM;
	p->watched = p->epfd = p->evfd = -1;
	p->setup = setup;
	p->arg = arg;
	e = pg_url_parse(url, &p->url, r);
	if (e == 0) {
		p->epfd = epoll_create1(EPOLL_CLOEXEC);
		p->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (p->epfd < 0 || p->evfd < 0 || epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->evfd, &ev) < 0)
			e = reason_set(r, E_IO, 0, "store: %s", strerror(errno));
	}
	if (e < 0) {
		pg_free(p);
		return e;
	}
	*ret_p = p;
	return 0;
}

void
pg_free(struct pg *p)
{
	if (!p)
		return;
	pg_drop(p);
	if (p->epfd >= 0)
		close(p->epfd);
	if (p->evfd >= 0)
		close(p->evfd);
	pg_url_release(&p->url);
	free(p);
}

const char *
pg_name(const struct pg *p)
{
	return p->url.name;
}

int
pg_fd(const struct pg *p)
{
	return p->epfd;
}

size_t
pg_ports(const struct pg *p, uint16_t *ports, size_t max)
{
	size_t n = 0;

	for (; n < p->url.nports && n < max; n++)
		ports[n] = p->url.port[n];
	return n;
}
