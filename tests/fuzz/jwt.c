/* Tokens: as they come, and as header \n payload signed by a known key, so that what stands behind the signature is
 * reached too. */
#include "core/str.h"
#include "fuzz.h"
#include "identity/token.h"

static struct jwks set;
static struct key *signer;

static void
setup(void)
{
	static const uint8_t seed[32] = {1, 2, 3};
	struct key *pub = NULL;
	if (signer)
		return;
	MUST(key_import_seed((struct slice){seed, 32}, &signer) == 0);
	MUST(key_import_seed((struct slice){seed, 32}, &pub) == 0);
	MUST(jwks_add(&set, "k", pub) == 0);
}

static void
verify(const char *t, size_t n)
{
	struct reason r = {0};
	json_t *o = NULL;
	if (jwt_verify(t, n, &set, JWT_ANY, &o, &r) == 0)
		MUST(json_is_object(o) && n <= JWT_MAX);
	else
		MUST(!o && r.code == SP_TOKEN);
	json_decref(o);
	o = NULL;
	(void)jwt_peek(t, n, &o);
	json_decref(o);
}

static void
forge(struct slice header, struct slice payload)
{
	struct buf t, sig;
	buf_init(&t, 1 << 20);
	buf_init(&sig, 128);
	MUST(b64_encode(&t, B64_URL, header.p, header.n) == 0 && buf_put_u8(&t, '.') == 0);
	MUST(b64_encode(&t, B64_URL, payload.p, payload.n) == 0);
	MUST(key_sign(signer, SIG_EDDSA, buf_slice(&t), &sig) == 0 && buf_put_u8(&t, '.') == 0);
	MUST(b64_encode(&t, B64_URL, buf_ptr(&sig), buf_len(&sig)) == 0);
	verify((const char *)buf_ptr(&t), buf_len(&t));
	buf_release(&t);
	buf_release(&sig);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	setup();
	if (n > 32768)
		return 0;
	verify((const char *)p, n);
	const uint8_t *nl = n ? memchr(p, '\n', n) : NULL;
	if (nl)
		forge((struct slice){p, (size_t)(nl - p)}, (struct slice){nl + 1, n - (size_t)(nl - p) - 1});
	char *s = fuzz_text(p, n);
	struct token t = {0};
	MUST(token_open(TOKEN_API, s, &set, "https://t", NULL, 1800000000, &t, NULL) != 0); /* the set has no RSA key */
	free(s);
	return 0;
}
