#include "model/policy.h"

#include "core/str.h"

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

/* --- approval groups ------------------------------------------------------------------------------------------------
 */

#define AT(m) offsetof(struct approval_group, m)
static const struct model_field approval_fields[] = {
    {"approvals_needed", MT_INT, AT(approvals_needed), MF_REQUIRED, .min = 1, .max = POLICY_APPROVALS_MAX},
    {"email_addresses", MT_STRS, AT(email_addresses)},
    {"email_list_uuid", MT_TEXT, AT(email_list)},
    {0},
};
#undef AT
static const struct model_table approval_table = {"approval group", approval_fields};

static int
approval_check(struct approval_group *g, struct model_error *err)
{
	char email[255];

	for (size_t i = 0; i < g->email_addresses.n; i++) {
		char *copy;

		if (model_email(g->email_addresses.v[i], email) != 0) {
			model_fail(err, "", "found \"%.60s\", expected an e-mail address such as jdoe@example.com",
			           g->email_addresses.v[i]);
			model_error_prefix(err, "/email_addresses/%zu", i);
			return E_FORMAT;
		}
		copy = str_dup(email);
		if (!copy)
			return E_NOMEM;
		free(g->email_addresses.v[i]);
		g->email_addresses.v[i] = copy;
	}
	if (!g->email_list && g->email_addresses.n == 0)
		return model_fail(err, "", "expected email_addresses or email_list_uuid: nobody could approve");
	if (!g->email_list && (size_t)g->approvals_needed > g->email_addresses.n)
		return model_fail(err, "/approvals_needed", "found %lld, but only %zu people may approve",
		                  (long long)g->approvals_needed, g->email_addresses.n);
	return E_OK;
}

static void
approvals_release(void *rec)
{
	struct policy *p = rec;

	for (size_t i = 0; i < p->napproval_groups; i++)
		model_release(&approval_table, &p->approval_groups[i]);
	free(p->approval_groups);
	p->approval_groups = NULL;
	p->napproval_groups = 0;
}

static int
approvals_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct policy *p = rec;
	size_t n = json_array_size(v);
	int ret;

	if (!json_is_array(v))
		return model_fail(err, "", "expected a list such as [{approvals_needed: 1, email_addresses: [...]}]");
	if (n > POLICY_APPROVAL_GROUPS_MAX)
		return model_fail(err, "", "found %zu approval groups, expected at most %d", n,
		                  POLICY_APPROVAL_GROUPS_MAX);
	approvals_release(p);
	p->approval_groups = calloc(n ? n : 1, sizeof *p->approval_groups);
	if (!p->approval_groups)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct approval_group *g = &p->approval_groups[p->napproval_groups++];

		ret = model_read(&approval_table, json_array_get(v, i), text_scalars, g, err);
		if (ret == E_OK)
			ret = approval_check(g, err);
		if (ret != E_OK) {
			model_error_prefix(err, "/%zu", i);
			return ret;
		}
	}
	return E_OK;
}

