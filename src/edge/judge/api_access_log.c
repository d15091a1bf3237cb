/* The original's log of sign-ins and decisions (facts/access.md 7.4), read from our audit chain, newest first. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/api.h"

#define LOOK_BACK 5000u /* records, when no `since` says from where */
#define ROWS_MAX 10000u /* the answer is made in memory */

struct scan {
	struct req *r;
	json_t *v;
	int64_t until;    /* milliseconds */
	const char *user; /* e-mail of ?user_id= */
};

/* ?name=x keeps what equals x; with ?nameOp=neq, what does not. */
static bool
keeps(const struct req *r, const char *name, const char *value)
{
	char op[32];
	const char *want = req_param(r, name);

	snprintf(op, sizeof op, "%sOp", name);
	return !*want || !strcmp(want, value ? value : "") == (strcmp(req_param(r, op), "neq") != 0);
}

static bool
keeps_email(const struct req *r, const char *actor)
{
	const char *want = req_param(r, "email"), *op = req_param(r, "emailOp");
	bool exact = !strcmp(req_param(r, "email_exact"), "true") || !strcmp(op, "eq");

	if (!*want)
		return true;
	if (!strcmp(op, "neq"))
		return strcasecmp(actor, want) != 0;
	return exact ? !strcasecmp(actor, want) : strcasestr(actor, want) != NULL;
}

static bool
is_request(enum event_kind k)
{
	return k == EVENT_LOGIN || k == EVENT_LOGIN_REFUSED || k == EVENT_ACCESS_ALLOWED || k == EVENT_ACCESS_DENIED;
}

static json_t *
row(const struct audit_record *rec, bool allowed)
{
	static const char *const told[] = {"purpose_justification_prompt", "purpose_justification_response",
	                                   "temporary_access_approvers", "temporary_access_duration"};
	const struct event *e = &rec->e;
	char at[24];

	time_format(rec->time_ms / 1000, at);
	bool login = e->kind == EVENT_LOGIN || e->kind == EVENT_LOGIN_REFUSED;
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s}", "created_at", at, "user_email",
	                      e->actor ? e->actor : "", "app_uid", e->app ? e->app : "", "app_domain",
	                      e->domain    ? e->domain
	                      : e->subject ? e->subject
	                                   : "",
	                      "ip_address", e->ip ? e->ip : "", "allowed", allowed, "action",
	                      login ? "login" : "access", "connection", json_str_or(e->details, "idp_type", ""),
	                      "ray_id", e->request ? e->request : "", "reason", e->why ? e->why : "");
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		if (o && json_object_get(e->details, told[i]))
			json_object_set(o, told[i], json_object_get(e->details, told[i]));
	return o;
}

static int
take(void *arg, const struct audit_record *rec)
{
	struct scan *s = arg;
	const struct event *e = &rec->e;
	const char *actor = e->actor ? e->actor : "";
	bool allowed = e->kind == EVENT_LOGIN || e->kind == EVENT_ACCESS_ALLOWED;

	if (!is_request(e->kind) || rec->time_ms >= s->until || !keeps_email(s->r, actor) ||
	    (s->user && strcmp(s->user, actor)) || !keeps(s->r, "allowed", allowed ? "true" : "false") ||
	    !keeps(s->r, "app_uid", e->app) || !keeps(s->r, "ray_id", e->request))
		return 0;
	if (json_array_size(s->v) >= ROWS_MAX)
		json_array_remove(s->v, 0);
	json_array_append_new(s->v, row(rec, allowed));
	return 0;
}

/* A time as the original takes it, or a duration back from now. */
static bool
moment(const char *s, int64_t *ret_ms)
{
	int64_t v;

	if (time_parse(s, &v) == 0)
		*ret_ms = v * 1000;
	else if (duration_parse(s, &v) == 0)
		*ret_ms = clock_wall_ms() - v;
	else
		return false;
	return true;
}

static bool
span(struct req *r, struct scan *s, uint64_t *ret_after)
{
	uint64_t head = r->j->audit ? audit_head_get(r->j->audit).seq : 0;
	int64_t since;

	s->until = INT64_MAX;
	*ret_after = head > LOOK_BACK ? head - LOOK_BACK : 0;
	if (*req_param(r, "until") && !moment(req_param(r, "until"), &s->until))
		return false;
	if (!*req_param(r, "since"))
		return true;
	return moment(req_param(r, "since"), &since) && audit_seek_time(r->j->audit_fd, since, ret_after, NULL) == 0;
}

static json_t *
reversed(const json_t *v)
{
	json_t *out = json_array();

	for (size_t i = json_array_size(v); i-- > 0;)
		json_array_append(out, json_array_get(v, i));
	return out;
}

void
api_access_log(struct req *r)
{
	struct scan s = {.r = r};
	const char *user = req_param(r, "user_id");
	uint64_t after, limit;

	if (!span(r, &s, &after)) {
		reply_refuse_text(r, SP_BAD_REQUEST,
		                  "since and until are times such as 2026-11-22T10:00:00Z, or durations such as 1h.");
		return;
	}
	if (*user) {
		const struct person *p = map_get(&r->j->persons, user);
		s.user = p && p->email ? p->email : "nobody";
	}
	s.v = json_array();
	struct reason why = {0};
	if (audit_read(r->j->audit_fd, after, 0, take, &s, &why) < 0) {
		json_decref(s.v);
		log_error("audit_read", "why", why.text, NULL);
		reply_refuse_text(r, SP_INTERNAL, why.text);
		return;
	}
	json_t *out = strcmp(req_param(r, "direction"), "asc") ? reversed(s.v) : json_incref(s.v);
	json_decref(s.v);
	if (str_u64(req_param(r, "limit"), ROWS_MAX, &limit) == 0 && limit)
		while (json_array_size(out) > limit)
			json_array_remove(out, json_array_size(out) - 1);
	reply_list(r, out);
}
