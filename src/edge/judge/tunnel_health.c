#include "edge/judge/tunnel_health.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"

#define KIND "tunnel_health"

static int
load_one(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	struct tunnel_live *t = snapshot_tunnel(j->snap, d->id) ? tunnel_live_of(j, d->id) : NULL;
	json_t *o = NULL;

	if (!t || json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &o) < 0)
		return 0; /* of a tunnel that is gone, or nothing that anything rests on */
	t->active_at = json_i64_or(o, "active_at", 0);
	t->inactive_at = json_i64_or(o, "inactive_at", 0);
	t->unsaved = !t->inactive_at;
	if (!t->inactive_at)
		t->inactive_at = judge_now();
	json_decref(o);
	return 0;
}

int
tunnels_health_load(struct judge *j, struct reason *why)
{
	return store_list(j->store, KIND, "", 0, load_one, j, why);
}

static int
save(struct judge *j, const struct tunnel_live *t, struct reason *why)
{
	char text[100];

	if (!snapshot_tunnel(j->snap, t->id)) {
		int e = store_delete(j->store, KIND, t->id, STORE_ANY, why);
		return e == E_NOENT ? 0 : e;
	}
	snprintf(text, sizeof text, "{\"active_at\":%lld,\"inactive_at\":%lld}", (long long)t->active_at,
	         (long long)(t->links ? 0 : t->inactive_at));
	return store_put(j->store, KIND, t->id, STORE_ANY, text, NULL, 0, NULL, why);
}

void
tunnels_health_save(struct judge *j)
{
	struct map_iter it = {0};
	struct reason why = {0};
	bool begun = false;
	int e = 0;

	while (e == 0 && map_next(&j->tunnels, &it)) {
		const struct tunnel_live *t = it.value;
		if (!t->unsaved)
			continue;
		if (!begun)
			e = store_begin(j->store, &why);
		begun = true;
		if (e == 0)
			e = save(j, t, &why);
	}
	if (!begun)
		return;
	if (e == 0)
		e = store_commit(j->store, &why);
	else
		store_rollback(j->store);
	if (e < 0) {
		log_warn("tunnel_health_save", "why", why.text, NULL);
		return;
	}
	it = (struct map_iter){0};
	while (map_next(&j->tunnels, &it))
		((struct tunnel_live *)it.value)->unsaved = false;
}

void
tunnels_health_stop(struct judge *j)
{
	struct map_iter it = {0};

	while (map_next(&j->tunnels, &it)) {
		struct tunnel_live *t = it.value;
		if (!t->links)
			continue;
		t->links = 0;
		t->inactive_at = judge_now();
		t->unsaved = true;
	}
	tunnels_health_save(j);
}
