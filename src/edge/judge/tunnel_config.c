#include "edge/judge/tunnel_config.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "identity/keychain.h"
#include "msg/front_judge.h"
#include "msg/judge_signer.h"

struct wanted {
	struct judge *j;
	char tunnel[37], digest[65];
	uint32_t version;
	json_t *config;
	tunnel_config_fn *fn;
	void *arg;
};

bool
tunnel_link_ours(const char *version)
{
	return str_starts(version, "sallyport-");
}

static char *
whole(const struct judge *j, uint32_t version, json_t *config, const char *seal)
{
	json_t *extra = json_object(), *o;
	char *text = NULL;

	if (json_array_size(j->announcements))
		json_object_set(extra, "keys", j->announcements);
	if (seal)
		json_object_set_new(extra, "seal", json_string(seal));
	o = json_pack("{s:I, s:o, s:o}", "version", (json_int_t)version, "config",
	              config ? json_incref(config) : json_object(), "sallyport", extra);
	if (o)
		text = json_dump_str(o);
	json_decref(o);
	return text;
}

static void
deliver(const struct wanted *w, const char *seal)
{
	char *text = whole(w->j, w->version, w->config, seal);

	w->fn(text, w->version, true, w->arg);
	free(text);
}

static void
wanted_free(struct wanted *w)
{
	json_decref(w->config);
	free(w);
}

static void
sealed(int err, const void *msg, void *arg)
{
	const struct js_text *m = msg;
	struct wanted *w = arg;
	struct tunnel_live *t = map_get(&w->j->tunnels, w->tunnel);
	int code = signer_code(err, m ? m->code : 0);

	if (code)
		log_warn("config_unsealed", "tunnel", w->tunnel, "why", err ? err_str(err) : m->why, NULL);
	else if (t) {
		free(t->seal);
		t->seal = str_dup(m->text);
		t->sealed_version = w->version;
		str_copy(t->sealed_digest, sizeof t->sealed_digest, w->digest);
	}
	deliver(w, code ? NULL : m->text);
	wanted_free(w);
}

/* A connector with a configuration of its own has no use for an empty one, but for the keys. */
static void
keys_alone(struct judge *j, const struct tunnel *t, bool ours, tunnel_config_fn *fn, void *arg)
{
	char *text = ours && json_array_size(j->announcements) ? whole(j, tunnel_version(t), NULL, NULL) : NULL;

	fn(text, tunnel_version(t), false, arg);
	free(text);
}

void
tunnel_config_text(struct judge *j, const char *tunnel, bool ours, tunnel_config_fn *fn, void *arg)
{
	const struct tunnel *t = snapshot_tunnel(j->snap, tunnel);
	json_t *config = t ? snapshot_tunnel_config(j->snap, t) : NULL;
	struct wanted *w = config ? calloc(1, sizeof *w) : NULL;

	if (w)
		*w = (struct wanted){.j = j, .version = tunnel_version(t), .config = config, .fn = fn, .arg = arg};
	if (!w || config_digest(config, w->digest) < 0) {
		json_decref(config);
		free(w);
		if (t)
			keys_alone(j, t, ours, fn, arg);
		else
			fn(NULL, 0, false, arg);
		return;
	}
	str_copy(w->tunnel, sizeof w->tunnel, t->id);
	const struct tunnel_live *live = map_get(&j->tunnels, t->id);
	if (live && live->seal && live->sealed_version == w->version && !strcmp(live->sealed_digest, w->digest)) {
		deliver(w, live->seal);
		wanted_free(w);
		return;
	}
	struct js_config_seal m = {.tunnel = w->tunnel, .version = w->version, .sha256 = w->digest};
	signer_ask(j, &js_config_seal_def, &m, &js_text_def, sealed, w);
}

/* --- to those that are connected
 * -------------------------------------------------------------------------------------- */

struct push {
	struct judge *j;
	uint64_t link; /* 0 = all of the tunnel */
	char tunnel[37];
};

static void
push_text(const char *text, uint32_t version, bool remote, void *arg)
{
	struct push *p = arg;
	struct fj_push m = {.link = p->link, .tunnel = p->tunnel, .version = version, .config = text};

	(void)remote;
	for (unsigned i = 0; text && i < JUDGE_FRONTS_MAX; i++)
		if (p->j->front[i].ipc)
			ipc_send(p->j->front[i].ipc, &fj_push_def, &m);
	if (text)
		log_info("config_pushed", "tunnel", p->tunnel, "version", log_num(version), NULL);
	free(p);
}

static void
push(struct judge *j, const char *tunnel, uint64_t link, bool ours)
{
	struct push *p = calloc(1, sizeof *p);

	if (!p)
		return;
	*p = (struct push){.j = j, .link = link};
	str_copy(p->tunnel, sizeof p->tunnel, tunnel);
	tunnel_config_text(j, tunnel, ours, push_text, p);
}

void
tunnel_config_push(struct judge *j, const char *tunnel)
{
	push(j, tunnel, 0, false);
}

/* Links of tunnels that run on configurations of their own are told one by one: only ours understand. */
static void
keys_to_local(struct judge *j)
{
	struct map_iter it = {0};

	while (map_next(&j->links, &it)) {
		const struct tunnel_link *l = it.value;
		const struct tunnel *t = snapshot_tunnel(j->snap, l->tunnel);
		json_t *config = t ? snapshot_tunnel_config(j->snap, t) : NULL;
		if (t && !config && tunnel_link_ours(l->version))
			push(j, l->tunnel, l->id, true);
		json_decref(config);
	}
}

void
tunnels_keys_changed(struct judge *j)
{
	struct map_iter it = {0};

	if (!j->snap)
		return;
	while (map_next(&j->tunnels, &it)) {
		struct tunnel_live *t = it.value;
		free(t->seal);
		t->seal = NULL;
		if (!t->links)
			continue;
		const struct tunnel *record = snapshot_tunnel(j->snap, t->id);
		json_t *config = record ? snapshot_tunnel_config(j->snap, record) : NULL;
		if (config)
			push(j, t->id, 0, false);
		json_decref(config);
	}
	keys_to_local(j);
}
