#include "edge/judge/tunnel_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/tunnel_config.h"
#include "edge/judge/tunnel_sources.h"
#include "msg/front_judge.h"

#define DEGRADED_SEC 600

static void
key_of(uint64_t id, char out[static 17])
{
	snprintf(out, 17, "%016" PRIx64, id);
}

void
link_drop(void *p)
{
	struct tunnel_link *l = p;
	json_decref(l->features);
	json_decref(l->sources);
	free(l);
}

void
tunnel_live_drop(void *p)
{
	struct tunnel_live *t = p;
	free(t->local_config);
	free(t->seal);
	free(t);
}

static void
gone(struct judge *j, struct tunnel_link *l, const char *why)
{
	struct tunnel_live *t = map_get(&j->tunnels, l->tunnel);

	if (t && t->links) {
		if (t->links >= 2)
			t->last_full = judge_now();
		if (--t->links == 0) {
			t->inactive_at = judge_now();
			t->unsaved = true;
		}
	}
	log_info("tunnel_link_down", "tunnel", l->tunnel, "index", log_num(l->index), "why", why, NULL);
	judge_audit(
	    j, NULL,
	    &(struct audit_note){
	        .kind = EVENT_TUNNEL_DOWN, .actor = "connector", .subject = l->tunnel, .ip = l->address, .why = why});
	map_del(&j->links, l->key);
}

static struct tunnel_link *
own_link(struct front *f, uint64_t id)
{
	char key[17];
	key_of(id, key);
	return map_get(&f->j->links, key);
}

void
tunnel_link_down(struct ipc *c, uint32_t id, const void *m, int fd, void *front)
{
	const struct fj_link_down *d = m;
	struct tunnel_link *l = own_link(front, d->link);

	if (l)
		gone(((struct front *)front)->j, l, d->why);
}

void
tunnel_link_leaving(struct ipc *c, uint32_t id, const void *m, int fd, void *front)
{
	const struct fj_link_leaving *d = m;
	struct tunnel_link *l = own_link(front, d->link);

	if (l)
		l->leaving = true;
}

void
tunnel_link_config(struct ipc *c, uint32_t id, const void *m, int fd, void *front)
{
	const struct fj_link_config *d = m;
	struct tunnel_link *l = own_link(front, d->link);

	if (!l)
		return;
	l->config_version = d->version;
	l->config_ok = d->ok;
	if (!d->ok)
		log_warn("config_refused", "tunnel", l->tunnel, "version", log_num(d->version), NULL);
}

void
tunnel_local_config(struct ipc *c, uint32_t id, const void *m, int fd, void *front)
{
	struct front *f = front;
	const struct fj_local_config *d = m;
	struct tunnel_link *l = own_link(f, d->link);
	struct tunnel_live *t = l ? map_get(&f->j->tunnels, l->tunnel) : NULL;
	json_t *j = NULL;

	if (l)
		sources_take(l, d->sources);
	if (!t || !*d->config || strlen(d->config) > LINK_CONFIG_MAX ||
	    json_load_strict(d->config, strlen(d->config), LINK_CONFIG_MAX, &j) < 0)
		return;
	json_decref(j);
	free(t->local_config);
	t->local_config = str_dup(d->config);
}

void
links_front_gone(struct judge *j, unsigned front)
{
	struct map_iter it = {0};

	while (map_next(&j->links, &it)) {
		struct tunnel_link *l = it.value;
		if (l->front == front)
			gone(j, l, "front restarted");
	}
}

uint32_t
tunnel_version(const struct tunnel *t)
{
	return t->config_version > INT32_MAX ? INT32_MAX : t->config_version < 0 ? 0 : (uint32_t)t->config_version;
}

void
tunnels_push_changed(struct judge *j, const struct snapshot *old, const struct snapshot *now)
{
	for (size_t i = 0; i < now->ntunnels; i++) {
		const struct tunnel *t = now->tunnels[i], *was = old ? snapshot_tunnel(old, t->id) : NULL;
		if (t->deleted_at || !tunnel_is_live(j, t->id))
			continue;
		json_t *config = snapshot_tunnel_config(now, t),
		       *before = was ? snapshot_tunnel_config(old, was) : NULL;
		if (config && (!before || !json_equal(config, before)))
			tunnel_config_push(j, t->id);
		json_decref(config);
		json_decref(before);
	}
}

bool
tunnel_is_live(const struct judge *j, const char *tunnel)
{
	const struct tunnel_live *t = map_get(&j->tunnels, tunnel);
	return t && t->links;
}

const char *
tunnel_status(const struct judge *j, const char *tunnel)
{
	const struct tunnel_live *t = map_get(&j->tunnels, tunnel);

	if (!t)
		return "inactive";
	if (!t->links)
		return "down";
	if (t->links >= 2 || judge_now() - t->last_full > DEGRADED_SEC)
		return "healthy";
	return "degraded";
}

void
tunnel_unlink(struct judge *j, const char *tunnel, const char *client, const char *why)
{
	struct map_iter it = {0};

	while (map_next(&j->links, &it)) {
		struct tunnel_link *l = it.value;
		if (strcmp(l->tunnel, tunnel) || (*client && strcmp(l->client_id, client)))
			continue;
		struct fj_unlink m = {.link = l->id, .tunnel = tunnel, .why = why};
		for (unsigned i = 0; i < JUDGE_FRONTS_MAX; i++)
			if (j->front[i].ipc)
				ipc_send(j->front[i].ipc, &fj_unlink_def, &m);
	}
}
