/* explain, principals, status: what the original has no route for. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/country.h"
#include "edge/judge/session.h"
#include "edge/judge/status.h"
#include "edge/judge/ticket.h"
#include "edge/judge/tunnel_sources.h"
#include "identity/email.h"
#include "model/model.h"
#include "msg/judge_signer.h"

#define AMR_MAX 32

/* --- explain ---------------------------------------------------------------------------------------------------------
 */

/* "pwd,otp" -> {"pwd", "otp"}; in the request's arena. */
static size_t
split(struct req *r, const char *s, const char *v[AMR_MAX])
{
	size_t n = 0;

	while (*s && n < AMR_MAX) {
		size_t len = strcspn(s, ",");
		const char *one = arena_strn(&r->arena, s, len);
		if (len && one)
			v[n++] = one;
		s += len + (s[len] == ',');
	}
	return n;
}

/* A decision about an address that is none would be a wrong one. */
static bool
explain_ok(struct req *r)
{
	const char *email = req_param(r, "email"), *ip = req_param(r, "ip"), *country = req_param(r, "country");
	char key[EMAIL_MAX + 1];
	uint8_t addr[16];
	const char *bad = NULL;

	if (*email && email_parse(email, strlen(email), key) < 0)
		bad = req_fmt(r, "found the e-mail \"%s\", expected one such as jdoe@example.com", email);
	else if (*ip && model_addr(ip, addr) < 0)
		bad = req_fmt(r, "found the address \"%s\", expected one such as 203.0.113.7", ip);
	else if (*country &&
	         (strlen(country) != 2 || !isalpha((unsigned char)country[0]) || !isalpha((unsigned char)country[1])))
		bad = req_fmt(r, "found the country \"%s\", expected two letters such as PT", country);
	if (bad)
		reply_refuse_text(r, SP_BAD_REQUEST, bad);
	return !bad;
}

/* Whatever the policies say, a person who is disabled does not get as far as them. */
static void
explain_barred(struct req *r, json_t *o, const char *email)
{
	const char *text = json_str_or(o, "text", ""), *rest = strchr(text, '\n');
	const char *why = req_fmt(r, "%s is disabled; 'sallyport admin users enable %s' ends that", email, email);

	if (rest)
		rest = strchr(rest + 1, '\n');
	text = req_fmt(r, "deny\nreason: %s (SP-%d)%s", why, SP_DISABLED, rest ? rest : "\n");
	json_object_set_new(o, "text", json_string(text));
	json_object_set_new(o, "decision", json_string("deny"));
	json_object_set_new(o, "outcome", json_string("disabled"));
	json_object_set_new(o, "code", json_string(req_fmt(r, "SP-%d", SP_DISABLED)));
	json_object_set_new(o, "reason", json_string(why));
}

/* By id, name or client id. false: none of these, refused. */
static bool
explain_token(struct req *r, const char **ret_id)
{
	const char *ref = req_param(r, "service_token");

	for (size_t i = 0; *ref && i < r->snap->nservice_tokens; i++) {
		const struct service_token *t = r->snap->service_tokens[i];
		if (!strcmp(t->id, ref) || !strcmp(t->name, ref) || (t->client_id && !strcmp(t->client_id, ref))) {
			*ret_id = t->id;
			return true;
		}
	}
	if (!*ref)
		return true;
	reply_refuse_text(r, SP_NOT_FOUND, req_fmt(r, "no service token \"%.60s\"", ref));
	return false;
}

/* Nothing has the name that was asked for: what is near. */
static void
no_such(struct req *r, const char *what, const char *name, const char *const *names)
{
	const char *near = str_nearest(name, names);

	reply_refuse_text(r, SP_NOT_FOUND,
	                  near ? req_fmt(r, "no %s \"%.100s\"; did you mean \"%s\"?", what, name, near)
	                       : req_fmt(r, "no %s \"%.100s\"", what, name));
}

