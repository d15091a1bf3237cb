/* A connector dials in: its secret is compared in constant time with the tunnel's; unknown tunnel and wrong secret look
 * alike. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "edge/judge/tunnel_config.h"
#include "edge/judge/tunnel_sources.h"
#include "msg/front_judge.h"

/* The word "Unauthorized" makes a stock connector go on trying; any other cause on its first connection ends it
   (facts/cloudflared-wire.md a.8). */
#define CAUSE_AUTH "Unauthorized: unknown tunnel or wrong secret (SP-1401)"
#define CAUSE_TWICE "EDUPCONN" /* exactly: a stock connector goes to another address with it */
#define CAUSE_FULL "Unauthorized: too many connections of this tunnel (SP-1007)"

static bool
secret_fits(const struct tunnel *t, struct slice given)
{
	uint8_t a[SHA256_LEN], b[SHA256_LEN];
	struct slice want = t ? secret_slice(&t->secret) : (struct slice){0};

	/* Hashed first, so that neither length nor a missing tunnel shows in the time. */
	sha256(want.p ? want.p : (const uint8_t *)"", want.n, a);
	sha256(given.p ? given.p : (const uint8_t *)"", given.n, b);
	return mem_eq_ct(a, b, sizeof a) && t && want.n;
}

static void
uuid_text(char out[static 37])
{
	uint8_t u[16];
	random_bytes(u, sizeof u);
	uuid_v4_bits(u);
	uuid_format(u, out);
}

struct tunnel_live *
tunnel_live_of(struct judge *j, const char *tunnel)
{
	struct tunnel_live *t = map_get(&j->tunnels, tunnel);

	if (t || !(t = calloc(1, sizeof *t)))
		return t;
	str_copy(t->id, sizeof t->id, tunnel);
	if (map_put(&j->tunnels, tunnel, t) < 0) {
		free(t);
		return NULL;
	}
	return t;
}

/* The same connector's same connection again. The older one goes when the newcomer says so; else it is asked whether it
   lives, and the newcomer comes back (EDUPCONN): by then a dead one has made room. True: the place is taken. */
static bool
place_taken(struct judge *j, const struct fj_register *m)
{
	bool taken = false;
	struct map_iter it = {0};

	while (map_next(&j->links, &it)) {
		struct tunnel_link *l = it.value;
		if (strcmp(l->tunnel, m->tunnel) || strcmp(l->client_id, m->client_id) || l->index != m->index ||
		    l->id == m->link || l->leaving)
			continue;
		struct fj_unlink u = {.link = l->id, .tunnel = l->tunnel, .why = "replaced by a newer connection"};
		struct fj_probe p = {.link = l->id};
		for (unsigned i = 0; i < JUDGE_FRONTS_MAX; i++)
			if (j->front[i].ipc)
				ipc_send(j->front[i].ipc, m->replace ? &fj_unlink_def : &fj_probe_def,
				         m->replace ? (const void *)&u : (const void *)&p);
		taken |= !m->replace;
	}
	return taken;
}

static struct tunnel_link *
link_new(struct front *f, const struct fj_register *m, const char *conn_id)
{
	struct tunnel_link *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->id = m->link;
	snprintf(l->key, sizeof l->key, "%016" PRIx64, m->link);
	l->front = f->index;
	l->index = m->index;
	str_copy(l->tunnel, sizeof l->tunnel, m->tunnel);
	str_copy(l->client_id, sizeof l->client_id, m->client_id);
	str_copy(l->version, sizeof l->version, m->version);
	str_copy(l->arch, sizeof l->arch, m->arch);
	str_copy(l->address, sizeof l->address, m->address);
	str_copy(l->origin_ip, sizeof l->origin_ip, m->origin_ip);
	if (conn_id)
		str_copy(l->conn_id, sizeof l->conn_id, conn_id);
	else
		uuid_text(l->conn_id);
	l->features = json_array();
	for (size_t i = 0; i < m->features.n && i < 64; i++)
		json_array_append_new(l->features, json_string(m->features.v[i]));
	l->opened_at = judge_now();
	if (map_put(&f->j->links, l->key, l) < 0) {
		link_drop(l);
		return NULL;
	}
	return l;
}

/* since: when the link came up. */
static void
counted(struct tunnel_live *live, int64_t since)
{
	live->unsaved |= live->links == 0;
	if (live->links++ == 0 && live->inactive_at >= live->active_at)
		live->active_at = since;
	else if (since < live->active_at)
		live->active_at = since;
	if (live->links >= 2)
		live->last_full = judge_now();
}

