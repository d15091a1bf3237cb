#include "edge/judge/refusals.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

void
refusals_init(struct refusals *t, uint64_t seed)
{
	*t = (struct refusals){0};
	map_init(&t->by, REFUSALS_MAX, seed, free);
}

void
refusals_release(struct refusals *t)
{
	map_release(&t->by);
}

static void
net_of(const char *ip, char out[static 64])
{
	uint8_t a[16];

	snprintf(out, 64, "%.60s", ip);
	if (inet_pton(AF_INET6, ip, a) != 1)
		return;
	memset(a + 8, 0, 8);
	if (inet_ntop(AF_INET6, a, out, 60))
		memcpy(out + strlen(out), "/64", 4);
}

static bool
over(const struct refusal *f, int64_t now_ms)
{
	return now_ms - f->since >= REFUSALS_MS;
}

static struct refusal *
entry(struct refusals *t, const struct refusal *like)
{
	char key[128];

	snprintf(key, sizeof key, "%d %s %s", like->kind, like->ip, like->app);
	struct refusal *f = map_get(&t->by, key);
	if (f)
		return f;
	f = malloc(sizeof *f);
	if (f)
		*f = *like;
	if (f && map_put(&t->by, key, f) == 0)
		return f;
	free(f);
	f = &t->rest;
	if (!f->n)
		*f = (struct refusal){.kind = like->kind, .code = like->code, .since = like->since};
	return f;
}

bool
refusals_count(struct refusals *t, int kind, int code, const char *ip, const char *app, const char *host,
               int64_t now_ms)
{
	struct refusal like = {.kind = kind, .code = code, .since = now_ms};

	net_of(ip ? ip : "", like.ip);
	snprintf(like.app, sizeof like.app, "%.39s", app ? app : "");
	snprintf(like.host, sizeof like.host, "%.255s", host ? host : "");
	struct refusal *f = entry(t, &like);
	if (over(f, now_ms) && f->n <= REFUSALS_EACH) {
		f->since = now_ms;
		f->n = 0;
	}
	f->code = code;
	if (strcmp(f->host, like.host))
		f->host[0] = '\0';
	return ++f->n <= REFUSALS_EACH;
}

static bool
take(const struct refusal *f, struct refusal *ret)
{
	if (f->n <= REFUSALS_EACH)
		return false;
	*ret = *f;
	ret->n -= REFUSALS_EACH;
	return true;
}

bool
refusals_next(struct refusals *t, int64_t now_ms, bool all, struct refusal *ret)
{
	struct map_iter it = {0};
	bool some;

	while (map_next(&t->by, &it)) {
		const struct refusal *f = it.value;
		if (!all && !over(f, now_ms))
			continue;
		some = take(f, ret);
		map_del(&t->by, it.key);
		if (some)
			return true;
	}
	if (!t->rest.n || (!all && !over(&t->rest, now_ms)))
		return false;
	some = take(&t->rest, ret);
	t->rest = (struct refusal){0};
	return some;
}
