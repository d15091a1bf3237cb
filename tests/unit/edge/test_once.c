/* One-time rows of judge: taken once, under their name and kind alone, unreadable to who has the store, bounded. */
#include "../t.h"

#include <string.h>
#include <unistd.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "edge/judge/once.h"
#include "store/store.h"

static char dir[] = "/tmp/sallyport-once-XXXXXX";
static int64_t now = 1000000;

int64_t
judge_now(void)
{
	return now;
}

static int
setup(void **state)
{
	static struct judge j;
	struct reason why = {0};

	if (!mkdtemp(dir) || store_open(dir, &j.store, &why) < 0)
		return -1;
	*state = &j;
	return 0;
}

static int
teardown(void **state)
{
	struct judge *j = *state;
	static const char *const left[] = {"", "-wal", "-shm"};
	char path[100];

	store_close(j->store);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/sallyport.db%s", dir, left[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static int
put(struct judge *j, enum once_kind kind, const char *name, const char *secret, int64_t seconds)
{
	json_t *o = json_pack("{s:s}", "secret", secret);
	int e = once_put(j, kind, name, o, seconds);

	json_decref(o);
	return e;
}

/* What it held, or "" when there is nothing. */
static const char *
take(struct judge *j, enum once_kind kind, const char *name)
{
	static char text[100];
	json_t *o = NULL;
	int e = once_take(j, kind, name, &o);

	text[0] = '\0';
	assert_true(e == 0 || e == E_NOENT);
	if (e == 0)
		str_copy(text, sizeof text, json_str_or(o, "secret", "?"));
	json_decref(o);
	return text;
}

static void
taken_once(void **state)
{
	struct judge *j = *state;

	assert_int_equal(put(j, ONCE_CODE, "abc host", "one", 60), 0);
	assert_int_equal(put(j, ONCE_CODE, "abc host", "two", 60), E_EXIST);
	assert_string_equal(take(j, ONCE_CODE, "abc other"), "");
	assert_string_equal(take(j, ONCE_LOGIN, "abc host"), "");
	assert_string_equal(take(j, ONCE_CODE, ""), "");
	assert_string_equal(take(j, ONCE_CODE, "abc host"), "one");
	assert_string_equal(take(j, ONCE_CODE, "abc host"), "");
	assert_int_equal(put(j, ONCE_CODE, "late", "x", 60), 0);
	now += 60;
	assert_string_equal(take(j, ONCE_CODE, "late"), "");
}

static bool
log_has(const char *text)
{
	static char all[4 << 20];
	char path[100];

	snprintf(path, sizeof path, "%s/sallyport.db-wal", dir);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(all, 1, sizeof all, f);
	assert_true(n < sizeof all); /* whole */
	fclose(f);
	return memmem(all, n, text, strlen(text));
}

static void
sealed(void **state)
{
	struct judge *j = *state;

	assert_int_equal(put(j, ONCE_CODE, "name-of-it", "token-in-it", 60), 0);
	assert_int_equal(store_put(j->store, "app", "seen", STORE_ANY, "{\"in\":\"plain-text\"}", NULL, 0, NULL, NULL),
	                 0);
	assert_true(log_has("plain-text")); /* this is where it would be found */
	assert_false(log_has("token-in-it"));
	assert_false(log_has("name-of-it"));
	assert_string_equal(take(j, ONCE_CODE, "name-of-it"), "token-in-it");
}

/* The row's name, which whoever reads the store has, does not open the row. */
static void
name_is_no_key(void **state)
{
	struct judge *j = *state;
	uint8_t h[SHA256_LEN];
	char row[2 * SHA256_LEN + 1];
	struct buf sealed, plain;

	buf_init(&sealed, ONCE_VALUE_MAX);
	buf_init(&plain, ONCE_VALUE_MAX);
	assert_int_equal(put(j, ONCE_CODE, "a name", "a token", 60), 0);
	hmac_sha256(slice_str("sallyport once row code"), slice_str("a name"), h);
	hex_encode_str(row, sizeof row, h, sizeof h);
	assert_int_equal(store_once_take(j->store, "code", row, now, &sealed, NULL), 0);
	assert_int_equal(seal_open(h, buf_slice(&sealed), &plain), E_CRYPTO);
	hmac_sha256(slice_str("sallyport once seal code"), slice_str("a name"), h);
	assert_int_equal(seal_open(h, buf_slice(&sealed), &plain), 0);
	buf_release(&sealed);
	buf_release(&plain);
}

static void
bounded(void **state)
{
	struct judge *j = *state;
	char name[20];
	unsigned n = 0;

	assert_int_equal(store_begin(j->store, NULL), 0); /* one commit for all, for speed */
	for (unsigned i = 0; i < ONCE_MAX + 2 * ONCE_TRIM_EVERY; i++) {
		snprintf(name, sizeof name, "n%u", i);
		assert_int_equal(put(j, ONCE_LOGIN, name, "x", 600 + i), 0);
	}
	for (unsigned i = 0; i < ONCE_MAX + 2 * ONCE_TRIM_EVERY; i++) {
		snprintf(name, sizeof name, "n%u", i);
		bool there = *take(j, ONCE_LOGIN, name);
		n += there;
		if (i < ONCE_TRIM_EVERY)
			assert_false(there); /* the oldest went */
		if (i >= 2 * ONCE_TRIM_EVERY)
			assert_true(there);
	}
	assert_int_equal(store_commit(j->store, NULL), 0);
	assert_in_range(n, ONCE_MAX, ONCE_MAX + ONCE_TRIM_EVERY);
}

static void
too_large(void **state)
{
	struct judge *j = *state;
	char *big = malloc(ONCE_VALUE_MAX + 1);

	assert_non_null(big);
	memset(big, 'x', ONCE_VALUE_MAX);
	big[ONCE_VALUE_MAX] = '\0';
	assert_true(put(j, ONCE_TRANSFER, "big", big, 60) < 0);
	assert_string_equal(take(j, ONCE_TRANSFER, "big"), "");
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taken_once), cmocka_unit_test(sealed),    cmocka_unit_test(name_is_no_key),
	    cmocka_unit_test(bounded),    cmocka_unit_test(too_large),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
