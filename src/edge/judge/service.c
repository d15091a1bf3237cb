/* Proofs: which secret belongs to which client id, as the signer said, and the app tokens minted on them. */
#include "edge/judge/service.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/client_cert.h"
#include "msg/judge_signer.h"

#define SEEN_KIND "service_seen"

/* A proof is found by a keyed hash of what was shown, so that a copy of this table shows no secret. */
struct proof {
	struct list age;
	char key[65];
	uint32_t version;
	int64_t until;
	/* the app token minted last, for requests that come one after the other */
	char aud[65], policy[37], *jwt;
	int64_t jwt_from, jwt_exp;
};

struct service_seen {
	int64_t at, stored;
};

struct service_ctx {
	const char *client_id, *secret, *cnf;
	const struct app_view *a; /* of r->snap */
	char policy[37];
	int64_t ttl;
	service_then_fn *then;
};

static void
proof_drop(struct judge *j, struct proof *p)
{
	map_take(&j->proofs, p->key);
	list_remove(&p->age);
	if (p->jwt)
		mem_wipe(p->jwt, strlen(p->jwt));
	free(p->jwt);
	free(p);
}

void
service_proofs_drop(struct judge *j)
{
	while (!list_empty(&j->proof_age))
		proof_drop(j, list_entry(j->proof_age.next, struct proof, age));
}

static void
proof_name(const struct judge *j, const char *client_id, const char *secret, char out[static 65])
{
	uint8_t h[SHA256_LEN];
	struct sha256_state s;

	sha256_init(&s);
	sha256_update(&s, j->proof_key, sizeof j->proof_key);
	sha256_update(&s, client_id, strlen(client_id) + 1);
	sha256_update(&s, secret, strlen(secret));
	sha256_final(&s, h);
	hex_encode_str(out, 65, h, sizeof h);
}

static struct proof *
proof_get(struct judge *j, const char *client_id, const char *secret)
{
	char key[65];

	proof_name(j, client_id, secret, key);
	struct proof *p = map_get(&j->proofs, key);
	if (p && clock_mono_ms() >= p->until) {
		proof_drop(j, p);
		p = NULL;
	}
	return p;
}

static void
proof_put(struct judge *j, const char *client_id, const char *secret, uint32_t version)
{
	struct proof *p = calloc(1, sizeof *p);

	if (!p)
		return;
	if (map_len(&j->proofs) >= PROOFS_MAX)
		proof_drop(j, list_entry(j->proof_age.next, struct proof, age));
	proof_name(j, client_id, secret, p->key);
	p->version = version;
	p->until = clock_mono_ms() + PROOF_SEC * 1000;
	if (map_put(&j->proofs, p->key, p) < 0) {
		free(p);
		return;
	}
	list_push(&j->proof_age, &p->age);
}

/* --- last use ---------------------------------------------------------------------------------------------------- */

int64_t
service_seen_at(const struct judge *j, const char *id)
{
	const struct service_seen *s = map_get(&j->service_seen, id);
	return s ? s->at : 0;
}

static int
load_seen(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	struct service_seen *s = calloc(1, sizeof *s);
	json_t *doc = NULL;

	if (s && json_load_strict(d->json, strlen(d->json), 4096, &doc) == 0)
		s->at = s->stored = json_i64_or(doc, "at", 0);
	json_decref(doc);
	if (!s || map_set(&j->service_seen, d->id, s) < 0)
		free(s);
	return 0;
}

int
service_seen_load(struct judge *j, struct reason *why)
{
	return store_list(j->store, SEEN_KIND, "", 0, load_seen, j, why);
}

static void
seen_note(struct judge *j, const char *id)
{
	struct service_seen *s = map_get(&j->service_seen, id);
	struct reason why = {0};
	char text[64];

	if (!s) {
		s = calloc(1, sizeof *s);
		if (!s || map_set(&j->service_seen, id, s) < 0) {
			free(s);
			return;
		}
	}
	s->at = judge_now();
	if (s->at < s->stored + SERVICE_SEEN_SEC)
		return;
	s->stored = s->at;
	snprintf(text, sizeof text, "{\"at\":%lld}", (long long)s->at);
	if (store_put(j->store, SEEN_KIND, id, STORE_ANY, text, NULL, 0, NULL, &why) < 0)
		log_warn("service_seen", "why", why.text, NULL);
}

/* --- proving ----------------------------------------------------------------------------------------------------- */

static void
conclude(struct req *r, uint32_t version)
{
	const struct service_ctx *x = r->ctx;

	r->service_version = version;
	x->then(r, 0, "");
}

