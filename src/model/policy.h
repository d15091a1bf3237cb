/*
 * policy: one policy of an application, or a reusable one that applications name, as stored and shown. Rules stay JSON
 * here; policy/rule gives them meaning.
 *
 * In an application's list a policy is written out, or is a reference to a reusable one: its id or name as a text, {id,
 * precedence} or {name, precedence}; what the API shows of a reference (reusable: true, with an id) reads as one too. A
 * reference has ref, and id and name say the same; the snapshot fills target.
 * Contract of the three functions: model/model.h.
 */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include "model/model.h"

/* API words: allow deny bypass non_identity ("block" and "service_auth" are understood too). */
enum decision { DECISION_ALLOW, DECISION_DENY, DECISION_BYPASS, DECISION_NON_IDENTITY };
const char *decision_str(int d); /* the API word */

/* Who must agree before an approval counts; addresses, a list, or both. */
struct approval_group {
	int64_t approvals_needed;     /* >= 1 */
	struct texts email_addresses; /* lower-cased */
	char *email_list;             /* id or name of a list; NULL = none. JSON: email_list_uuid */
};
#define POLICY_APPROVAL_GROUPS_MAX 32
#define POLICY_APPROVALS_MAX 100

struct policy {
	char *ref;                   /* of a reference: id or name as written; NULL = this is the policy itself */
	const struct policy *target; /* of a reference in a snapshot: what it names; borrowed. NULL = not resolved */
	char *id;                    /* UUID; NULL until one is given */
	char *name;
	int decision;                /* enum decision */
	int64_t precedence;          /* ascending; 0 = as listed */
	size_t listed;               /* index in the list that was read: what a JSON pointer names; not written */
	int64_t session_duration_ms; /* -1 = the application's */
	json_t *include, *require, *exclude; /* arrays of rules, or NULL; include must not be empty */
	bool reusable;                       /* stored once, named by applications */
	bool purpose_justification_required;
	char *purpose_justification_prompt; /* NULL = the usual text */
	bool approval_required;             /* with purpose_justification_required only */
	struct approval_group *approval_groups;
	size_t napproval_groups;
	struct texts usernames; /* templates as in an application's ssh.usernames, which they replace; empty = those.
	                           JSON: usernames, or connection_rules.ssh.usernames */
	int64_t created_at, updated_at;
};
int policy_from_json(const json_t *j, bool text_scalars, struct policy **ret_p, struct model_error *err);
/* One entry of an application's list: a policy or a reference. */
int policy_entry_from_json(const json_t *j, bool text_scalars, struct policy **ret_p, struct model_error *err);
bool policy_json_is_ref(const json_t *j);
/* What counts: the policy itself or, of a resolved reference, what it names. */
static inline const struct policy *
policy_real(const struct policy *p)
{
	return p->target ? p->target : p;
}
/* A reference is written as one in MODEL_STORE form, as what it names (with its own precedence) in MODEL_API form. */
json_t *policy_to_json(const struct policy *p, enum model_form form);
void policy_free(struct policy *p);

#endif