static json_t *
approvals_write(const void *rec, enum model_form form)
{
	const struct policy *p = rec;
	json_t *list = p->napproval_groups ? json_array() : NULL;

	for (size_t i = 0; list && i < p->napproval_groups; i++) {
		if (json_array_append_new(list, model_write(&approval_table, &p->approval_groups[i], form)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* --- connection_rules: {ssh: {usernames, allow_email_alias}}, the original's place for usernames ---------------------
 */

struct rules_ssh {
	struct texts usernames;
};
static const struct model_field rules_ssh_fields[] = {
    {"usernames", MT_STRS, offsetof(struct rules_ssh, usernames)},
    {"allow_email_alias", MT_CUSTOM, .read = model_read_false},
    {0},
};
static const struct model_table rules_ssh_table = {"connection_rules.ssh", rules_ssh_fields};

static int
rules_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct policy *p = rec;
	struct rules_ssh got = {0};
	const json_t *ssh = json_object_get(v, "ssh");
	int ret;

	if (!json_is_object(v) || json_object_size(v) != (ssh ? 1 : 0))
		return model_fail(err, "", "expected a map such as {ssh: {usernames: [...]}}");
	if (!ssh || json_is_null(ssh))
		return E_OK;
	ret = model_read(&rules_ssh_table, ssh, text_scalars, &got, err);
	if (ret == E_OK && got.usernames.n > 0) {
		texts_release(&p->usernames);
		p->usernames = got.usernames;
		return E_OK;
	}
	model_release(&rules_ssh_table, &got);
	if (ret != E_OK)
		model_error_prefix(err, "/ssh");
	return ret;
}

#define AT(m) offsetof(struct policy, m)
static const struct model_field policy_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"decision", MT_CUSTOM, .flags = MF_REQUIRED, .read = decision_read, .write = decision_write},
    {"precedence", MT_INT, AT(precedence), .min = 0, .max = 1000000},
    {"session_duration", MT_DURATION, AT(session_duration_ms), .min = 0, .max = 730LL * 3600 * 1000},
    {"include", MT_JSON, AT(include), MF_ARRAY | MF_REQUIRED},
    {"require", MT_JSON, AT(require), MF_ARRAY | MF_EMPTY},
    {"exclude", MT_JSON, AT(exclude), MF_ARRAY | MF_EMPTY},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {"reusable", MT_BOOL, AT(reusable)},
    {"purpose_justification_required", MT_BOOL, AT(purpose_justification_required)},
    {"purpose_justification_prompt", MT_TEXT, AT(purpose_justification_prompt), MF_LINES},
    {"approval_required", MT_BOOL, AT(approval_required)},
    {"approval_groups", MT_CUSTOM, .read = approvals_read, .write = approvals_write, .release = approvals_release},
    {"isolation_required", MT_CUSTOM, .read = model_read_false},
    {"usernames", MT_STRS, AT(usernames)},
    {"connection_rules", MT_CUSTOM, .read = rules_read},
    {"app_count", MT_INT, .flags = MF_IGNORE},
    {0},
};
#undef AT
static const struct model_table policy_table = {"policy", policy_fields};

static int
policy_check(const struct policy *p, struct model_error *err)
{
	if (json_array_size(p->include) == 0)
		return model_fail(err, "/include",
		                  "found an empty list, expected at least one rule such as {everyone: {}}");
	if (p->purpose_justification_required && p->decision != DECISION_ALLOW)
		return model_fail(err, "/purpose_justification_required",
		                  "found true in a %s policy; only allow has a person to ask",
		                  decision_str(p->decision));
	if (p->approval_required && !p->purpose_justification_required)
		return model_fail(err, "/approval_required",
		                  "found true without purpose_justification_required: approvers must read a reason");
	if (p->approval_required && p->napproval_groups == 0)
		return model_fail(err, "/approval_required",
		                  "found true without approval_groups: nobody could approve");
	if (p->usernames.n > 0 && p->decision != DECISION_ALLOW && p->decision != DECISION_NON_IDENTITY)
		return model_fail(err, "/usernames",
		                  "found in a %s policy; only allow and non_identity name Unix users",
		                  decision_str(p->decision));
	return E_OK;
}

static bool
named(const json_t *j, const char *member)
{
	const json_t *v = json_object_get(j, member);

	return v && !json_is_null(v);
}

int
policy_from_json(const json_t *j, bool text_scalars, struct policy **ret_p, struct model_error *err)
{
	struct policy *p = calloc(1, sizeof *p);
	int ret;

	if (!p)
		return E_NOMEM;
	p->session_duration_ms = -1;
	ret = model_read(&policy_table, j, text_scalars, p, err);
	if (ret == E_OK && named(j, "usernames") &&
	    named(json_object_get(json_object_get(j, "connection_rules"), "ssh"), "usernames"))
		ret = model_fail(err, "/connection_rules/ssh/usernames",
		                 "usernames stand in two places; give one of them");
	if (ret == E_OK)
		ret = policy_check(p, err);
	if (ret != E_OK) {
		policy_free(p);
		return ret;
	}
	*ret_p = p;
	return E_OK;
}

/* --- references -----------------------------------------------------------------------------------------------------
 */

bool
policy_json_is_ref(const json_t *j)
{
	if (json_is_string(j))
		return true;
	if (!json_is_object(j) || (!named(j, "id") && !named(j, "name")))
		return false;
	if (!named(j, "include") && !named(j, "decision"))
		return true;
	return named(j, "id") && json_is_true(json_object_get(j, "reusable"));
}

#define AT(m) offsetof(struct policy, m)
static const struct model_field ref_fields[] = {
    {"id", MT_NAME, AT(id)},
    {"name", MT_NAME, AT(name)},
    {"precedence", MT_INT, AT(precedence), .min = 0, .max = 1000000},
    {0},
};
#undef AT
static const struct model_table ref_table = {"policy reference", ref_fields};

/* What the API showed of it, shortened to the reference that it is. */
static json_t *
ref_short(const json_t *j)
{
	static const char *const keep[] = {"id", "precedence"};
	json_t *o = json_object();

	for (size_t i = 0; o && i < 2; i++) {
		if (named(j, keep[i]) && json_object_set(o, keep[i], json_object_get(j, keep[i])) != 0) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

static int
ref_from_json(const json_t *j, bool text_scalars, struct policy **ret_p, struct model_error *err)
{
	struct policy *p = calloc(1, sizeof *p);
	json_t *o;
	int ret;

	if (!p)
		return E_NOMEM;
	if (json_is_string(j))
		o = json_pack("{sO}", "id", (json_t *)(uintptr_t)j);
	else
		o = named(j, "include") || named(j, "decision") ? ref_short(j) : json_incref((json_t *)(uintptr_t)j);
	ret = o ? model_read(&ref_table, o, text_scalars, p, err) : E_NOMEM;
	json_decref(o);
	if (ret == E_OK) {
		p->ref = str_dup(p->id ? p->id : p->name); /* an id says more than a name beside it */
		free(p->id);
		free(p->name);
		p->id = str_dup(p->ref);
		p->name = str_dup(p->ref);
		if (!p->ref || !p->id || !p->name)
			ret = E_NOMEM;
	}
	p->session_duration_ms = -1;
	if (ret != E_OK) {
		policy_free(p);
		return ret;
	}
	*ret_p = p;
	return E_OK;
}

int
policy_entry_from_json(const json_t *j, bool text_scalars, struct policy **ret_p, struct model_error *err)
{
	int ret;

	if (policy_json_is_ref(j))
		return ref_from_json(j, text_scalars, ret_p, err);
	ret = policy_from_json(j, text_scalars, ret_p, err);
	if (ret == E_OK && (*ret_p)->reusable) {
		policy_free(*ret_p);
		*ret_p = NULL;
		return model_fail(err, "/reusable",
		                  "found true; a reusable policy stands under policies: (API: access/policies) and is "
		                  "named here");
	}
	return ret;
}

json_t *
policy_to_json(const struct policy *p, enum model_form form)
{
	json_t *o;

	if (!p->ref)
		return model_write(&policy_table, p, form);
	if (form == MODEL_STORE || !p->target)
		return json_pack("{ss sI}", model_is_id(p->ref) ? "id" : "name", p->ref, "precedence",
		                 (json_int_t)p->precedence);
	o = model_write(&policy_table, p->target, form);
	if (o && json_object_set_new(o, "precedence", json_integer((json_int_t)p->precedence)) != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

void
policy_free(struct policy *p)
{
	if (!p)
		return;
	model_release(&policy_table, p);
	free(p->ref);
	free(p);
}
