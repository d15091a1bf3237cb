/* Asking the neighbours. A neighbour that is down is an answer too: the request is refused with a code, and the next
 * one tries again. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/judge.h"
#include "edge/judge/tunnel_config.h"
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

/* The signer's document in four: keys of sessions, keys of API tokens, the text without what is nobody's business, and
   how each key was announced.
 */
static int
keys_read(const char *text, struct jwks *ret_keys, struct jwks *ret_api, char **ret_public, json_t **ret_announced)
{
	json_t *doc = NULL, *all = NULL, *api = NULL, *key, *announced = NULL;
	struct jwks keys = {0}, both = {0};
	struct buf b;
	size_t i;
	char *public = NULL;
	int e = json_load_strict(text, strlen(text), JWKS_BYTES_MAX, &doc);

	buf_init(&b, JWKS_BYTES_MAX);
	if (e < 0 || (e = json_get_array(doc, "keys", &all)) < 0)
		goto out;
	api = json_copy(all);
	json_array_foreach(json_object_get(doc, "api_keys"), i, key) json_array_append(api, key);
	json_object_del(doc, "api_keys");
	announced = json_incref(json_object_get(doc, "announcements"));
	json_object_del(doc, "announcements");
	e = E_NOMEM;
	if (!(public = json_dump_str(doc)) || json_object_set(doc, "keys", api) || json_dump(doc, &b) < 0)
		goto out;
	if ((e = jwks_parse(public, strlen(public), &keys)) == 0)
		e = jwks_parse(buf_ptr(&b), buf_len(&b), &both);
	if (e == 0 && !keys.n)
		e = E_NOENT;
	if (e < 0)
		goto out;
	*ret_keys = keys;
	*ret_api = both;
	*ret_public = public;
	*ret_announced = announced ? announced : json_array();
	announced = NULL;
	keys = both = (struct jwks){0};
	public = NULL;
out:
	jwks_release(&keys);
	jwks_release(&both);
	free(public);
	json_decref(api);
	json_decref(announced);
	json_decref(doc);
	buf_release(&b);
	return e;
}

static void
keys_came(int err, const void *msg, void *arg)
{
	struct judge *j = arg;
	const struct js_text *m = msg;
	struct jwks keys, api;
	json_t *announced = NULL;
	char *text = NULL;

	if (err || m->code || keys_read(m->text, &keys, &api, &text, &announced) < 0) {
		log_warn("signer_keys", "why", err ? err_str(err) : m->why, NULL);
		timer_start(j->loop, &j->jwks_timer, KEYS_AGAIN_MS, keys_again, j);
		return;
	}
	jwks_release(&j->jwks);
	jwks_release(&j->jwks_api);
	free(j->jwks_text);
	json_decref(j->announcements);
	j->announcements = announced;
	j->jwks = keys;
	j->jwks_api = api;
	j->jwks_text = text;
	if (!j->keys_there)
		judge_open_fronts(j);
	tunnels_keys_changed(j);
	log_info("signer_keys", "keys", log_num((long long)keys.n), NULL);
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
