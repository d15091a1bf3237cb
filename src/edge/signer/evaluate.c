/* evaluate: asks a policy's outside judge. The signer signs what is sent and verifies what comes back, fetch carries
 * it: judge can neither make up an answer nor see who was asked about beyond what it knows. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "identity/evaluation.h"
#include "msg/fetch.h"

#define EVALUATE_MS 9000 /* judge waits 10 s */

struct evaluate {
	struct signer *s;
	uint32_t gen, id;
	char nonce[EVALUATION_NONCE + 1];
};

static void
finish(struct evaluate *v, int e, bool yes, const struct reason *r)
{
	struct js_evaluated a = {.yes = e == 0 && yes};

	signer_result(e, r, &a.code, &a.why);
	signer_log("evaluate", r, e, "answer", e < 0 ? "none" : yes ? "yes" : "no");
	signer_reply(v->s, v->gen, v->id, &js_evaluated_def, &a);
	free(v);
}

static void
answered(int err, const void *mv, void *arg)
{
	const struct sf_evaluated *m = mv;
	struct evaluate *v = arg;
	struct reason r = {0};
	bool yes = false;
	int e;

	if (err < 0)
		e = reason_set(&r, err, SP_POLICY_DENY, "evaluation: no answer from fetch");
	else if (m->code)
		e = reason_set(&r, E_IO, SP_POLICY_DENY, "evaluation: %s", m->why);
	else
		e = evaluation_check(m->answer, strlen(m->answer), m->keys, v->nonce, signer_now(), &yes, &r);
	finish(v, e, yes, &r);
}

static int
evaluate_body(struct evaluate *v, const struct js_evaluate *m, const struct token *org, struct buf *out,
              struct reason *r)
{
	struct jwk *k = keyring_signer(&v->s->ring);
	uint8_t raw[EVALUATION_NONCE / 2];
	json_t *claims;
	int e = E_NOMEM;

	random_bytes(raw, sizeof raw);
	hex_encode_str(v->nonce, sizeof v->nonce, raw, sizeof raw);
	claims = evaluation_claims(org, v->s->issuer, m->evaluate_url, v->nonce, signer_now());
	if (k && claims && (e = buf_put_str(out, "{\"token\":\"")) == 0 &&
	    (e = jwt_sign(k->key, k->kid, claims, out)) == 0)
		e = buf_put_str(out, "\"}");
	json_decref(claims);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "evaluation: %s", err_str(e)) : 0;
}

static int
evaluate_start(struct evaluate *v, const struct js_evaluate *m, struct reason *r)
{
	struct token org = {0};
	struct buf body;
	int e = evidence_org(v->s, m->org_token, &org, r);

	if (e < 0)
		return e;
	buf_init_secret(&body, EVALUATION_ANSWER_MAX);
	e = evaluate_body(v, m, &org, &body, r);
	struct sf_evaluate ask = {.evaluate_url = m->evaluate_url, .keys_url = m->keys_url, .body = buf_cstr(&body)};
	if (e == 0 &&
	    (!v->s->fetch || !ask.body ||
	     ipc_request(v->s->fetch, &sf_evaluate_def, &ask, &sf_evaluated_def, EVALUATE_MS, answered, v) < 0))
		e = reason_set(r, E_CLOSED, SP_POLICY_DENY, "evaluation: fetch is down");
	buf_release(&body);
	token_release(&org);
	return e;
}

void
on_js_evaluate(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	struct signer *s = arg;
	struct evaluate *v = calloc(1, sizeof *v);
	struct reason r = {0};

	if (!v)
		return; /* judge's deadline answers */
	*v = (struct evaluate){.s = s, .gen = s->judge_gen, .id = id};
	int e = evaluate_start(v, mv, &r);
	if (e < 0)
		finish(v, e, false, &r);
}