static void
no_such_app(struct req *r, const char *name)
{
	const char **names = arena_alloc(&r->arena, (r->snap->napps + 1) * sizeof *names);

	for (size_t i = 0; names && i < r->snap->napps; i++)
		names[i] = r->snap->apps[i]->domain;
	no_such(r, "application", name, names ? names : (const char *const[]){NULL});
}

static void
no_such_idp(struct req *r, const char *name)
{
	const char **names = arena_alloc(&r->arena, (r->snap->nidps + 1) * sizeof *names);

	for (size_t i = 0; names && i < r->snap->nidps; i++)
		names[i] = r->snap->idps[i]->name;
	no_such(r, "identity provider", name, names ? names : (const char *const[]){NULL});
}

void
api_explain(struct req *r)
{
	const struct app_view *a = snapshot_app_by_ref(r->snap, req_param(r, "app"));
	const char *idp_name = req_param(r, "idp"), *amr[AMR_MAX], *groups[AMR_MAX], *email = req_param(r, "email");
	const struct idp *idp = *idp_name ? snapshot_idp(r->snap, idp_name) : NULL;
	const char *token = NULL;
	struct policy_verdict v = {0};
	struct policy_trace *t;

	if (!a) {
		no_such_app(r, req_param(r, "app"));
		return;
	}
	if (*idp_name && !idp) {
		no_such_idp(r, idp_name);
		return;
	}
	if (!explain_ok(r) || !explain_token(r, &token))
		return;
	char who[EMAIL_MAX + 1];
	if (*email && email_parse(email, strlen(email), who) == 0)
		email = req_fmt(r, "%s", who);
	struct policy_input in = {.have_identity = *email != '\0',
	                          .email = email,
	                          .ip = *req_param(r, "ip") ? req_param(r, "ip") : NULL,
	                          .country = *req_param(r, "country") ? req_param(r, "country")
	                                                              : country_of(r->j->country, req_param(r, "ip")),
	                          .service_token = token,
	                          .common_name = *req_param(r, "common_name") ? req_param(r, "common_name") : NULL};
	in.cert_ca = in.common_name ? "explained" : NULL;
	if (!idp)
		for (size_t i = 0; !idp && i < r->snap->nidps; i++)
			if (policy_app_idp_allowed(a->policy, r->snap->idps[i]->id))
				idp = r->snap->idps[i];
	in.idp_id = idp ? idp->id : "";
	in.idp_type = idp ? idp_type_str(idp->type) : "";
	in.namr = split(r, req_param(r, "amr"), amr);
	in.amr = amr;
	in.ngroups = split(r, req_param(r, "group"), groups);
	in.groups = groups;
	if (!(t = policy_trace_new())) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	policy_eval(r->snap->set, a->policy, &in, &v, t);
	json_t *o = policy_explain_json(a->policy, &v, t);
	struct buf text;
	buf_init(&text, 1u << 20);
	int told = o ? policy_explain_text(a->policy, &v, t, &text) : E_NOMEM;
	json_t *from = told == 0 ? cert_sources_json(r->j, a, &text) : NULL;
	if (from)
		json_object_set_new(o, "source_address", from);
	if (told == 0 && buf_cstr(&text))
		json_object_set_new(o, "text", json_string(buf_cstr(&text)));
	if (o && *email && person_barred(r->j, "", email))
		explain_barred(r, o, email);
	buf_release(&text);
	policy_trace_free(t);
	reply_result(r, o);
}

/* --- principals
 * -------------------------------------------------------------------------------------------------------- */

static void
listed(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_text *m = msg;
	int code = signer_code(err, m ? m->code : 0);
	json_t *j = NULL;

	if (!code && json_load_strict(m->text, strlen(m->text), 262144, &j) < 0)
		code = SP_INTERNAL;
	if (code)
		reply_refuse_text(r, code, m ? m->why : "");
	else
		reply_list(r, j);
}

void
api_principals_list(struct req *r)
{
	struct js_principals m = {0};
	signer_ask(r->j, &js_principals_def, &m, &js_text_def, listed, r);
}

