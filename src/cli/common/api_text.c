#include "cli/common/api_text.h"

#include <string.h>

#include "core/str.h"

static int
token_block(const char *text, struct buf *b64)
{
	static const char begin[] = "-----BEGIN ARGO TUNNEL TOKEN-----", end[] = "-----END ARGO TUNNEL TOKEN-----";
	const char *p = strstr(text, begin), *q = p ? strstr(p, end) : NULL;
	int r = q ? 0 : E_FORMAT;

	for (p = p ? p + strlen(begin) : NULL; r == 0 && p < q; p++)
		if (*p != '\n' && *p != '\r')
			r = buf_put(b64, p, 1);
	return r;
}

static int
take_fields(const json_t *o, struct cli_api *a)
{
	char account[sizeof a->account], zone[sizeof a->zone];
	const char *token = NULL;
	int r = json_get_str(o, "apiToken", &token);

	if (r == 0 && !*token)
		r = E_FORMAT;
	if (r == 0)
		r = str_copy(account, sizeof account, json_str_or(o, "accountID", ""));
	if (r == 0)
		r = str_copy(zone, sizeof zone, json_str_or(o, "zoneID", ""));
	if (r == 0)
		r = secret_set_str(&a->token, token);
	if (r == 0) {
		memcpy(a->account, account, sizeof account);
		memcpy(a->zone, zone, sizeof zone);
	}
	return r;
}

int
cert_pem_parse(const char *text, struct cli_api *a)
{
	struct buf b64, raw;
	json_t *o = NULL;
	int r;

	buf_init_secret(&b64, CERT_PEM_MAX);
	buf_init_secret(&raw, CERT_PEM_MAX);
	r = token_block(text, &b64);
	if (r == 0)
		r = b64_decode(&raw, B64_STD, (const char *)buf_ptr(&b64), buf_len(&b64));
	if (r == 0)
		r = json_load_strict(buf_ptr(&raw), buf_len(&raw), CERT_PEM_MAX, &o);
	if (r == 0)
		r = take_fields(o, a);
	json_decref(o);
	buf_release(&b64);
	buf_release(&raw);
	return r == 0 || r == E_NOMEM ? r : E_FORMAT;
}

int
api_answer_parse(const void *p, size_t n, json_t **ret_result, json_t **ret_errors)
{
	json_t *o = NULL;
	int r = json_load_strict(p, n, CLI_BODY_MAX, &o);

	if (r < 0 || !json_is_object(o)) {
		r = E_FORMAT;
	} else if (!json_bool_or(o, "success", false)) {
		*ret_errors = json_incref(json_object_get(o, "errors"));
		r = E_DENIED;
	} else if (ret_result) {
		*ret_result = json_incref(json_object_get(o, "result"));
	}
	json_decref(o);
	return r;
}
