/* Claims of a logout token: what is accepted names somebody, is for us, is fresh, and could not be an ID token. */
#include "fuzz.h"
#include "identity/oidc.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct oidc_check check = {.issuer = "https://i.test", .client_id = "c", .now = 1800000000};
	struct oidc_logout l = {0};
	struct reason r = {0};
	json_t *claims = NULL;
	char *s = fuzz_text(p, n);

	if (json_load_strict(s, strlen(s), 65536, &claims) == 0) {
		if (oidc_logout_check(claims, &check, &l, &r) == 0) {
			MUST(!strcmp(json_str_or(l.claims, "iss", ""), "https://i.test"));
			MUST(!json_object_get(l.claims, "nonce") &&
			     json_is_object(json_object_get(l.claims, "events")));
			MUST(*l.sub || *l.sid);
			MUST(strlen(l.sub) <= OIDC_SUB_MAX && strlen(l.sid) <= OIDC_SUB_MAX);
			MUST(*l.jti && strlen(l.jti) <= OIDC_JTI_MAX);
			MUST(l.iat >= check.now - OIDC_LOGOUT_AGE_MAX && l.iat <= check.now + 60);
		} else {
			MUST(r.code == SP_ID_TOKEN);
		}
	}
	oidc_logout_release(&l);
	json_decref(claims);
	free(s);
	return 0;
}
