#include "model/access_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"

static const char *const state_words[] = {"pending", "granted", "refused", "expired", NULL};

const char *
request_state_str(int s)
{
	return s >= 0 && s <= REQUEST_EXPIRED ? state_words[s] : "?";
}

#define AT(m) offsetof(struct request_approval, m)
static const struct model_field approval_fields[] = {
    {"email", MT_TEXT, AT(email), MF_REQUIRED},
    {"sub", MT_TEXT, AT(sub)},
    {"person", MT_TEXT, AT(person), MF_STORE},
    {"seconds", MT_INT, AT(seconds), .min = 0, .max = INT32_MAX},
    {"at", MT_TIME, AT(at)},
    {0},
};
#undef AT
static const struct model_table approval_table = {"approval", approval_fields};

static void
approvals_release(void *rec)
{
	struct access_request *q = rec;

	for (size_t i = 0; i < q->napprovals; i++)
		model_release(&approval_table, &q->approvals[i]);
	free(q->approvals);
	q->approvals = NULL;
	q->napprovals = 0;
}

static int
approvals_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct access_request *q = rec;
	size_t n = json_array_size(v);

	if (!json_is_array(v) || n > REQUEST_APPROVALS_MAX)
		return model_fail(err, "", "expected a list of at most %d approvals", REQUEST_APPROVALS_MAX);
	approvals_release(q);
	q->approvals = calloc(n ? n : 1, sizeof *q->approvals);
	if (!q->approvals)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		int e = model_read(&approval_table, json_array_get(v, i), text_scalars, &q->approvals[q->napprovals++],
		                   err);
		if (e != 0) {
			model_error_prefix(err, "/%zu", i);
			return e;
		}
	}
	return 0;
}

static json_t *
approvals_write(const void *rec, enum model_form form)
{
	const struct access_request *q = rec;
	json_t *all = json_array();

	for (size_t i = 0; all && i < q->napprovals; i++)
		if (json_array_append_new(all, model_write(&approval_table, &q->approvals[i], form)) != 0) {
			json_decref(all);
			return NULL;
		}
	return all;
}

#define AT(m) offsetof(struct access_request, m)
static const struct model_field request_fields[] = {
    {"id", MT_ID, AT(id), MF_REQUIRED},
    {"state", MT_ENUM, AT(state), .words = state_words},
    {"app", MT_TEXT, AT(app), MF_REQUIRED},
    {"policy", MT_TEXT, AT(policy), MF_REQUIRED},
    {"print", MT_TEXT, AT(print), MF_REQUIRED | MF_STORE},
    {"session", MT_TEXT, AT(session), MF_REQUIRED},
    {"person", MT_TEXT, AT(person), MF_REQUIRED | MF_STORE},
    {"sub", MT_TEXT, AT(sub), MF_REQUIRED},
    {"email", MT_TEXT, AT(email), MF_REQUIRED},
    {"ip", MT_TEXT, AT(ip)},
    {"prompt", MT_TEXT, AT(prompt), MF_LINES},
    {"reason", MT_TEXT, AT(reason), MF_REQUIRED},
    {"transfer", MT_TEXT, AT(transfer), MF_STORE},
    {"approvals", MT_CUSTOM, .read = approvals_read, .write = approvals_write, .release = approvals_release},
    {"refused_by", MT_TEXT, AT(refused_by)},
    {"created_at", MT_TIME, AT(created_at)},
    {"decided_at", MT_TIME, AT(decided_at)},
    {"until", MT_TIME, AT(until)},
    {"seconds", MT_INT, AT(seconds), .min = 0, .max = INT32_MAX},
    {0},
};
#undef AT
static const struct model_table request_table = {"request", request_fields};

int
access_request_from_json(const json_t *j, bool text_scalars, struct access_request **ret_q, struct model_error *err)
{
	struct access_request *q = calloc(1, sizeof *q);
	int e;

	if (!q)
		return E_NOMEM;
	e = model_read(&request_table, j, text_scalars, q, err);
	if (e != 0) {
		access_request_free(q);
		return e;
	}
	*ret_q = q;
	return 0;
}

json_t *
access_request_to_json(const struct access_request *q, enum model_form form)
{
	return model_write(&request_table, q, form);
}

void
access_request_free(struct access_request *q)
{
	if (!q)
		return;
	model_release(&request_table, q);
	free(q);
}

int
request_go(struct access_request *q, enum request_state to, int64_t now)
{
	static const bool way[][REQUEST_EXPIRED + 1] = {
	    [REQUEST_PENDING] = {[REQUEST_GRANTED] = true, [REQUEST_REFUSED] = true, [REQUEST_EXPIRED] = true},
	    [REQUEST_GRANTED] = {[REQUEST_REFUSED] = true, [REQUEST_EXPIRED] = true},
	    [REQUEST_EXPIRED] = {false},
	};

	if (!way[q->state][to])
		return E_STATE;
	q->state = (int)to;
	q->decided_at = now;
	return 0;
}

static bool
same(const char *a, const char *b)
{
	return a && b && *a && !strcasecmp(a, b);
}

bool
request_is_own(const struct access_request *q, const char *email, const char *sub, const char *person)
{
	return same(q->email, email) || same(q->sub, sub) || same(q->person, person);
}

int
request_approve(struct access_request *q, const char *email, const char *sub, const char *person, int64_t seconds,
                int64_t now)
{
	for (size_t i = 0; i < q->napprovals; i++) {
		const struct request_approval *a = &q->approvals[i];
		if (same(a->email, email) || same(a->sub, sub) || same(a->person, person))
			return E_EXIST;
	}
	if (q->napprovals >= REQUEST_APPROVALS_MAX)
		return E_LIMIT;
	struct request_approval *v = reallocarray(q->approvals, q->napprovals + 1, sizeof *v);
	if (!v)
		return E_NOMEM;
	q->approvals = v;
	struct request_approval a = {
	    .email = str_dup(email), .sub = str_dup(sub), .person = str_dup(person), .seconds = seconds, .at = now};
	if (!a.email || (sub && !a.sub) || (person && !a.person)) {
		model_release(&approval_table, &a);
		return E_NOMEM;
	}
	q->approvals[q->napprovals++] = a;
	if (!q->seconds || seconds < q->seconds)
		q->seconds = seconds;
	return 0;
}
