/* Asking the neighbours. A neighbour that is down is an answer too: the request is refused with a code, and the next
 * one tries again. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/judge.h"
#include "msg/fetch.h"
#include "msg/judge_signer.h"

#define KEYS_AGAIN_MS 500

static void
ask(struct ipc *c, const struct msg_def *d, const void *m, const struct msg_def *reply, int64_t ms, ipc_reply_fn *fn,
    void *arg)
{
	int e = c ? ipc_request(c, d, m, reply, ms, fn, arg) : E_CLOSED;
	if (e < 0)
		fn(e, NULL, arg);
}

void
signer_ask(struct judge *j, const struct msg_def *d, const void *m, const struct msg_def *reply, ipc_reply_fn *fn,
           void *arg)
{
	bool quick = d == &js_cert_sign_def || d == &js_app_token_def;
	ask(j->signer, d, m, reply, quick ? SIGNER_QUICK_MS : SIGNER_MS, fn, arg);
}

void
fetch_ask(struct judge *j, const struct msg_def *d, const void *m, const struct msg_def *reply, ipc_reply_fn *fn,
          void *arg)
{
	ask(j->fetch, d, m, reply, FETCH_MS, fn, arg);
}

int
signer_code(int err, uint32_t code)
{
	return err ? SP_SIGNER_DOWN : (int)code;
}

static void
keys_again(void *arg)
{
	signer_keys_load(arg);
}

static void
keys_came(int err, const void *msg, void *arg)
{
	struct judge *j = arg;
	const struct js_text *m = msg;
	struct jwks fresh = {0};

	if (err || m->code || jwks_parse(m->text, strlen(m->text), &fresh) < 0 || !fresh.n) {
		log_warn("signer_keys", "why", err ? err_str(err) : m->why, NULL);
		jwks_release(&fresh);
		timer_start(j->loop, &j->jwks_timer, KEYS_AGAIN_MS, keys_again, j);
		return;
	}
	jwks_release(&j->jwks);
	j->jwks = fresh;
	free(j->jwks_text);
	j->jwks_text = str_dup(m->text);
	if (!j->keys_there)
		judge_open_fronts(j);
	log_info("signer_keys", "keys", log_num((long long)fresh.n), NULL);
}

void
signer_keys_load(struct judge *j)
{
	struct js_jwks m = {0};

	if (!j->signer) {
		timer_start(j->loop, &j->jwks_timer, KEYS_AGAIN_MS, keys_again, j);
		return;
	}
	signer_ask(j, &js_jwks_def, &m, &js_text_def, keys_came, j);
}
