#include "model/policy.h"

#include <stdlib.h>
#include <string.h>

static const char *const decision_words[] = {"allow", "deny", "bypass", "non_identity", NULL};

const char *
decision_str(int d)
{
	return d >= 0 && d <= DECISION_NON_IDENTITY ? decision_words[d] : "?";
}

static const struct {
	const char *word;
	enum decision d;
} decision_alias[] = {
    {"block", DECISION_DENY}, {"service_auth", DECISION_NON_IDENTITY}, {"service-auth", DECISION_NON_IDENTITY}};

static int
decision_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct holder {
		int d;
	} h = {0};
	static const struct model_field one[] = {{"", MT_ENUM, offsetof(struct holder, d), .words = decision_words},
	                                         {0}};
	static const struct model_table table = {"decision", one};
	struct policy *p = rec;
	json_t *wrap;
	int ret;

	for (size_t i = 0; json_is_string(v) && i < sizeof decision_alias / sizeof *decision_alias; i++) {
		if (strcmp(json_string_value(v), decision_alias[i].word) == 0) {
			p->decision = (int)decision_alias[i].d;
			return E_OK;
		}
	}
	wrap = json_pack("{sO}", "", (json_t *)(uintptr_t)v);
	if (!wrap)
		return E_NOMEM;
	ret = model_read(&table, wrap, text_scalars, &h, err);
	json_decref(wrap);
	if (ret == E_OK)
		p->decision = h.d;
	else if (err)
		err->pointer[0] = '\0';
	return ret;
}

static json_t *
decision_write(const void *rec, enum model_form form)
{
	return json_string(decision_str(((const struct policy *)rec)->decision));
}

#define AT(m) offsetof(struct policy, m)
static const struct model_field policy_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"decision", MT_CUSTOM, .flags = MF_REQUIRED, .read = decision_read, .write = decision_write},
    {"precedence", MT_INT, AT(precedence), .min = 0, .max = 1000000},
    {"session_duration", MT_DURATION, AT(session_duration_ms), .min = 0, .max = 730LL * 3600 * 1000},
    {"include", MT_JSON, AT(include), MF_ARRAY | MF_REQUIRED},
    {"require", MT_JSON, AT(require), MF_ARRAY},
    {"exclude", MT_JSON, AT(exclude), MF_ARRAY},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {"reusable", MT_BOOL, .flags = MF_IGNORE},
    {"app_count", MT_INT, .flags = MF_IGNORE},
    {0},
};
static const struct model_table policy_table = {"policy", policy_fields};

int
policy_from_json(const json_t *j, bool text_scalars, struct policy **ret_p, struct model_error *err)
{
	struct policy *p = calloc(1, sizeof *p);
	int ret;

	if (!p)
		return E_NOMEM;
	p->session_duration_ms = -1;
	ret = model_read(&policy_table, j, text_scalars, p, err);
	if (ret == E_OK && json_array_size(p->include) == 0)
		ret = model_fail(err, "/include",
		                 "found an empty list, expected at least one rule such as {everyone: {}}");
	if (ret != E_OK) {
		policy_free(p);
		return ret;
	}
	*ret_p = p;
	return E_OK;
}

json_t *
policy_to_json(const struct policy *p, enum model_form form)
{
	return model_write(&policy_table, p, form);
}

void
policy_free(struct policy *p)
{
	if (!p)
		return;
	model_release(&policy_table, p);
	free(p);
}