int
service_decide(struct req *r, struct policy_verdict *ret_v, struct reason *why)
{
	struct policy_verdict v = {0};
	const struct app_view *a = snapshot_app_by_id(r->j->snap, r->app->app->id);
	const struct service_token *t = snapshot_service_token(r->j->snap, r->service_label);
	int code = a ? service_token_standing(t, r->service_version, judge_now(), why) : SP_UNKNOWN_HOST;

	if (code) {
		if (!a)
			reason_set(why, E_NOENT, code, "the application was removed");
		return code;
	}
	snapshot_hold(r->j->snap);
	snapshot_drop(r->snap);
	r->snap = r->j->snap;
	r->app = a;
	client_cert_again(r);
	r->who.service_token = t->id;
	seen_note(r->j, t->id);
	struct asker who = req_asker(r, NULL);
	snapshot_verdict(r->snap, a, &who, &v);
	*ret_v = v;
	/* An allow policy is for people who sign in, whatever its rules say. */
	if (v.outcome == POLICY_SERVICE || v.outcome == POLICY_BYPASSED)
		return 0;
	policy_verdict_reason(a->policy, &v, why);
	return v.outcome == POLICY_DENIED && v.code ? v.code : SP_POLICY_DENY; /* never "sign in first" */
}

static void
checked(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct service_ctx *x = r->ctx;
	const struct js_service_ok *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code) {
		x->then(r, code, m ? m->why : "no answer from the signer");
		return;
	}
	if (!proof_get(r->j, x->client_id, x->secret))
		proof_put(r->j, x->client_id, x->secret, m->version);
	conclude(r, m->version);
}

void
service_prove(struct req *r, const char *client_id, const char *secret, service_then_fn *then)
{
	struct service_ctx *x = arena_alloc(&r->arena, sizeof *x);
	const struct proof *p = proof_get(r->j, client_id, secret);

	if (!x) {
		then(r, SP_INTERNAL, "out of memory");
		return;
	}
	*x = (struct service_ctx){.client_id = client_id, .secret = secret, .then = then};
	r->ctx = x;
	if (p) {
		conclude(r, p->version);
		return;
	}
	struct js_service_token m = {.client_id = client_id, .secret = slice_str(secret)};
	signer_ask(r->j, &js_service_token_def, &m, &js_service_ok_def, checked, r);
}

/* --- app tokens -------------------------------------------------------------------------------------------------- */

static void
proof_keep_jwt(struct req *r, const struct js_service_ok *m)
{
	const struct service_ctx *x = r->ctx;
	struct proof *p = proof_get(r->j, x->client_id, x->secret);
	char *jwt = p && !*x->cnf ? str_dup(m->token) : NULL;

	if (!jwt)
		return;
	free(p->jwt);
	p->jwt = jwt;
	p->jwt_from = judge_now();
	p->jwt_exp = m->token_expires;
	str_copy(p->aud, sizeof p->aud, x->a->app->aud);
	str_copy(p->policy, sizeof p->policy, x->policy);
}

static void
minted(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct service_ctx *x = r->ctx;
	const struct js_service_ok *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (!code) {
		proof_keep_jwt(r, m);
		r->service_jwt = req_fmt(r, "%s", m->token);
		r->service_jwt_exp = m->token_expires;
	}
	x->then(r, code, code ? (m ? m->why : "no answer from the signer") : "");
}

void
service_mint(struct req *r, const struct app_view *a, const struct policy_verdict *v, const char *cnf,
             service_then_fn *then)
{
	struct service_ctx *x = r->ctx;
	const struct proof *p = proof_get(r->j, x->client_id, x->secret);
	int64_t now = judge_now();

	x->a = a;
	x->cnf = cnf;
	x->then = then;
	x->ttl = v->session_ms / 1000 < SERVICE_TTL_MIN ? SERVICE_TTL_MIN : v->session_ms / 1000;
	str_copy(x->policy, sizeof x->policy, v->policy_id);
	/* One that is past the middle of its life is not given out again. */
	if (p && p->jwt && !*cnf && !strcmp(p->aud, a->app->aud) && !strcmp(p->policy, x->policy) &&
	    now - p->jwt_from < (p->jwt_exp - p->jwt_from) / 2) {
		r->service_jwt = req_fmt(r, "%s", p->jwt);
		r->service_jwt_exp = p->jwt_exp;
		then(r, 0, "");
		return;
	}
	struct js_service_token m = {.client_id = x->client_id,
	                             .secret = slice_str(x->secret),
	                             .aud = a->app->aud,
	                             .cnf = cnf,
	                             .country = r->who.country ? r->who.country : "",
	                             .policy_id = x->policy,
	                             .ttl = x->ttl};
	signer_ask(r->j, &js_service_token_def, &m, &js_service_ok_def, minted, r);
}

/* The token may have run out since; the service token decides. */
int
service_of_live(const struct judge *j, const char *assertion, const char *aud, const struct service_token **ret_t,
                int64_t *ret_version)
{
	struct token t = {0};
	struct reason why = {0};
	json_t *claims = NULL;
	int64_t issued = 0;

	if (jwt_peek(assertion, strlen(assertion), &claims) == 0)
		issued = json_i64_or(claims, "iat", 0);
	json_decref(claims);
	if (token_open(TOKEN_SERVICE, assertion, &j->jwks, j->issuer, aud, issued, &t, &why) < 0)
		return why.code ? why.code : SP_TOKEN;
	const struct service_token *v = snapshot_service_token(j->snap, t.common_name);
	int code = service_token_standing(v, t.secret_version, judge_now(), &why);
	if (!code) {
		*ret_t = v;
		*ret_version = t.secret_version;
	}
	token_release(&t);
	return code;
}
