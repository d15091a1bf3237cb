#include "edge/judge/api_standing.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"

#define KIND "api_token"

static struct api_seen *
seen(struct judge *j, const char *jti)
{
	struct api_seen *s = map_get(&j->api_seen, jti);

	if (s || map_len(&j->api_seen) >= API_SEEN_MAX || !(s = calloc(1, sizeof *s)))
		return s;
	if (map_put(&j->api_seen, jti, s) == 0)
		return s;
	free(s);
	return NULL;
}

static int
load_one(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	struct api_seen *s = NULL;
	json_t *o = NULL;
	int e = json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &o);

	if (e == 0 && !(s = seen(j, d->id)))
		e = E_NOMEM;
	if (e == 0) { /* what is known here already is not undone by an older record */
		int64_t used = json_i64_or(o, "last_used", 0), over = json_i64_or(o, "expires_at", 0);
		s->last_used = used > s->last_used ? used : s->last_used;
		s->expires_at = over ? over : s->expires_at;
		if (!s->revoked_at)
			s->revoked_at = json_i64_or(o, "revoked_at", 0);
	}
	json_decref(o);
	return e;
}

int
api_standing_load(struct judge *j, struct reason *why)
{
	return store_list(j->store, KIND, "", 0, load_one, j, why);
}

static int
save(struct judge *j, const char *jti, const struct api_seen *s)
{
	struct reason why = {0};
	json_t *o = json_pack("{s:I, s:I, s:I}", "last_used", (json_int_t)s->last_used, "revoked_at",
	                      (json_int_t)s->revoked_at, "expires_at", (json_int_t)s->expires_at);
	char *text = o ? json_dump_str(o) : NULL;
	int e = text ? store_put(j->store, KIND, jti, STORE_ANY, text, NULL, 0, NULL, &why) : E_NOMEM;

	if (e < 0)
		log_error("api_token_save", "jti", jti, "why", why.text, NULL);
	free(text);
	json_decref(o);
	return e;
}

bool
api_revoked(const struct judge *j, const char *jti)
{
	const struct api_seen *s = map_get(&j->api_seen, jti);

	return s && s->revoked_at;
}

void
api_used(struct judge *j, const char *jti, int64_t expires_at)
{
	struct api_seen *s = seen(j, jti);

	if (!s)
		return;
	s->last_used = judge_now();
	s->expires_at = expires_at;
	s->unsaved = true;
}

int64_t
api_last_used(const struct judge *j, const char *jti)
{
	const struct api_seen *s = map_get(&j->api_seen, jti);

	return s ? s->last_used : 0;
}

/* In memory first: even if it cannot be written, this edge takes it no more. */
int
api_revoke(struct judge *j, const char *jti, int64_t expires_at)
{
	struct api_seen *s = seen(j, jti);

	if (!s)
		return E_LIMIT;
	if (!s->revoked_at)
		s->revoked_at = judge_now();
	if (expires_at)
		s->expires_at = expires_at;
	return save(j, jti, s);
}

void
api_standing_sweep(struct judge *j)
{
	struct map_iter it = {0};
	struct reason why = {0};
	int64_t now = judge_now();

	while (map_next(&j->api_seen, &it)) {
		struct api_seen *s = it.value;
		if (s->expires_at && s->expires_at + TOKEN_LEEWAY < now) {
			int e = store_delete(j->store, KIND, it.key, STORE_ANY, &why);
			if (e == 0 || e == E_NOENT)
				map_del(&j->api_seen, it.key);
		} else if (s->unsaved && save(j, it.key, s) == 0) {
			s->unsaved = false;
		}
	}
}
