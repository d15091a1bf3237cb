#include "edge/judge/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"
#include "msg/fetch.h"
#include "msg/front_judge.h"
#include "msg/judge_signer.h"

#define PING_MS 1500

/* A question of front's that waits for a neighbour. The channel may be another one by the time the answer comes. */
struct asked {
	struct front *f;
	unsigned generation;
	uint32_t id;
	bool signer_up, fetch_up;
};

static struct asked *
asked_new(struct front *f, uint32_t id)
{
	struct asked *a = calloc(1, sizeof *a);

	if (a)
		*a = (struct asked){.f = f, .generation = f->generation, .id = id};
	return a;
}

static void
answer(struct asked *a, const struct msg_def *d, const void *m)
{
	if (a->f->ipc && a->f->generation == a->generation)
		ipc_reply(a->f->ipc, a->id, d, m);
	free(a);
}

/* --- status ------------------------------------------------------------------------------------------------------ */

int
status_metrics(const struct judge *j, struct buf *out)
{
	const struct {
		const char *name, *kind;
		uint64_t v;
	} rows[] = {
	    {"sallyport_requests_total", "counter", j->n.requests},
	    {"sallyport_logins_total", "counter", j->n.logins},
	    {"sallyport_logins_refused_total", "counter", j->n.logins_refused},
	    {"sallyport_access_allowed_total", "counter", j->n.allowed},
	    {"sallyport_access_denied_total", "counter", j->n.denied},
	    {"sallyport_certificates_total", "counter", j->n.certs},
	    {"sallyport_certificates_refused_total", "counter", j->n.certs_refused},
	    {"sallyport_relays_total", "counter", j->n.relays},
	    {"sallyport_http_requests_total", "counter", j->n.http},
	    {"sallyport_cuts_total", "counter", j->n.cuts},
	    {"sallyport_relay_bytes_up_total", "counter", j->n.bytes_up},
	    {"sallyport_relay_bytes_down_total", "counter", j->n.bytes_down},
	    {"sallyport_relays", "gauge", map_len(&j->tickets)},
	    {"sallyport_tunnel_links", "gauge", map_len(&j->links)},
	    {"sallyport_sessions", "gauge", map_len(&j->sessions)},
	    {"sallyport_applications", "gauge", j->snap->napps},
	    {"sallyport_tunnels_seen", "gauge", map_len(&j->tunnels)},
	    {"sallyport_policy_epoch", "gauge", j->epoch},
	};
	int e = 0;
	for (size_t i = 0; e == 0 && i < sizeof rows / sizeof *rows; i++)
		e = buf_putf(out, "# TYPE %s %s\n%s %" PRIu64 "\n", rows[i].name, rows[i].kind, rows[i].name,
		             rows[i].v);
	return e;
}

json_t *
status_roles(const struct judge *j)
{
	json_t *o = json_object();

	for (int i = ROLE_FRONT; i < ROLE_SESSION; i++) {
		bool up = i == ROLE_JUDGE || (i == ROLE_SIGNER && j->signer) || (i == ROLE_FETCH && j->fetch);
		for (unsigned k = 0; i == ROLE_FRONT && k < JUDGE_FRONTS_MAX; k++)
			up |= j->front[k].ipc != NULL;
		json_object_set_new(
		    o, role_name((enum role)i),
		    json_pack("{s:s, s:I}", "state", up ? "up" : "down", "restarts", (json_int_t)j->roles[i].restarts));
	}
	return o;
}

static void
tell(struct asked *a)
{
	struct judge *j = a->f->j;
	struct buf b;
	json_t *roles = status_roles(j);
	char *text = json_dump_str(roles);

	buf_init(&b, 200000);
	status_metrics(j, &b);
	const char *metrics = buf_cstr(&b);
	struct fj_status_is m = {.ready = a->signer_up && a->fetch_up && j->jwks.n > 0,
	                         .roles = text ? text : "",
	                         .metrics = metrics ? metrics : ""};
	answer(a, &fj_status_is_def, &m);
	buf_release(&b);
	free(text);
	json_decref(roles);
}

static void
fetch_ponged(int err, const void *m, void *arg)
{
	struct asked *a = arg;
	a->fetch_up = err == 0;
	tell(a);
}

static void
signer_ponged(int err, const void *m, void *arg)
{
	struct asked *a = arg;
	struct jh_ping ping = {0};

	a->signer_up = err == 0;
	int e = a->f->j->fetch
	            ? ipc_request(a->f->j->fetch, &jh_ping_def, &ping, &jh_pong_def, PING_MS, fetch_ponged, a)
	            : E_CLOSED;
	if (e < 0)
		fetch_ponged(e, NULL, a);
}

void
status_asked(struct ipc *c, uint32_t id, const void *m, int fd, void *front)
{
	struct front *f = front;
	struct asked *a = asked_new(f, id);
	struct js_ping ping = {0};

	if (!a)
		return;
	int e = f->j->signer ? ipc_request(f->j->signer, &js_ping_def, &ping, &js_pong_def, PING_MS, signer_ponged, a)
	                     : E_CLOSED;
	if (e < 0)
		signer_ponged(e, NULL, a);
}
