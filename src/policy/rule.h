/*
 * rule: one selector of a policy or group, parsed from the API's JSON ({"email": {"email": "a@b.c"}}) into what eval
 * compares.
 *
 * Texts live in the arena given to rule_parse. group and login_method rules hold the reference as written (id or name);
 * compile resolves it. Selectors that are known but need what is not offered here (a device agent, a risk score) parse;
 * they evaluate as unknown, which never opens anything (eval.h). May block: no.
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "core/arena.h"
#include "model/model.h"

enum selector {
	SEL_EMAIL,
	SEL_EMAIL_DOMAIN,
	SEL_EVERYONE,
	SEL_IP,
	SEL_GEO,
	SEL_GROUP,
	SEL_LOGIN_METHOD,
	SEL_AUTH_METHOD,
	SEL_OIDC,
	SEL_OKTA,
	SEL_GSUITE,
	SEL_GITHUB,
	SEL_AZURE,
	SEL_SAML,
	SEL_EMAIL_LIST,
	SEL_IP_LIST,
	SEL_SERVICE_TOKEN,
	SEL_ANY_SERVICE_TOKEN,
	SEL_LINKED_APP_TOKEN,
	SEL_CERTIFICATE,
	SEL_COMMON_NAME,
	SEL_EXTERNAL_EVALUATION,
	/* known, not offered */
	SEL_AUTH_CONTEXT,
	SEL_DEVICE_POSTURE,
	SEL_RISK_SCORE,
	SEL_ACCOUNT_MEMBER,
	SELECTORS,
};

#define SF_IDENTITY 1u    /* needs a signed-in person */
#define SF_UNAVAILABLE 2u /* known, not offered */
#define SF_SERVICE 4u     /* speaks of a program, not of a person: made for service-auth policies */
struct selector_row {
	const char *name; /* JSON key */
	unsigned flags;
};
extern const struct selector_row selector_rows[SELECTORS];

struct rule {
	enum selector sel;
	const char *text; /* e-mail, domain, country, group, amr, claim value, token id: lower-cased where case does not
	                     count */
	const char *claim; /* SEL_OIDC, SEL_SAML: claim name; SEL_EXTERNAL_EVALUATION: keys_url */
	const char *team;  /* SEL_GITHUB: team or NULL */
	const char *idp;   /* identity_provider_id or NULL; after compile an id */
	uint32_t ntext;    /* strlen(text) */
	uint32_t group;    /* after compile. SEL_GROUP, SEL_EMAIL_LIST, SEL_IP_LIST: index into the set's groups or
	                       lists; SEL_LOGIN_METHOD: enum idp_type */
	uint8_t net[16];   /* SEL_IP, IPv4 mapped */
	uint8_t bits;      /* of 128 */
};

/* E_FORMAT with err (pointer relative to j), E_NOMEM. */
int rule_parse(const json_t *j, struct arena *a, struct rule *ret_r, struct model_error *err);
/* For people: `email "jdoe@example.test"`. Returns out. */
const char *rule_describe(const struct rule *r, char *out, size_t n);

#endif
