/* Temporary access by way of the API: what waits, and an administrator's word, which is enough alone. */
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/approval.h"

static json_t *
shown(struct req *r, const struct access_request *q)
{
	const struct app_view *a = snapshot_app_by_id(r->snap, q->app);
	json_t *o = access_request_to_json(q, MODEL_API);

	if (!o)
		return NULL;
	json_object_set_new(o, "app_name", json_string(a ? a->app->name : ""));
	json_object_set_new(o, "app_domain", json_string(a ? a->app->domain : ""));
	json_object_set_new(o, "approve_url",
	                    json_string(req_fmt(r, "%s/cdn-cgi/access/approve/%s", req_team_origin(r), q->id)));
	return o;
}

static int
younger(const struct access_request *a, const struct access_request *b)
{
	return a->created_at != b->created_at ? a->created_at > b->created_at : strcmp(a->id, b->id) < 0;
}

/* Newest first; ?state=pending and the like. */
void
api_requests_list(struct req *r)
{
	const char *state = req_param(r, "state");
	size_t n = map_len(&r->j->requests), k = 0;
	const struct access_request **v = arena_alloc(&r->arena, (n + 1) * sizeof *v);
	struct map_iter it = {0};
	json_t *all = json_array();

	while (v && map_next(&r->j->requests, &it)) {
		const struct access_request *q = it.value;
		size_t at = k;
		if (*state && strcmp(state, request_state_str(q->state)))
			continue;
		for (; at && younger(q, v[at - 1]); at--)
			v[at] = v[at - 1];
		v[at] = q;
		k++;
	}
	for (size_t i = 0; i < k; i++)
		json_array_append_new(all, shown(r, v[i]));
	reply_list(r, all);
}

static struct access_request *
find(struct req *r)
{
	struct access_request *q = request_get(r->j, r->seg[1]);

	if (!q)
		reply_refuse_text(r, SP_NOT_FOUND, "no such request");
	return q;
}

/* {"duration": "4h"}, an hour when it is not said. 0: the refusal has been sent. */
static int64_t
duration_of(struct req *r)
{
	json_t *j = r->body.n ? api_body(r) : json_object(), *v;
	int64_t ms = (int64_t)APPROVAL_DEFAULT_SEC * 1000;
	const char *key, *bad = NULL;

	if (!j)
		return 0;
	json_object_foreach(j, key, v)
	{
		if (strcmp(key, "duration") != 0)
			bad = req_fmt(r, "/%.60s", key);
		else if (!json_is_string(v) || duration_parse(json_string_value(v), &ms) < 0 || ms < 1000 ||
		         ms > (int64_t)APPROVAL_MAX_SEC * 1000)
			bad = "/duration";
	}
	json_decref(j);
	if (!bad)
		return ms / 1000;
	reply_refuse_at(r, SP_BAD_REQUEST, "expected a duration from 1s to 24h, such as 4h, and nothing else", bad);
	return 0;
}

static void
answer(struct req *r, const struct access_request *q, int code)
{
	if (code == SP_CONFLICT)
		reply_refuse_text(r, code,
		                  req_fmt(r, "The request is %s; what it is about may have changed or ended.",
		                          request_state_str(q->state)));
	else if (code)
		reply_refuse(r, code);
	else
		reply_result(r, shown(r, q));
}

void
api_requests_approve(struct req *r)
{
	struct access_request *q = find(r);
	int64_t seconds = q ? duration_of(r) : 0;

	if (seconds)
		answer(r, q, request_yes(r, q, NULL, seconds));
}

void
api_requests_deny(struct req *r)
{
	struct access_request *q = find(r);

	if (q)
		answer(r, q, request_no(r, q, NULL));
}
