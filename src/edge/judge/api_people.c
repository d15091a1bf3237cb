/* One person: sessions, refused sign-ins, the identity as it was last seen, and what an application would say to it. */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/session.h"

#define FAILED_MAX 5       /* the latest, as the original shows */
#define FAILED_LOOK 20000u /* audit records */

static const struct person *
person(struct req *r, const char *id)
{
	const struct person *p = map_get(&r->j->persons, id);

	if (!p)
		reply_refuse_text(r, SP_NOT_FOUND, "no such user");
	return p;
}

void
api_users_get(struct req *r)
{
	const struct person *p = person(r, r->seg[1]);
	if (p)
		reply_result(r, person_json(r, p));
}

/* Times here are seconds, as the original's are. */
static json_t *
metadata(struct req *r, const struct session *s)
{
	json_t *apps = json_object();

	for (size_t i = 0; i < s->apps.n; i++) {
		const struct app_view *a = snapshot_app_by_id(r->snap, s->apps.v[i]);
		if (a)
			json_object_set_new(apps, a->app->id,
			                    json_pack("{s:s, s:s, s:s, s:s}", "hostname", a->app->domain, "name",
			                              a->app->name, "type", app_type_str(a->app->type), "uid",
			                              a->app->id));
	}
	return json_pack("{s:o, s:I, s:I, s:s, s:I}", "apps", apps, "expires", (json_int_t)s->expires_at, "iat",
	                 (json_int_t)s->created_at, "nonce", s->id, "ttl", (json_int_t)(s->expires_at - s->created_at));
}

void
api_users_sessions(struct req *r)
{
	const struct person *p = person(r, r->seg[1]);
	struct map_iter it = {0};
	json_t *all;

	if (!p)
		return;
	all = json_array();
	while (map_next(&r->j->sessions, &it)) {
		const struct session *s = it.value;
		if (!strcmp(s->person, p->id) && session_live(s, judge_now()))
			json_array_append_new(all, json_pack("{s:s, s:I, s:o}", "name", s->id, "expiration",
			                                     (json_int_t)s->expires_at, "metadata", metadata(r, s)));
	}
	reply_list(r, all);
}

static json_t *
identity_json(struct req *r, const char *email, const char *idp, const char *idp_type, const struct texts *amr,
              const struct texts *groups, int64_t iat)
{
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:I, s:o, s:o, s:b, s:b}", "account_id", r->j->account, "email",
	                 email, "idp", "id", idp, "type", idp_type, "iat", (json_int_t)iat, "amr", texts_to_json(amr),
	                 "groups", texts_to_json(groups), "is_warp", 0, "is_gateway", 0);
}

void
api_users_session(struct req *r)
{
	const struct person *p = person(r, r->seg[1]);
	const struct session *s = p ? session_get(r->j, r->seg[2]) : NULL;

	if (!p)
		return;
	if (!s || strcmp(s->person, p->id)) {
		reply_refuse_text(r, SP_NOT_FOUND, "no such session");
		return;
	}
	json_t *o = identity_json(r, s->email, s->idp, s->idp_type, &s->amr, &s->groups, s->created_at);
	json_object_set_new(o, "user_uuid", json_string(s->sub));
	json_object_set_new(o, "ip", json_string(s->ip ? s->ip : ""));
	json_object_set_new(o, "geo", json_pack("{s:s}", "country", s->country ? s->country : ""));
	json_object_set_new(o, "isActive", json_boolean(session_live(s, judge_now())));
	json_object_set_new(o, "metadata", metadata(r, s));
	reply_result(r, o);
}

struct failed {
	const char *email;
	json_t *v;
};

static int
take_failed(void *arg, const struct audit_record *rec)
{
	struct failed *f = arg;
	const struct event *e = &rec->e;

	if (e->kind != EVENT_LOGIN_REFUSED || !e->actor || strcmp(e->actor, f->email))
		return 0;
	if (json_array_size(f->v) == FAILED_MAX)
		json_array_remove(f->v, 0);
	json_array_append_new(f->v,
	                      json_pack("{s:I, s:{s:s, s:I, s:s, s:s, s:i}}", "expiration",
	                                (json_int_t)(rec->time_ms / 1000), "metadata", "ray_id",
	                                e->request ? e->request : "", "time", (json_int_t)(rec->time_ms / 1000), "ip",
	                                e->ip ? e->ip : "", "reason", e->why ? e->why : "", "code", e->code));
	return 0;
}

