/* Claims behind a good RS256 signature: our own three types of token, and a provider's ID token. Whatever opens has
 * one issuer, one audience and times that hold; and what was minted opens. */
#include "core/str.h"
#include "fuzz.h"
#include "identity/oidc.h"
#include "identity/token.h"

#define NOW 1800000000
#define ISS "https://t.test"

static struct jwks set;
static struct key *signer;

static void
setup(void)
{
	struct secret der = {0};
	struct key *pub = NULL;

	if (signer)
		return;
	MUST(key_generate(KEY_RSA, 2048, &signer) == 0);
	MUST(key_export_private(signer, &der) == 0 && key_import_private(secret_slice(&der), &pub) == 0);
	MUST(jwks_add(&set, "k", pub) == 0);
	secret_release(&der);
}

static void
open_as(enum token_type type, const char *text, const char *aud)
{
	struct token t = {0};
	struct reason r = {0};

	if (token_open(type, text, &set, ISS, aud, NOW, &t, &r) < 0) {
		MUST(r.text[0] && r.code && !t.json);
		return;
	}
	MUST(t.type == type && !strcmp(t.iss, ISS) && *t.sub);
	MUST(type != TOKEN_APP || !strcmp(t.aud, aud));
	MUST(t.exp > t.iat && t.exp >= NOW - TOKEN_LEEWAY && t.iat <= NOW + TOKEN_LEEWAY);
	MUST(t.amr.n <= TOKEN_LIST_MAX && t.groups.n <= TOKEN_LIST_MAX && t.scopes.n <= TOKEN_LIST_MAX);
	MUST(type != TOKEN_API || str_starts(t.sub, "api:"));
	(void)token_has_scope(&t, "write");
	token_release(&t);
}

static void
id_token(const char *text)
{
	const struct oidc_check c = {.issuer = ISS, .client_id = "c", .nonce = "n", .now = NOW};
	struct oidc_identity id = {0};
	struct reason r = {0};
	bool need = false;

	if (oidc_id_token_check(text, &set, &c, NULL, &id, &need, &r) == 0)
		MUST(*id.sub && email_ok(id.email));
	else
		MUST(r.text[0] && !need);
	oidc_identity_release(&id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf text;
	json_t *o = NULL;

	setup();
	if (json_load_strict(p, n, 16384, &o) < 0)
		return 0;
	buf_init(&text, 1u << 20);
	if (json_is_object(o) && jwt_sign(signer, "k", o, &text) == 0) {
		const char *s = buf_cstr(&text);
		MUST(s);
		open_as(TOKEN_ORG, s, NULL);
		open_as(TOKEN_APP, s, "a");
		open_as(TOKEN_API, s, NULL);
		id_token(s);
	}
	buf_release(&text);
	json_decref(o);
	return 0;
}
