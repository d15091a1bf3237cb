/* What a provider publishes and answers: no endpoint survives that is not https or that points a public issuer's users
 * at loopback. */
#include "fuzz.h"
#include "identity/oidc.h"

static void
document(const uint8_t *p, size_t n, const char *issuer)
{
	struct oidc_provider d = {0};
	struct reason r = {0};
	if (oidc_discovery_parse(p, n, issuer, &d, &r) == 0) {
		MUST(!strcmp(d.issuer, issuer) && d.algs);
		MUST(oidc_url_ok(d.authorization) && oidc_url_ok(d.token) && oidc_url_ok(d.jwks));
		if (!strncmp(issuer, "https://", 8))
			MUST(!strncmp(d.token, "https://", 8) && !strncmp(d.jwks, "https://", 8));
	} else {
		MUST(r.code && !d.issuer);
	}
	oidc_provider_release(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct oidc_tokens t = {0};
	document(p, n, "https://idp.example.test");
	document(p, n, "http://idp.localhost:9000");
	if (oidc_tokens_parse(p, n, &t, NULL) == 0)
		MUST(t.id_token && strlen(t.id_token) <= JWT_MAX);
	oidc_tokens_release(&t);
	return 0;
}
