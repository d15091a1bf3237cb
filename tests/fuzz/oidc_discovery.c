/* What a provider publishes and answers: no endpoint survives that is not https or that points a public issuer's users
 * at loopback. */
#include <strings.h>

#include "fuzz.h"
#include "identity/oidc.h"

/* A provider that was taken can be sent to, and its answer is only its own. */
static void
use(const struct oidc_provider *d, const char *text)
{
	const struct oidc_request q = {.authorization = d->authorization,
	                               .client_id = text,
	                               .redirect_uri = "https://team.test/cb",
	                               .scopes = text,
	                               .state = "s",
	                               .nonce = "n",
	                               .challenge = "c",
	                               .login_hint = text};
	struct reason r = {0};
	struct buf out;

	buf_init(&out, 1u << 20);
	MUST(oidc_request_url(&q, &out) == 0);
	MUST(!memchr(buf_ptr(&out), '\n', buf_len(&out)) && !memchr(buf_ptr(&out), ' ', buf_len(&out)));
	buf_clear(&out);
	MUST(oidc_discovery_url(d->issuer, &out) == 0);
	buf_release(&out);
	MUST(oidc_callback_check(d, d->issuer, &r) == 0 && oidc_callback_check(d, "https://other.test", &r) < 0);
	MUST((oidc_callback_check(d, NULL, &r) < 0) == d->iss_parameter);
}

static void
document(const uint8_t *p, size_t n, const char *issuer)
{
	struct oidc_provider d = {0};
	struct reason r = {0};
	if (oidc_discovery_parse(p, n, issuer, &d, &r) == 0) {
		MUST(!strcmp(d.issuer, issuer) && d.algs);
		char *text = fuzz_text(p, n);
		use(&d, text);
		free(text);
		MUST(oidc_url_ok(d.authorization) && oidc_url_ok(d.token) && oidc_url_ok(d.jwks));
		if (!strncmp(issuer, "https://", 8))
			MUST(!strncasecmp(d.token, "https://", 8) && !strncasecmp(d.jwks, "https://", 8));
	} else {
		MUST(r.code && !d.issuer);
	}
	oidc_provider_release(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct oidc_tokens t = {0};
	struct reason r = {0};
	document(p, n, "https://idp.example.test");
	document(p, n, "http://idp.localhost:9000");
	if (oidc_tokens_parse(p, n, &t, &r) == 0)
		MUST(t.id_token && strlen(t.id_token) <= JWT_MAX);
	else
		MUST(r.text[0]);
	oidc_tokens_release(&t);
	return 0;
}