void
api_users_failed(struct req *r)
{
	const struct person *p = person(r, r->seg[1]);
	struct failed f;
	struct reason why = {0};

	if (!p)
		return;
	uint64_t head = r->j->audit ? audit_head_get(r->j->audit).seq : 0;
	f = (struct failed){p->email ? p->email : "", json_array()};
	if (audit_read(r->j->audit_fd, head > FAILED_LOOK ? head - FAILED_LOOK : 0, 0, take_failed, &f, &why) < 0)
		log_error("audit_read", "why", why.text, NULL);
	reply_list(r, f.v);
}

/* The identity of the latest sign-in; NULL = never. */
static const struct identity *
last_seen(const struct person *p)
{
	const struct identity *last = NULL;

	for (size_t i = 0; i < p->nidentities; i++)
		if (!last || p->identities[i].last_login >= last->last_login)
			last = &p->identities[i];
	return last;
}

static json_t *
last_identity_json(struct req *r, const struct person *p, const struct identity *i)
{
	const struct idp *idp = i->idp ? snapshot_idp(r->snap, i->idp) : NULL;
	json_t *o = identity_json(r, i->email ? i->email : "", i->idp ? i->idp : "", idp ? idp_type_str(idp->type) : "",
	                          &i->amr, &i->groups, i->last_login);

	json_object_set_new(o, "user_uuid", json_string(i->sub));
	json_object_set_new(o, "name", json_string(i->name ? i->name : ""));
	json_object_set_new(o, "id", json_string(p->id));
	return o;
}

void
api_users_identity(struct req *r)
{
	const struct person *p = person(r, r->seg[1]);
	const struct identity *i = p ? last_seen(p) : NULL;

	if (!p)
		return;
	if (i)
		reply_result(r, last_identity_json(r, p, i));
	else
		reply_refuse_text(r, SP_NOT_FOUND, "the user never signed in");
}

static const struct person *
person_by_email(struct req *r, const char *email)
{
	struct map_iter it = {0};

	while (map_next(&r->j->persons, &it)) {
		const struct person *p = it.value;
		if (p->email && !strcmp(p->email, email))
			return p;
	}
	reply_refuse_text(r, SP_NOT_FOUND, "nobody of that address has signed in; 'explain' answers for anybody");
	return NULL;
}

/* ?user_id= or ?email=: what the application would say to that person as last seen, from no particular address. */
void
api_user_checks(struct req *r)
{
	const struct app_view *a = api_app(r);
	const struct person *p;
	const struct identity *i;

	if (!a)
		return;
	const char *id = req_param(r, "user_id"), *email = req_param(r, "email");
	if (!*id && !*email) {
		reply_refuse_text(r, SP_BAD_REQUEST, "Say whom: ?email= or ?user_id=.");
		return;
	}
	if (!(p = *id ? person(r, id) : person_by_email(r, email)))
		return;
	if (!(i = last_seen(p)) || !i->email) {
		reply_refuse_text(r, SP_NOT_FOUND, "the user never signed in");
		return;
	}
	const struct idp *idp = i->idp ? snapshot_idp(r->snap, i->idp) : NULL;
	struct session s = {.email = i->email,
	                    .idp = i->idp ? i->idp : (char *)(uintptr_t) "",
	                    .idp_type = (char *)(uintptr_t)(idp ? idp_type_str(idp->type) : ""),
	                    .amr = i->amr,
	                    .groups = i->groups,
	                    .claims = i->claims};
	struct asker who = {.session = &s, .country = "", .unapproved = true};
	struct policy_verdict v = {0};
	snapshot_verdict(r->snap, a, &who, &v);
	bool allowed = !p->disabled && policy_passes(&v);
	json_t *policies = json_array();
	for (size_t k = 0; k < a->app->npolicies; k++)
		json_array_append_new(policies, policy_to_json(a->app->policies[k], MODEL_API));
	reply_result(r, json_pack("{s:{s:s, s:s, s:s, s:s, s:o, s:s}, s:o}", "app_state", "app_uid", a->app->id, "aud",
	                          a->app->aud, "hostname", a->app->domain, "name", a->app->name, "policies", policies,
	                          "status", allowed ? "Success" : "Failure", "user_identity",
	                          last_identity_json(r, p, i)));
}