static void
changed(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);
	const struct audit_note *n = r->dest;

	if (code) {
		reply_refuse_text(r, code, m ? m->why : "");
		return;
	}
	judge_audit(r->j, r, n);
	reply_result(r, json_pack("{s:s}", "name", n->subject));
}

static void
ask(struct req *r, const struct msg_def *d, const void *m, struct audit_note note)
{
	struct audit_note *n = arena_alloc(&r->arena, sizeof *n);

	if (!n) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	*n = note;
	r->dest = n;
	signer_ask(r->j, d, m, &js_done_def, changed, r);
}

static void
bind_service(struct req *r, const char *name, const char *ref)
{
	const struct service_token *t = snapshot_service_token(r->snap, ref);

	if (!t || !*name || strlen(name) > 64) {
		reply_refuse_at(r, t ? SP_BAD_REQUEST : SP_NOT_FOUND,
		                t ? "name is needed." : "service_token must name a service token.",
		                t ? "/name" : "/service_token");
		return;
	}
	struct js_principal_bind m = {.admin_token = r->api_token, .name = name, .client_id = t->client_id};
	ask(r, &js_principal_bind_def, &m,
	    (struct audit_note){.kind = EVENT_PRINCIPAL_BOUND,
	                        .subject = name,
	                        .why = req_fmt(r, "service token %s (%s)", t->name, t->client_id)});
}

void
api_principals_bind(struct req *r)
{
	json_t *j = api_body(r);
	char email[255];

	if (!j)
		return;
	const char *name = req_fmt(r, "%s", json_str_or(j, "name", "")),
	           *idp_name = req_fmt(r, "%s", json_str_or(j, "idp", "")),
	           *service = req_fmt(r, "%s", json_str_or(j, "service_token", ""));
	if (*service) {
		json_decref(j);
		bind_service(r, name, service);
		return;
	}
	int bad = model_email(json_str_or(j, "email", ""), email);
	json_decref(j);
	const struct idp *idp = snapshot_idp(r->snap, idp_name);
	if (bad < 0 || !*name || strlen(name) > 64 || !idp) {
		reply_refuse_at(r, SP_BAD_REQUEST,
		                idp ? "name and email are needed." : "idp must name an identity provider.",
		                idp ? "/email" : "/idp");
		return;
	}
	struct js_principal_bind m = {.admin_token = r->api_token, .name = name, .email = email, .idp = idp->id};
	ask(r, &js_principal_bind_def, &m,
	    (struct audit_note){
	        .kind = EVENT_PRINCIPAL_BOUND, .subject = name, .why = req_fmt(r, "%s of %s", email, idp->name)});
}

void
api_principals_release(struct req *r)
{
	struct js_principal_release m = {.admin_token = r->api_token, .name = r->seg[1]};

	if (strlen(r->seg[1]) > 64)
		reply_refuse(r, SP_NOT_FOUND);
	else
		ask(r, &js_principal_release_def, &m,
		    (struct audit_note){.kind = EVENT_PRINCIPAL_RELEASED, .subject = r->seg[1]});
}

/* --- status
 * -------------------------------------------------------------------------------------------------------------- */

void
api_status(struct req *r)
{
	struct judge *j = r->j;
	json_t *names = json_pack("[s, s]", j->team_host, "h2.cftunnel.com");

	for (size_t i = 0; i < r->snap->napps; i++)
		for (size_t k = 0; k < r->snap->apps[i]->nsites; k++)
			json_array_append_new(names, json_string(r->snap->apps[i]->sites[k].host));
	reply_result(r, json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:{s:b, s:b}}", "version",
	                          SALLYPORT_VERSION, "team_host", j->team_host, "issuer", j->issuer, "roles",
	                          status_roles(j), "tls_names", names, "sessions", (json_int_t)map_len(&j->sessions),
	                          "relays", (json_int_t)map_len(&j->tickets), "tunnel_links",
	                          (json_int_t)map_len(&j->links), "policy_epoch", (json_int_t)j->epoch, "country_file",
	                          "configured", *j->country_file != 0, "loaded", j->country != NULL));
}
