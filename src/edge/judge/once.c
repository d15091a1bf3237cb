#include "edge/judge/once.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "store/store.h"

static const char *const kinds[ONCE_N] = {[ONCE_LOGIN] = "login", [ONCE_CODE] = "code", [ONCE_TRANSFER] = "transfer"};

/* A row's key is public to whoever reads the store; what seals it must not follow from it. */
static void
names_of(enum once_kind kind, const char *name, char ret_row[static 2 * SHA256_LEN + 1],
         uint8_t ret_key[static SEAL_KEY_LEN])
{
	uint8_t h[SHA256_LEN];
	char label[40];

	snprintf(label, sizeof label, "sallyport once row %s", kinds[kind]);
	hmac_sha256(slice_str(label), slice_str(name), h);
	hex_encode_str(ret_row, 2 * SHA256_LEN + 1, h, sizeof h);
	snprintf(label, sizeof label, "sallyport once seal %s", kinds[kind]);
	hmac_sha256(slice_str(label), slice_str(name), ret_key);
}

static void
trim(struct judge *j, enum once_kind kind)
{
	struct reason why = {0};

	if (++j->once_puts[kind] % ONCE_TRIM_EVERY)
		return;
	if (store_once_trim(j->store, kinds[kind], ONCE_MAX, &why) < 0)
		log_warn("once_trim", "kind", kinds[kind], "why", why.text, NULL);
}

int
once_put(struct judge *j, enum once_kind kind, const char *name, const json_t *value, int64_t seconds)
{
	char row[2 * SHA256_LEN + 1];
	uint8_t key[SEAL_KEY_LEN];
	struct reason why = {0};
	struct buf plain, sealed;
	int64_t now = judge_now();
	int e;

	names_of(kind, name, row, key);
	buf_init_secret(&plain, ONCE_VALUE_MAX);
	buf_init(&sealed, ONCE_VALUE_MAX + SEAL_OVERHEAD);
	e = json_dump(value, &plain);
	if (e == 0)
		e = seal(key, buf_slice(&plain), &sealed);
	if (e == 0)
		e = store_once_put(j->store, kinds[kind], row, buf_ptr(&sealed), buf_len(&sealed), now + seconds, now,
		                   &why);
	if (e < 0 && e != E_EXIST)
		log_warn("once_put", "kind", kinds[kind], "error", log_num(e), "why", why.text, NULL);
	mem_wipe(key, sizeof key);
	buf_release(&plain);
	buf_release(&sealed);
	if (e == 0)
		trim(j, kind);
	return e;
}

int
once_take(struct judge *j, enum once_kind kind, const char *name, json_t **ret_value)
{
	char row[2 * SHA256_LEN + 1];
	uint8_t key[SEAL_KEY_LEN];
	struct reason why = {0};
	struct buf plain, sealed;
	int e;

	names_of(kind, name, row, key);
	buf_init(&sealed, ONCE_VALUE_MAX + SEAL_OVERHEAD);
	buf_init_secret(&plain, ONCE_VALUE_MAX);
	e = store_once_take(j->store, kinds[kind], row, judge_now(), &sealed, &why);
	if (e == E_EXPIRED)
		e = E_NOENT;
	if (e < 0 && e != E_NOENT)
		log_warn("once_take", "kind", kinds[kind], "error", log_num(e), "why", why.text, NULL);
	if (e == 0)
		e = seal_open(key, buf_slice(&sealed), &plain);
	if (e == 0)
		e = json_load_strict(buf_ptr(&plain), buf_len(&plain), ONCE_VALUE_MAX, ret_value);
	mem_wipe(key, sizeof key);
	buf_release(&sealed);
	buf_release(&plain);
	return e;
}