/* Its secret was checked by the judge before this one. A tunnel that was deleted in between ends here. */
void
tunnel_link_up(struct ipc *c, uint32_t id, const void *msg, int fd, void *front)
{
	const struct fj_link_up *m = msg;
	struct front *f = front;
	struct tunnel_live *live = tunnel_live_of(f->j, m->tunnel);
	struct fj_register as = {.link = m->link,
	                         .tunnel = m->tunnel,
	                         .index = m->index,
	                         .client_id = m->client_id,
	                         .version = m->version,
	                         .arch = m->arch,
	                         .address = m->address,
	                         .origin_ip = m->origin_ip};
	struct tunnel_link *l = live && snapshot_tunnel(f->j->snap, m->tunnel) ? link_new(f, &as, m->conn_id) : NULL;

	if (!l) {
		struct fj_unlink u = {.link = m->link, .tunnel = m->tunnel, .why = "tunnel was deleted"};
		ipc_send(c, &fj_unlink_def, &u);
		return;
	}
	l->leaving = m->leaving;
	l->opened_at = m->since;
	l->config_version = m->config;
	sources_take(l, m->sources);
	counted(live, m->since);
}

static void
refuse(struct front *f, struct ipc *c, uint32_t id, const struct fj_register *m, const char *cause, int code,
       const char *why)
{
	struct fj_registered no = {.cause = cause, .retry = true};

	log_warn("tunnel_refused", "tunnel", m->tunnel, "ip", m->address, "why", why, NULL);
	judge_audit(f->j, NULL,
	            &(struct audit_note){.kind = EVENT_TUNNEL_REFUSED,
	                                 .actor = "connector",
	                                 .subject = m->tunnel,
	                                 .ip = m->address,
	                                 .code = code,
	                                 .why = why});
	ipc_reply(c, id, &fj_registered_def, &no);
}

/* Accepted; the answer waits for the configuration's seal. */
struct accepted {
	struct front *f;
	unsigned generation;
	uint32_t id;
	char conn_id[37];
};

static void
accept_with(const char *text, uint32_t version, bool remote, void *arg)
{
	struct accepted *a = arg;
	struct fj_registered yes = {.conn_id = a->conn_id,
	                            .location = a->f->j->location,
	                            .remote = remote,
	                            .version = version,
	                            .config = text ? text : ""};

	if (a->f->ipc && a->f->generation == a->generation)
		ipc_reply(a->f->ipc, a->id, &fj_registered_def, &yes);
	free(a);
}

void
tunnel_register(struct ipc *c, uint32_t id, const void *msg, int fd, void *front)
{
	const struct fj_register *m = msg;
	struct front *f = front;
	struct judge *j = f->j;
	const struct tunnel *t = strlen(m->tunnel) == MODEL_ID_LEN ? snapshot_tunnel(j->snap, m->tunnel) : NULL;

	if (t && strcmp(t->id, m->tunnel))
		t = NULL; /* a tunnel that is merely named so */
	if (!secret_fits(t, m->secret)) {
		refuse(f, c, id, m, CAUSE_AUTH, SP_TUNNEL_AUTH, t ? "wrong secret" : "no tunnel of that id");
		return;
	}
	if (strcmp(m->account, t->account_tag ? t->account_tag : j->account)) {
		refuse(f, c, id, m, CAUSE_AUTH, SP_TUNNEL_AUTH, "another account's");
		return;
	}
	struct tunnel_live *live = tunnel_live_of(j, t->id);
	if (place_taken(j, m)) {
		refuse(f, c, id, m, CAUSE_TWICE, SP_CONFLICT, "its index is connected already");
		return;
	}
	struct tunnel_link *l = live && live->links < TUNNEL_LINKS_MAX ? link_new(f, m, NULL) : NULL;
	if (!l) {
		refuse(f, c, id, m, CAUSE_FULL, SP_BUSY, "too many connections");
		return;
	}
	counted(live, l->opened_at);
	log_info("tunnel_up", "tunnel", t->id, "name", t->name, "index", log_num(l->index), "ip", l->address, NULL);
	judge_audit(
	    j, NULL,
	    &(struct audit_note){
	        .kind = EVENT_TUNNEL_UP, .actor = "connector", .subject = t->id, .ip = l->address, .why = t->name});
	struct accepted *a = calloc(1, sizeof *a);
	if (!a)
		return; /* front's deadline ends it */
	*a = (struct accepted){.f = f, .generation = f->generation, .id = id};
	str_copy(a->conn_id, sizeof a->conn_id, l->conn_id);
	tunnel_config_text(j, t->id, tunnel_link_ours(m->version), accept_with, a);
}
