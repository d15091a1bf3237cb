/*
 * eval: may this request reach this application? One function for every path: page, API, WebSocket, certificate,
 * explain.
 *
 * Order: bypass and service-auth policies first, as listed; then allow and block, as listed; the first that matches
 * decides; none = denied. A policy matches when any include rule, every require rule and no exclude rule matches.
 * Values are true, false or unknown (country not known, selector not offered here, and before sign-in everything about
 * the person). Unknown never opens: an allow, bypass or service-auth policy needs true; a block policy is taken to
 * match when it is not false. An allow policy that wants an approval denies by SP_APPROVAL: who was approved is not
 * known here. No allocation and no lock unless a trace is asked for. Inputs are borrowed for the call. May block: no.
 */
#ifndef POLICY_EVAL_H
#define POLICY_EVAL_H

#include "policy/compile.h"

struct policy_input {
	bool have_identity; /* a verified, live session; else the members up to claims are not looked at */
	const char *email;
	const char *idp_id, *idp_type;
	const char *const *amr;
	size_t namr;
	const char *const *groups;
	size_t ngroups;
	const json_t *claims; /* object or NULL */
	/* The provider had more to say than could be taken: a group or claim that is not seen is unknown, not absent.
	 */
	bool groups_unknown;

	const char *ip;            /* client address; NULL or unreadable = unknown */
	const char *country;       /* ISO 3166-1 alpha-2; NULL or "" = unknown */
	const char *service_token; /* id of a service token whose secret was verified; NULL = none */
	const char *cert_ca;       /* id of the CA record that verified the client's certificate; NULL = none */
	const char *common_name;   /* of that certificate; NULL = none */
	/* The request came where no client certificate is asked for, about an application that asks for one: rules
	   about it are unknown. could: only to know whether a token is worth minting, which counts nothing before it is
	   shown to the application together with the certificate: then an allow policy that turns on the certificate
	   alone is taken to match. */
	bool cert_unknown, could;
	/* Evaluation URLs that said yes, and those that said no, for this person and application. One that stands in
	   neither was not asked, or gave no answer that counts: unknown. */
	const char *const *external, *const *external_no;
	size_t nexternal, nexternal_no;
	const char *app_uid_of_linked_token; /* application whose token was shown and verified; NULL = none */
};

enum policy_outcome {
	POLICY_DENIED,   /* code says why: SP_NO_POLICY, SP_POLICY_DENY, SP_POLICY_BLOCK, SP_APPROVAL */
	POLICY_ALLOWED,  /* a person, by an allow policy */
	POLICY_BYPASSED, /* anybody; not logged */
	POLICY_SERVICE,  /* without a person, by a service-auth policy */
	POLICY_LOGIN, /* only sign-in can tell (policy_eval_pre), or the session's provider is not one the application
	                 admits */
};
const char *policy_outcome_str(int o);

struct policy_verdict {
	enum policy_outcome outcome;
	int code;                /* sp_code; 0 when allowed */
	int policy;              /* index into the application's policies as listed, -1 = none decided */
	const char *policy_id;   /* of the set; "" when none */
	const char *policy_name; /* of the set; "" when none */
	int64_t session_ms;      /* how long a token by this verdict may live: the policy's, else the application's */
	int64_t approved_until;  /* judge: when the approval ends that it rests on; 0 = on none */
	bool unknown;            /* a block policy decided because something it asks about is unknown */
};
static inline bool
policy_passes(const struct policy_verdict *v)
{
	return v->outcome == POLICY_ALLOWED || v->outcome == POLICY_BYPASSED || v->outcome == POLICY_SERVICE;
}

struct policy_trace; /* policy/explain.h */

/* Before sign-in: identity is unknown whatever in says. BYPASSED or SERVICE: let it through; DENIED: nobody could be
   let in from there, do not offer the login page; LOGIN: ask. */
void policy_eval_pre(const struct policy_set *set, const struct policy_app *app, const struct policy_input *in,
                     struct policy_verdict *ret_v, struct policy_trace *trace);
/* The verdict. Without an identity every identity rule is false; LOGIN is returned when in->have_identity is false and
   nothing passed but sign-in might help, and when the provider is not among the application's. trace may be NULL. */
void policy_eval(const struct policy_set *set, const struct policy_app *app, const struct policy_input *in,
                 struct policy_verdict *ret_v, struct policy_trace *trace);

/* Fills r with the one-line reason of a verdict, for log and audit: `policy "staff" of "ssh" allows`. */
void policy_verdict_reason(const struct policy_app *app, const struct policy_verdict *v, struct reason *r);

#endif
