/* The organisation: one record for the team. It is always there; writing it the first time makes the record. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/api.h"

#define ORG_ID "organization"

static json_t *
org_json(const struct judge *j, const struct snapshot *s)
{
	json_t *o = s->norganizations ? organization_to_json(s->organizations[0], MODEL_API) : json_object();

	json_object_set_new(o, "auth_domain", json_string(j->team_host));
	if (!json_object_get(o, "name"))
		json_object_set_new(o, "name", json_string(j->team_host));
	if (!s->norganizations) {
		json_object_set_new(o, "session_duration", json_string("24h"));
		json_object_set_new(o, "deny_unmatched_requests", json_true());
		json_object_set_new(o, "is_ui_read_only", json_false());
		json_object_set_new(o, "auto_redirect_to_identity", json_false());
	}
	return o;
}

void
api_org_get(struct req *r)
{
	reply_result(r, org_json(r->j, r->snap));
}

/* What is not said stays; null takes it back to its default. */
static json_t *
merged(struct req *r, const json_t *said)
{
	json_t *doc = r->snap->norganizations ? organization_to_json(r->snap->organizations[0], MODEL_STORE)
	                                      : json_object(),
	       *v;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)said, key, v)
	{
		if (json_is_null(v))
			json_object_del(doc, key);
		else
			json_object_set(doc, key, v);
	}
	if (!json_object_get(doc, "created_at"))
		json_object_set_new(doc, "created_at", now_json());
	json_object_set_new(doc, "updated_at", now_json());
	json_object_del(doc, "auth_domain");
	return doc;
}

void
api_org_put(struct req *r)
{
	json_t *said = api_body(r), *doc;
	struct organization *o = NULL;
	struct change c;

	if (!said)
		return;
	const char *domain = json_str_or(said, "auth_domain", r->j->team_host);
	if (strcmp(domain, r->j->team_host)) {
		json_decref(said);
		reply_refuse_at(
		    r, SP_BAD_REQUEST,
		    req_fmt(r,
		            "found another name than %s, which sallyportd.yml gives: 'team' there is where it changes.",
		            r->j->team_host),
		    "/auth_domain");
		return;
	}
	json_object_del(said, "created_at");
	json_object_del(said, "updated_at");
	doc = merged(r, said);
	json_decref(said);
	int e = change_begin(&c, r);
	if (e == 0)
		e = organization_from_json(doc, false, &o, &c.err);
	json_decref(doc);
	if (e == 0) {
		change_note(&c, "organization", o->name ? o->name : r->j->team_host, "update", NULL);
		e = change_put(&c, "organization", ORG_ID,
		               r->snap->norganizations ? r->snap->organization_versions[0] : STORE_NEW,
		               organization_to_json(o, MODEL_STORE));
	}
	organization_free(o);
	if (change_finish(&c, e) < 0)
		return;
	reply_result(r, org_json(r->j, r->j->snap));
}
