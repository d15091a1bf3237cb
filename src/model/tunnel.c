#include "model/tunnel.h"

#include "core/str.h"

#include <stdlib.h>
#include <string.h>

static int
secret_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct tunnel *t = rec;
	struct buf raw;
	int ret;

	buf_init_secret(&raw, 256);
	if (!json_is_string(v) || b64_decode(&raw, B64_STD, json_string_value(v), strlen(json_string_value(v))) != 0 ||
	    buf_len(&raw) < TUNNEL_SECRET_LEN)
		ret = model_fail(err, "", "expected standard base64 of at least %d random bytes", TUNNEL_SECRET_LEN);
	else
		ret = secret_set(&t->secret, buf_ptr(&raw), buf_len(&raw));
	buf_release(&raw);
	return ret;
}

static json_t *
secret_write(const void *rec, enum model_form form)
{
	const struct tunnel *t = rec;
	char text[512];
	json_t *v = NULL;

	if (form != MODEL_STORE || !t->secret.d)
		return NULL;
	if (b64_encode_str(text, sizeof text, B64_STD, t->secret.d, t->secret.n) == 0)
		v = json_string(text);
	mem_wipe(text, sizeof text);
	return v;
}

static void
secret_drop(void *rec)
{
	secret_release(&((struct tunnel *)rec)->secret);
}

static int
src_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	const char *s = json_string_value(v);

	if (!s || (strcmp(s, "cloudflare") != 0 && strcmp(s, "local") != 0))
		return model_fail(err, "", "expected cloudflare or local");
	((struct tunnel *)rec)->remote = strcmp(s, "cloudflare") == 0;
	return E_OK;
}

static json_t *
src_write(const void *rec, enum model_form form)
{
	return json_string(((const struct tunnel *)rec)->remote ? "cloudflare" : "local");
}

#define AT(m) offsetof(struct tunnel, m)
static const struct model_field tunnel_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"account_tag", MT_TEXT, AT(account_tag)},
    {"tunnel_secret", MT_CUSTOM, .read = secret_read, .write = secret_write, .release = secret_drop},
    {"config_src", MT_CUSTOM, .read = src_read, .write = src_write},
    {"config_version", MT_INT, AT(config_version), MF_STORE, .min = 0, .max = INT32_MAX},
    {"config", MT_JSON, AT(config), MF_STORE},
    {"created_at", MT_TIME, AT(created_at)},
    {"deleted_at", MT_TIME, AT(deleted_at)},
    {0},
};
#undef AT
static const struct model_table tunnel_table = {"tunnel", tunnel_fields};

int
tunnel_from_json(const json_t *j, bool text_scalars, struct tunnel **ret_t, struct model_error *err)
{
	struct tunnel *t = calloc(1, sizeof *t);
	int ret;

	if (!t)
		return E_NOMEM;
	ret = model_read(&tunnel_table, j, text_scalars, t, err);
	if (ret != E_OK) {
		tunnel_free(t);
		return ret;
	}
	*ret_t = t;
	return E_OK;
}

json_t *
tunnel_to_json(const struct tunnel *t, enum model_form form)
{
	json_t *o = model_write(&tunnel_table, t, form);

	if (o && form == MODEL_API) {
		if (json_object_set_new(o, "tun_type", json_string("cfd_tunnel")) != 0 ||
		    json_object_set_new(o, "remote_config", json_boolean(t->remote)) != 0) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

void
tunnel_free(struct tunnel *t)
{
	if (!t)
		return;
	model_release(&tunnel_table, t);
	free(t);
}

int
tunnel_token(const struct tunnel *t, const json_t *keys, struct buf *out)
{
	char secret[512];
	struct buf text;
	json_t *o = NULL;
	int ret;

	buf_init_secret(&text, TUNNEL_TOKEN_MAX / 4 * 3);
	if (!t->secret.d || !t->id || !t->account_tag) {
		ret = E_STATE;
		goto out;
	}
	ret = b64_encode_str(secret, sizeof secret, B64_STD, t->secret.d, t->secret.n);
	if (ret != 0)
		goto out;
	o = json_pack("{ss ss ss}", "a", t->account_tag, "s", secret, "t", t->id);
	if (o && keys && json_object_set(o, "k", (json_t *)(uintptr_t)keys) != 0) {
		json_decref(o);
		o = NULL;
	}
	ret = o ? json_dump(o, &text) : E_NOMEM;
	if (ret == E_OK)
		ret = b64_encode(out, B64_STD, buf_ptr(&text), buf_len(&text));
out:
	json_decref(o);
	mem_wipe(secret, sizeof secret);
	buf_release(&text);
	return ret;
}
