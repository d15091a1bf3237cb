/* ID token claims \n userinfo: an identity always has issuer, audience, nonce, a bounded subject and a verified
 * address. */
#include "fuzz.h"
#include "identity/oidc.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct oidc_check check = {
	    .issuer = "https://i.test", .client_id = "c", .nonce = "n", .now = 1800000000};
	struct oidc_identity id = {0};
	struct reason r = {0};
	json_t *claims = NULL;
	char *s = fuzz_text(p, n), *info = strchr(s, '\n');
	if (info)
		*info++ = 0;
	if (json_load_strict(s, strlen(s), 65536, &claims) == 0) {
		if (oidc_claims_check(claims, &check, info, &id, &r) == 0) {
			MUST(!strcmp(json_str_or(id.claims, "iss", ""), "https://i.test"));
			MUST(!strcmp(json_str_or(id.claims, "nonce", ""), "n"));
			MUST(*id.sub && strlen(id.sub) <= OIDC_SUB_MAX && email_ok(id.email));
			MUST(json_is_true(json_object_get(id.claims, "email_verified")));
			MUST(!id.groups_overage || id.ngroups == 0 || json_object_get(id.claims, "_claim_names"));
			for (size_t i = 0; i < id.ngroups; i++)
				MUST(*id.groups[i] && strlen(id.groups[i]) <= OIDC_GROUP_MAX);
		} else {
			MUST(r.code == SP_ID_TOKEN || r.code == SP_EMAIL);
		}
	}
	oidc_identity_release(&id);
	json_decref(claims);
	free(s);
	return 0;
}
