/* Rotation of the token keys: how often, when next, and now. The signer keeps both keys and interval. */
#include <string.h>

#include "core/clock.h"
#include "edge/judge/api.h"
#include "msg/judge_signer.h"

#define DAY 86400
#define DAYS_MIN 21 /* of the protocol's other implementation too */
#define DAYS_MAX 365

struct keys_ctx {
	uint32_t before, after; /* days; after 0 = rotate */
};

static json_t *
keys_json(const struct js_keys_are *m)
{
	int64_t left = m->next - judge_now();
	char at[24];

	time_format(m->last, at);
	return json_pack("{s:i, s:I, s:s}", "key_rotation_interval_days", (int)m->interval_days,
	                 "days_until_next_rotation", (json_int_t)(left > 0 ? (left + DAY - 1) / DAY : 0),
	                 "last_key_rotation_at", at);
}

static void
answered(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_keys_are *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code)
		reply_refuse_text(r, code, m ? m->why : "");
	else
		reply_result(r, keys_json(m));
}

/* The signer has done it and journaled it. */
static void
changed(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct keys_ctx *c = r->ctx;
	const struct js_keys_are *m = msg;

	if (!signer_code(err, m ? m->code : 0)) {
		json_t *d = c->after
		                ? json_pack("{s:[{s:s, s:s, s:s, s:{s:i}, s:{s:i}}]}", "changes", "kind", "token_keys",
		                            "name", "keys", "action", "update", "before", "key_rotation_interval_days",
		                            (int)c->before, "after", "key_rotation_interval_days", (int)c->after)
		                : json_pack("{s:[{s:s, s:s, s:s, s:{s:s}}]}", "changes", "kind", "token_keys", "name",
		                            "keys", "action", "rotate", "after", "kid", m->kid);
		judge_audit(r->j, r,
		            &(struct audit_note){.kind = EVENT_CHANGE_DONE, .subject = "access/keys", .details = d});
		json_decref(d);
	}
	answered(err, msg, arg);
}

void
api_keys_get(struct req *r)
{
	static const struct js_keys_get m;
	signer_ask(r->j, &js_keys_get_def, &m, &js_keys_are_def, answered, r);
}

static void
put(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct keys_ctx *c = r->ctx;
	const struct js_keys_are *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code) {
		reply_refuse_text(r, code, m ? m->why : "");
		return;
	}
	c->before = m->interval_days;
	struct js_keys_put q = {.admin_token = r->api_token, .interval_days = c->after};
	signer_ask(r->j, &js_keys_put_def, &q, &js_keys_are_def, changed, r);
}

/* The one member that the body must have, and no other. */
static int
days_of(struct req *r, uint32_t *ret_days)
{
	static const char name[] = "key_rotation_interval_days";
	const char *key;
	json_t *body = api_body(r), *v;

	if (!body)
		return E_FORMAT;
	json_object_foreach(body, key, v) if (strcmp(key, name) != 0)
	{
		reply_refuse_at(r, SP_BAD_REQUEST, req_fmt(r, "unknown field \"%.60s\", expected \"%s\"", key, name),
		                "/");
		json_decref(body);
		return E_FORMAT;
	}
	v = json_object_get(body, name);
	json_int_t days = json_is_integer(v) ? json_integer_value(v) : 0;
	json_decref(body);
	if (days < DAYS_MIN || days > DAYS_MAX) {
		reply_refuse_at(r, SP_BAD_REQUEST,
		                req_fmt(r, "expected a number of days from %d to %d", DAYS_MIN, DAYS_MAX),
		                "/key_rotation_interval_days");
		return E_FORMAT;
	}
	*ret_days = (uint32_t)days;
	return 0;
}

void
api_keys_put(struct req *r)
{
	static const struct js_keys_get m;
	struct keys_ctx *c = arena_alloc(&r->arena, sizeof *c);

	if (!c) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	r->ctx = c;
	if (days_of(r, &c->after) == 0)
		signer_ask(r->j, &js_keys_get_def, &m, &js_keys_are_def, put, r);
}

void
api_keys_rotate(struct req *r)
{
	struct js_keys_rotate m = {.admin_token = r->api_token};

	if (!(r->ctx = arena_alloc(&r->arena, sizeof(struct keys_ctx)))) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	*(struct keys_ctx *)r->ctx = (struct keys_ctx){0};
	signer_ask(r->j, &js_keys_rotate_def, &m, &js_keys_are_def, changed, r);
}
