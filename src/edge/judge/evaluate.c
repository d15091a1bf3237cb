/* Before a token for an application is made: asks the outside judges that its policies name, and keeps what they said
 * with the session, where every later verdict about this application finds it. */
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/login.h"

struct evaluate_ctx {
	char session[40];
	const char *org, *app; /* in the arena; id of the application */
	struct policy_external v[POLICY_EXTERNAL_MAX];
	size_t n, at;
	const char *yes[POLICY_EXTERNAL_MAX], *no[POLICY_EXTERNAL_MAX];
	size_t nyes, nno;
	void *ctx; /* of the caller */
	void (*then)(struct req *r, struct session *s, const char *org_token);
};

static void ask_next(struct req *r, struct evaluate_ctx *c);

static void
answered(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct evaluate_ctx *c = r->ctx;
	const struct js_evaluated *m = msg;
	const char *url = c->v[c->at].evaluate_url;

	if (err || m->code)
		log_warn("evaluation_failed", "url", url, "session", c->session, "why", err ? err_str(err) : m->why,
		         NULL);
	else if (m->yes)
		c->yes[c->nyes++] = url;
	else
		c->no[c->nno++] = url;
	c->at++;
	ask_next(r, c);
}

static void
ask_next(struct req *r, struct evaluate_ctx *c)
{
	struct session *s = session_get(r->j, c->session);
	struct reason why = {0};

	if (c->at < c->n) {
		struct js_evaluate m = {
		    .org_token = c->org, .evaluate_url = c->v[c->at].evaluate_url, .keys_url = c->v[c->at].keys_url};
		r->ctx = c;
		signer_ask(r->j, &js_evaluate_def, &m, &js_evaluated_def, answered, r);
		return;
	}
	r->ctx = c->ctx;
	int code = session_standing(r->j, s, c->app, &why); /* it may have ended meanwhile */
	if (!code && session_heard(r->j, s, c->app, c->yes, c->nyes, c->no, c->nno) < 0)
		code = SP_INTERNAL;
	if (code)
		judge_deny(r, s ? s->email : NULL, code, why.text[0] ? why.text : "what was heard could not be kept");
	else
		c->then(r, s, c->org);
}

void
login_evaluate(struct req *r, struct session *s, const char *org_token, const struct app_view *a,
               void (*then)(struct req *, struct session *, const char *))
{
	struct policy_external v[POLICY_EXTERNAL_MAX];
	size_t n = policy_app_external(a->policy, v, POLICY_EXTERNAL_MAX);
	struct evaluate_ctx *c = n ? arena_alloc(&r->arena, sizeof *c) : NULL;

	if (!n) {
		then(r, s, org_token);
		return;
	}
	if (!c) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	*c = (struct evaluate_ctx){
	    .org = req_fmt(r, "%s", org_token), .app = a->app->id, .n = n, .ctx = r->ctx, .then = then};
	memcpy(c->v, v, sizeof v);
	str_copy(c->session, sizeof c->session, s->id);
	ask_next(r, c);
}
