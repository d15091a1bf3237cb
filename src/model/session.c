#include "model/session.h"

#include "core/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AT(m) offsetof(struct session, m)
static const struct model_field session_fields[] = {
    {"id", MT_TEXT, AT(id), MF_REQUIRED},
    {"person", MT_TEXT, AT(person)},
    {"sub", MT_TEXT, AT(sub)},
    {"iss", MT_TEXT, AT(iss)},
    {"subject", MT_TEXT, AT(subject)},
    {"email", MT_TEXT, AT(email)},
    {"idp", MT_TEXT, AT(idp)},
    {"idp_type", MT_TEXT, AT(idp_type)},
    {"amr", MT_STRS, AT(amr), MF_EMPTY},
    {"groups", MT_STRS, AT(groups), MF_EMPTY},
    {"claims", MT_JSON, AT(claims), MF_STORE},
    {"groups_unknown", MT_BOOL, AT(groups_unknown)},
    {"said_yes", MT_STRS, AT(said_yes), MF_STORE},
    {"said_no", MT_STRS, AT(said_no), MF_STORE},
    {"approved", MT_STRS, AT(approved), MF_STORE},
    {"recheck", MT_TEXT, AT(recheck), MF_STORE},
    {"checked_at", MT_TIME, AT(checked_at)},
    {"sid", MT_TEXT, AT(sid), MF_STORE},
    {"nonce", MT_TEXT, AT(nonce), MF_STORE},
    {"ip", MT_TEXT, AT(ip)},
    {"country", MT_TEXT, AT(country)},
    {"user_agent", MT_TEXT, AT(user_agent)},
    {"apps", MT_STRS, AT(apps), MF_EMPTY},
    {"created_at", MT_TIME, AT(created_at)},
    {"expires_at", MT_TIME, AT(expires_at)},
    {"last_seen", MT_TIME, AT(last_seen)},
    {"revoked_at", MT_TIME, AT(revoked_at)},
    {"revoked_why", MT_TEXT, AT(revoked_why)},
    {"revoked_apps", MT_STRS, AT(revoked_apps)},
    {0},
};
#undef AT
static const struct model_table session_table = {"session", session_fields};

static bool
id_ok(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= 64 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int
session_from_json(const json_t *j, bool text_scalars, struct session **ret_s, struct model_error *err)
{
	struct session *s = calloc(1, sizeof *s);
	int ret;

	if (!s)
		return E_NOMEM;
	ret = model_read(&session_table, j, text_scalars, s, err);
	if (ret == E_OK && !id_ok(s->id))
		ret = model_fail(err, "/id", "expected 1 to 64 of A-Z a-z 0-9 _ -");
	if (ret != E_OK) {
		session_free(s);
		return ret;
	}
	*ret_s = s;
	return E_OK;
}

json_t *
session_to_json(const struct session *s, enum model_form form)
{
	return model_write(&session_table, s, form);
}

void
session_free(struct session *s)
{
	if (!s)
		return;
	model_release(&session_table, s);
	free(s);
}

bool
session_live(const struct session *s, int64_t now)
{
	return s->revoked_at == 0 && now < s->expires_at;
}

/* What stands after "<app> " in a row; NULL = the row is of another application. */
static const char *
approved_for(const char *row, const char *app)
{
	size_t n = strlen(app);

	return n && strncmp(row, app, n) == 0 && row[n] == ' ' ? row + n + 1 : NULL;
}

int64_t
session_approved_until(const struct session *s, const char *app, const char *print)
{
	char number[24];
	uint64_t until;

	for (size_t i = 0; i < s->approved.n; i++) {
		const char *rest = approved_for(s->approved.v[i], app);
		size_t n = rest ? strcspn(rest, " ") : 0;
		if (!rest || !*print || rest[n] != ' ' || strcmp(rest + n + 1, print) != 0)
			continue;
		if (str_copy_n(number, sizeof number, rest, n) == 0 && str_u64(number, INT64_MAX, &until) == 0)
			return (int64_t)until;
	}
	return 0;
}

int
session_approve(struct session *s, const char *app, const char *print, int64_t until)
{
	struct texts fresh = {0};
	char *row = until > 0 ? str_fmt("%s %" PRId64 " %s", app, until, print) : NULL;
	int e = until > 0 ? row ? texts_add(&fresh, row) : E_NOMEM : 0;

	for (size_t i = 0; e == 0 && i < s->approved.n; i++)
		if (!approved_for(s->approved.v[i], app))
			e = texts_add(&fresh, s->approved.v[i]);
	free(row);
	if (e < 0) {
		texts_release(&fresh);
		return e;
	}
	texts_release(&s->approved);
	s->approved = fresh;
	return 0;
}
