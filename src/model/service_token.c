#include "model/service_token.h"

#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

static int
duration_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct service_token *t = rec;
	const char *s = json_string_value(v);

	if (s && strcmp(s, "forever") == 0) {
		t->duration_ms = 0;
		return E_OK;
	}
	if (!s || duration_parse(s, &t->duration_ms) != 0 || t->duration_ms < 60000 ||
	    t->duration_ms > SERVICE_DURATION_MAX_MS)
		return model_fail(err, "", "found \"%.60s\", expected a duration from 1m on such as 8760h, or forever",
		                  s ? s : "no text");
	return E_OK;
}

static json_t *
duration_write(const void *rec, enum model_form form)
{
	const struct service_token *t = rec;
	char text[64];

	if (!t->duration_ms)
		return json_string("forever");
	duration_format(t->duration_ms, text, sizeof text);
	return json_string(text);
}

#define AT(m) offsetof(struct service_token, m)
static const struct model_field service_token_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"client_id", MT_TEXT, AT(client_id)},
    {.name = "duration", .type = MT_CUSTOM, .read = duration_read, .write = duration_write},
    {"expires_at", MT_TIME, AT(expires_at)},
    {"enabled", MT_BOOL, AT(enabled), MF_EMPTY},
    {"client_secret_version", MT_INT, AT(version), 0, 1, INT32_MAX},
    {"previous_client_secret_expires_at", MT_TIME, AT(prev_until)},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {"last_seen_at", MT_TEXT, 0, MF_IGNORE},
    {"client_secret", MT_TEXT, 0, MF_IGNORE},
    {0},
};
#undef AT
static const struct model_table service_token_table = {"service token", service_token_fields};

bool
service_client_id_ok(const char *s)
{
	return strlen(s) == SERVICE_CLIENT_ID_LEN && strspn(s, "0123456789abcdef") == 32 &&
	       strcmp(s + 32, ".access") == 0;
}

int
service_token_from_json(const json_t *j, bool text_scalars, struct service_token **ret_t, struct model_error *err)
{
	struct service_token *t = calloc(1, sizeof *t);
	int ret;

	if (!t)
		return E_NOMEM;
	t->duration_ms = SERVICE_DURATION_DEFAULT_MS;
	t->enabled = true;
	t->version = 1;
	ret = model_read(&service_token_table, j, text_scalars, t, err);
	if (ret == E_OK && t->client_id && !service_client_id_ok(t->client_id))
		ret = model_fail(err, "/client_id", "expected 32 hexadecimal digits and .access");
	if (ret != E_OK) {
		service_token_free(t);
		return ret;
	}
	*ret_t = t;
	return E_OK;
}

json_t *
service_token_to_json(const struct service_token *t, enum model_form form)
{
	return model_write(&service_token_table, t, form);
}

void
service_token_free(struct service_token *t)
{
	if (!t)
		return;
	model_release(&service_token_table, t);
	free(t);
}

int64_t
service_token_end(int64_t duration_ms, int64_t now)
{
	return duration_ms ? now + duration_ms / 1000 : 0;
}

int
service_token_standing(const struct service_token *t, int64_t version, int64_t now, struct reason *why)
{
	const char *text = NULL;

	if (!t)
		text = "the service token was deleted";
	else if (!t->enabled)
		text = "the service token is disabled";
	else if (t->expires_at && now >= t->expires_at)
		text = "the service token has expired";
	else if (version != t->version && (version != t->version - 1 || now >= t->prev_until))
		text = "the secret of the service token was rotated";
	if (!text)
		return 0;
	reason_set(why, E_DENIED, SP_SERVICE_TOKEN, "%s", text);
	return SP_SERVICE_TOKEN;
}

int64_t
service_token_until(const struct service_token *t, int64_t version)
{
	int64_t until = t->expires_at;

	if (version != t->version && (!until || t->prev_until < until))
		until = t->prev_until;
	return until;
}
