#include "crypto/seal.h"

#include <assert.h>
#include <sodium.h>

#include "core/err.h"
#include "crypto/crypto_int.h"
#include "crypto/random.h"

static_assert(SEAL_NONCE_LEN == crypto_secretbox_NONCEBYTES && SEAL_NONCE_LEN == crypto_box_NONCEBYTES, "nonce");
static_assert(SEAL_OVERHEAD == SEAL_NONCE_LEN + crypto_secretbox_MACBYTES, "overhead");
static_assert(crypto_box_MACBYTES == crypto_secretbox_MACBYTES, "tag");

int
seal(const uint8_t key[static SEAL_KEY_LEN], struct slice plain, struct buf *out)
{
	uint8_t *d = NULL;
	sodium_ready();
	int e = buf_reserve(out, plain.n + SEAL_OVERHEAD, &d);
	if (e)
		return e;
	random_bytes(d, SEAL_NONCE_LEN);
	if (crypto_secretbox_easy(d + SEAL_NONCE_LEN, plain.p, plain.n, d, key))
		return E_CRYPTO;
	buf_commit(out, plain.n + SEAL_OVERHEAD);
	return 0;
}

int
seal_open(const uint8_t key[static SEAL_KEY_LEN], struct slice sealed, struct buf *out)
{
	uint8_t *d = NULL;
	sodium_ready();
	if (sealed.n < SEAL_OVERHEAD)
		return E_CRYPTO;
	int e = buf_reserve(out, sealed.n - SEAL_OVERHEAD + 1, &d); /* + 1: never ask for nothing */
	if (e)
		return e;
	if (crypto_secretbox_open_easy(d, sealed.p + SEAL_NONCE_LEN, sealed.n - SEAL_NONCE_LEN, sealed.p, key))
		return E_CRYPTO;
	buf_commit(out, sealed.n - SEAL_OVERHEAD);
	return 0;
}

void
box_key_generate(struct box_key *ret_k)
{
	sodium_ready();
	random_bytes(ret_k->sec, sizeof ret_k->sec);
	if (crypto_scalarmult_base(ret_k->pub, ret_k->sec))
		crypto_die("box_key_generate");
}

void
box_key_release(struct box_key *k)
{
	mem_wipe(k, sizeof *k);
}

int
box_shared(const struct box_key *mine, const uint8_t their_pub[static 32], uint8_t out[static 32])
{
	sodium_ready();
	return crypto_box_beforenm(out, their_pub, mine->sec) ? E_CRYPTO : 0;
}

int
box(const struct box_key *mine, const uint8_t their_pub[static 32], struct slice plain, struct buf *out)
{
	uint8_t *d = NULL;
	sodium_ready();
	int e = buf_reserve(out, plain.n + SEAL_OVERHEAD, &d);
	if (e)
		return e;
	random_bytes(d, SEAL_NONCE_LEN);
	/* fails for a public key of small order */
	if (crypto_box_easy(d + SEAL_NONCE_LEN, plain.p, plain.n, d, their_pub, mine->sec))
		return E_CRYPTO;
	buf_commit(out, plain.n + SEAL_OVERHEAD);
	return 0;
}

int
box_open(const struct box_key *mine, const uint8_t their_pub[static 32], struct slice boxed, struct buf *out)
{
	uint8_t *d = NULL;
	sodium_ready();
	if (boxed.n < SEAL_OVERHEAD)
		return E_CRYPTO;
	int e = buf_reserve(out, boxed.n - SEAL_OVERHEAD + 1, &d);
	if (e)
		return e;
	if (crypto_box_open_easy(d, boxed.p + SEAL_NONCE_LEN, boxed.n - SEAL_NONCE_LEN, boxed.p, their_pub, mine->sec))
		return E_CRYPTO;
	buf_commit(out, boxed.n - SEAL_OVERHEAD);
	return 0;
}
