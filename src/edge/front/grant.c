#include "edge/front/grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"

#define NOTE_MAX (48u << 10)

const char *
h2_header_find(const struct h2_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(h[i].name, name) == 0)
			return h[i].value;
	return NULL;
}

/* In one allocation that lives as long as the grant. The address is the one judge decided by: behind a trusted proxy
   that is not our peer's. */
static char *
make_note(const struct fj_answer *a, const char *ip)
{
	const char *part[6] = {a->tunnel, a->authority, a->path, ip, "", ""}, *p;
	struct buf b;

	for (size_t i = 0; i + 1 < a->headers.n; i += 2)
		if (strcasecmp(a->headers.v[i], "cf-access-jwt-assertion") == 0)
			part[4] = a->headers.v[i + 1];
		else if (strcasecmp(a->headers.v[i], "cf-connecting-ip") == 0)
			part[3] = a->headers.v[i + 1];
		else if (strcasecmp(a->headers.v[i], "cf-access-jump-destination") == 0)
			part[5] = a->headers.v[i + 1];
	buf_init(&b, NOTE_MAX);
	for (size_t i = 0; i < 6; i++)
		if (buf_put(&b, part[i], strlen(part[i]) + 1) < 0)
			goto fail;
	p = buf_cstr(&b);
	if (p) {
		char *r = realloc(b.d, buf_len(&b) + 1);

		if (r)
			return r;
	}
fail:
	buf_release(&b);
	return NULL;
}

int
grant_take(struct grant *g, struct thread *t, const struct fj_answer *a, const char *ip)
{
	g->ticket = a->ticket;
	g->since = clock_wall();
	g->until = a->until;
	g->http = a->action == ANSWER_HTTP;
	if (a->ticket == 0 || uuid_parse(a->tunnel, g->tunnel) < 0)
		return E_FORMAT;
	g->note = make_note(a, ip);
	if (!g->note)
		return E_NOMEM;
	return tickets_put(&t->f->tickets, g->ticket, t->index, g);
}

int
grant_head_take(struct grant_head *o, const struct fj_answer *a, const char *method)
{
	const char *fixed[][2] = {{":method", method},
	                          {":scheme", "https"},
	                          {":authority", a->raw[0] ? a->raw : a->authority},
	                          {":path", a->path}};

	if (a->headers.n % 2 || a->headers.n / 2 > FRONT_ANSWER_HEADERS)
		return E_LIMIT;
	for (size_t i = 0; i < 4; i++)
		o->h[o->nh++] = (struct h2_header){fixed[i][0], arena_str(&o->mem, fixed[i][1])};
	for (size_t i = 0; i + 1 < a->headers.n; i += 2)
		o->h[o->nh++] =
		    (struct h2_header){arena_str(&o->mem, a->headers.v[i]), arena_str(&o->mem, a->headers.v[i + 1])};
	for (size_t i = 0; i < o->nh; i++)
		if (!o->h[i].name || !o->h[i].value)
			return E_NOMEM;
	return 0;
}

bool
grant_moved(struct grant *g, struct thread *t)
{
	return tickets_move(&t->f->tickets, g->ticket, t->index);
}

struct slice
grant_cert(const struct conn *user, const char *host)
{
	struct slice der;

	if (!user || conn_client_der(user, &der) < 0 || strcasecmp(conn_sni(user), host) != 0)
		return (struct slice){0};
	return der;
}

void
grant_announce(const struct grant *g, struct thread *t, const struct conn *user)
{
	char host[301];

	struct fj_ticket_live m = {
	    .ticket = g->ticket, .since = g->since, .until = g->until, .http = g->http, .session = g->session};

	if (!g->ticket || !g->note)
		return;
	m.tunnel = g->note;
	m.authority = m.tunnel + strlen(m.tunnel) + 1;
	m.path = m.authority + strlen(m.authority) + 1;
	m.client_ip = m.path + strlen(m.path) + 1;
	m.assertion = m.client_ip + strlen(m.client_ip) + 1;
	m.destination = m.assertion + strlen(m.assertion) + 1;
	if (str_copy_n(host, sizeof host, m.authority, strcspn(m.authority, ":")) == 0)
		m.cert = grant_cert(user, host);
	ipc_send(t->judge, &fj_ticket_live_def, &m);
}

void
grant_end(struct grant *g, struct thread *t, uint64_t up, uint64_t down, const char *why)
{
	if (!g->ticket)
		return;
	tickets_del(&t->f->tickets, g->ticket);
	ipc_send(t->judge, &fj_ticket_ended_def,
	         &(struct fj_ticket_ended){.ticket = g->ticket, .bytes_up = up, .bytes_down = down, .why = why});
	g->ticket = 0;
	free(g->note);
	g->note = NULL;
}

void
grant_orphan(struct thread *t, const struct fj_answer *a, const char *why)
{
	ipc_send(t->judge, &fj_ticket_ended_def, &(struct fj_ticket_ended){.ticket = a->ticket, .why = why});
}

struct cut_post {
	struct thread *t;
	uint64_t ticket;
	char why[64];
};

static void
cut_here(struct thread *t, uint64_t ticket, const char *why)
{
	struct grant *g = tickets_get(&t->f->tickets, ticket, t->index);

	if (g)
		g->cut(g, why[0] ? why : "cut");
}

static void
on_cut_post(void *arg)
{
	struct cut_post *p = arg;

	cut_here(p->t, p->ticket, p->why);
	free(p);
}

void
grant_cut(struct thread *t, uint64_t ticket, const char *why)
{
	struct cut_post *p;
	unsigned owner;

	if (tickets_cut(&t->f->tickets, ticket, &owner) < 0)
		return;
	if (owner == t->index) {
		cut_here(t, ticket, why);
		return;
	}
	/* Judge sends the order on every channel, but the owner may have read its copy before the ticket came to it. */
	p = calloc(1, sizeof *p);
	if (!p)
		return;
	p->t = t->f->threads[owner];
	p->ticket = ticket;
	snprintf(p->why, sizeof p->why, "%s", why);
	if (loop_post(p->t->loop, on_cut_post, p) < 0)
		free(p);
}
