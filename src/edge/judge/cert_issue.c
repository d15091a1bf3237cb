/*
 * A certificate. The story: whose token is this and for which application; is the session alive; does the policy still
 * let them in; which name may they have; then the signer checks all of the evidence again by itself, builds, journals
 * and signs.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/recheck.h"
#include "edge/judge/service.h"
#include "edge/judge/ssh_session.h"
#include "edge/judge/tunnel_sources.h"
#include "edge/judge/tunnel_link.h"
#include "ssh/sshcert.h"

#define KEY_LINE_MAX 16384 /* of a public key: what a message to the signer carries */

struct cert_ctx {
	const char *email, *app, *domain;
};

static void
refuse(struct req *r, const char *email, int code, const char *why)
{
	r->j->n.certs_refused++;
	log_warn("cert_refused", "email", email ? email : "", "ip", r->client_ip, "code", log_num(code), "why", why,
	         NULL);
	judge_audit(r->j, r,
	            &(struct audit_note){.kind = EVENT_CERT_REFUSED, .actor = email, .code = code, .why = why});
	reply_refuse(r, code);
}

/* One of the deciding policy's names, or of the application's when it has none: the one asked for, else the first. ""
 * lets the signer take the e-mail's prefix; whose the name is, the signer decides in any case. */
int
cert_principal(const struct app *a, const struct policy *p, const char *email, const char *asked, const char **ret_name)
{
	const struct texts *t = p && p->usernames.n ? &p->usernames : &a->ssh.usernames;
	size_t n = strcspn(email, "@");

	for (size_t i = 0; i < t->n; i++) {
		bool prefix = !strcmp(t->v[i], "{email_prefix}");
		bool same = prefix ? strlen(asked) == n && !strncasecmp(asked, email, n) : !strcmp(asked, t->v[i]);
		if (!*asked || same) {
			*ret_name = prefix ? "" : t->v[i];
			return 0;
		}
	}
	*ret_name = "";
	return SP_PRINCIPAL;
}

/* A program has no e-mail to be named after: the deciding policy says which one user it is, and the signer whether that
   name is bound to it. */
static int
service_principal(const struct policy *p, const char *asked, const char **ret_name)
{
	for (size_t i = 0; p && i < p->usernames.n; i++) {
		const char *name = p->usernames.v[i];
		if (!strchr(name, '{') && (!strcmp(asked, name) || (!*asked && p->usernames.n == 1))) {
			*ret_name = name;
			return 0;
		}
	}
	return SP_PRINCIPAL;
}

/* Asked once more when the signer has answered: by what is true now, not when the request came. What it made for
   somebody who may no longer have it never leaves. */
static int
still_allowed(struct req *r, const char *app, const char *made_for, struct reason *why)
{
	const struct judge *j = r->j;
	const struct session *s = session_get(j, r->session);
	const struct app_view *a = snapshot_app_by_id(j->snap, app);
	struct policy_verdict v = {0};
	int code;

	if (!a) {
		reason_set(why, E_NOENT, SP_TOKEN, "the application was removed");
		return SP_TOKEN;
	}
	if (r->service_label) {
		const char *still;
		r->app = a;
		code = service_decide(r, &v, why);
		if (!code && (code = service_principal(snapshot_policy(r->snap, r->app, &v), made_for, &still)))
			reason_set(why, E_DENIED, code, "%s is not among the usernames any more", made_for);
		return code;
	}
	if ((code = session_standing(j, s, app, why)))
		return code;
	struct asker who = req_asker(r, s);
	snapshot_verdict(j->snap, a, &who, &v);
	if (!policy_passes(&v)) {
		policy_verdict_reason(a->policy, &v, why);
		return v.code ? v.code : SP_POLICY_DENY;
	}
	const char *name;
	if ((code = cert_principal(a->app, snapshot_policy(j->snap, a, &v), s->email, made_for, &name)))
		reason_set(why, E_DENIED, code, "%s is not among the usernames any more", made_for);
	return code;
}

static void
signed_(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct cert_ctx *c = r->ctx;
	const struct js_cert_is *m = msg;
	int code = signer_code(err, m ? m->code : 0);
	char expires[24], serial[24];
	struct reason why = {0};

	if (!code)
		code = still_allowed(r, c->app, m->principal, &why);
	if (code) {
		refuse(r, c->email, code, *why.text ? why.text : m && *m->why ? m->why : "no answer from the signer");
		return;
	}
	time_format(m->valid_before, expires);
	snprintf(serial, sizeof serial, "%llu", (unsigned long long)m->serial);
	json_t *d = json_pack("{s:s, s:s, s:s, s:s, s:s}", "serial", serial, "key_id", m->key_id, "fingerprint",
	                      m->fingerprint, "principal", m->principal, "expires_at", expires);
	r->j->n.certs++;
	judge_audit(
	    r->j, r,
	    &(struct audit_note){.kind = EVENT_CERT_ISSUED, .actor = c->email, .subject = m->principal, .details = d});
	json_decref(d);
	reply_json(r, 200,
	           json_pack("{s:s, s:s, s:s}", "id", serial, "certificate", m->certificate, "expires_at", expires));
}

static void
sign_for(struct req *r, const char *email, const struct app_view *a, const char *jwt, const char *key, const char *name)
{
	struct cert_sources from;
	struct cert_ctx *c = arena_alloc(&r->arena, sizeof *c);

	if (!c) {
		refuse(r, email, SP_INTERNAL, "out of memory");
		return;
	}
	cert_sources(r->j, a, &from);
	*c = (struct cert_ctx){req_fmt(r, "%s", email), a->app->id, a->app->domain};
	r->ctx = c;
	int64_t ttl = a->app->ssh.certificate_ttl_ms / 1000;
	if (r->access_until && r->access_until - judge_now() < ttl)
		ttl = r->access_until - judge_now();
	struct js_cert_sign m = {.app_token = jwt,
	                         .aud = a->app->aud,
	                         .public_key = key,
	                         .principal = name,
	                         .ttl = ttl,
	                         .extensions = {(const char **)a->app->ssh.extensions.v, a->app->ssh.extensions.n},
	                         .source_address = {from.v, from.n}};
	signer_ask(r->j, &js_cert_sign_def, &m, &js_cert_is_def, signed_, r);
}

/* The token was got for a service token's secret and is bound to this key; the service token must stand still. */
static void
issue_service(struct req *r, const struct app_view *a, const char *jwt, const char *key, const char *asked)
{
	struct policy_verdict v = {0};
	struct reason why = {0};
	struct token t = {0};
	const char *name = NULL;

	if (token_open(TOKEN_SERVICE, jwt, &r->j->jwks, r->j->issuer, a->app->aud, judge_now(), &t, &why) < 0) {
		refuse(r, NULL, why.code, why.text);
		return;
	}
	r->app = a;
	r->service_label = req_fmt(r, "%s", t.common_name);
	r->service_version = (uint32_t)t.secret_version;
	token_release(&t);
	int code = service_decide(r, &v, &why);
	if (!code && (code = service_principal(snapshot_policy(r->snap, r->app, &v), asked, &name)))
		reason_set(&why, E_DENIED, code,
		           "the policy that lets a service token in must name its Unix user: one of usernames");
	if (code)
		refuse(r, r->service_label, code, why.text);
	else
		sign_for(r, r->service_label, r->app, jwt, key, name);
}

void
cert_issue(struct req *r)
{
	struct token t = {0};
	struct session *s = NULL;
	struct reason why = {0};
	struct policy_verdict v = {0};
	json_t *body = NULL;
	const char *jwt, *key, *name;
	char aud[65];

	if (req_json(r, &body) < 0 || json_get_str(body, "jwt", &jwt) < 0 ||
	    json_get_str(body, "public_key", &key) < 0 || strlen(key) > KEY_LINE_MAX) {
		json_decref(body);
		refuse(r, NULL, SP_BAD_REQUEST, "body is not {public_key, jwt, issuer}");
		return;
	}
	jwt = req_fmt(r, "%s", jwt);
	key = req_fmt(r, "%s", key);
	const char *asked = req_fmt(r, "%s", json_str_or(body, "principal", ""));
	json_decref(body);
	token_claimed_aud(jwt, aud);
	const struct app_view *a = *aud ? snapshot_app_by_aud(r->snap, aud) : NULL;
	if (a && token_claims_service(jwt)) {
		issue_service(r, a, jwt, key, asked);
		return;
	}
	int code = a ? session_of_app(r->j, jwt, a, &t, &s, &why) : SP_TOKEN;
	if (code) {
		refuse(r, NULL, code, a ? why.text : "token of no application here");
		return;
	}
	token_release(&t);
	r->app = a;
	str_copy(r->session, sizeof r->session, s->id);
	if ((code = recheck_gate(r, s, cert_issue)) == RECHECK_HELD)
		return;
	if (code) {
		refuse(r, s->email, code, "the provider did not confirm the sign-in");
		return;
	}
	struct asker who = req_asker(r, s);
	snapshot_verdict(r->snap, a, &who, &v);
	if (!policy_passes(&v)) {
		policy_verdict_reason(a->policy, &v, &why);
		refuse(r, s->email, v.code ? v.code : SP_POLICY_DENY, why.text);
		return;
	}
	r->access_until = v.approved_until;
	if ((code = cert_principal(a->app, snapshot_policy(r->snap, a, &v), s->email, asked, &name)))
		refuse(r, s->email, code,
		       req_fmt(r, "\"%.64s\" is not among the usernames of policy or application", asked));
	else
		sign_for(r, s->email, a, jwt, key, name);
}
