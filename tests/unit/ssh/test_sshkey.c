#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/str.h"
#include "ssh/sshkey.h"
#include "ssh/sshwire.h"
#include "../tool.h"

static const char ed_line[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxEG me@host";

static int
parse(const char *line, struct sshkey *k, struct reason *r)
{
	return sshkey_parse_line(line, strlen(line), k, r);
}

/* Makes a key with ssh-keygen and gives its public line. */
static void
keygen(const char *type, const char *bits, struct buf *line)
{
	(void)TOOL(NULL, "rm", "-f", "k", "k.pub");
	assert_int_equal(TOOL(NULL, "ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-C", "a comment", "-f", "k"),
	                 0);
	buf_clear(line);
	assert_int_equal(tool_read("k.pub", line), 0);
}

static void
test_ssh_keygen_keys(void **state)
{
	static const struct {
		const char *type, *bits;
		enum sshkey_type want;
		unsigned nbits;
	} rows[] = {
	    {"ed25519", "256", SSHKEY_ED25519, 256}, {"ecdsa", "256", SSHKEY_ECDSA256, 256},
	    {"ecdsa", "384", SSHKEY_ECDSA384, 384},  {"ecdsa", "521", SSHKEY_ECDSA521, 521},
	    {"rsa", "2048", SSHKEY_RSA, 2048},       {"rsa", "3072", SSHKEY_RSA, 3072},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf line, again, text;
		struct sshkey k = {0}, k2 = {0};
		struct key *key = NULL;
		char fp[SSHKEY_FINGERPRINT_MAX];
		buf_init(&line, SSHKEY_LINE_MAX);
		buf_init(&again, SSHKEY_LINE_MAX);
		buf_init(&text, 65536);
		keygen(rows[i].type, rows[i].bits, &line);
		assert_int_equal(sshkey_parse_line((const char *)buf_ptr(&line), buf_len(&line), &k, NULL), 0);
		assert_int_equal(k.type, rows[i].want);
		assert_int_equal(k.bits, rows[i].nbits);
		assert_string_equal(k.comment, "a comment");
		assert_int_equal(sshkey_format_line(&k, &again), 0);
		assert_int_equal(buf_put_u8(&again, '\n'), 0);
		assert_true(slice_eq(buf_slice(&line), buf_slice(&again)));
		/* the fingerprint that people compare */
		assert_int_equal(TOOL(&text, "ssh-keygen", "-lf", "k.pub"), 0);
		sshkey_fingerprint(sshkey_blob(&k), fp);
		assert_non_null(strstr(buf_cstr(&text), fp));
		/* to a key and back is the same blob */
		assert_int_equal(sshkey_to_key(&k, &key), 0);
		assert_int_equal(sshkey_from_key(key, NULL, &k2), 0);
		assert_true(slice_eq(sshkey_blob(&k), sshkey_blob(&k2)));
		key_free(key);
		sshkey_release(&k);
		sshkey_release(&k2);
		buf_release(&line);
		buf_release(&again);
		buf_release(&text);
	}
}

static void
test_lines_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\n",
	    "ssh-ed25519",
	    "ssh-ed25519 ",
	    " ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxEG",
	    "command=\"id\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxEG",
	    "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxEG",
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxEGAA==",
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxE",
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxEG a\nssh-ed25519 AAAA",
	    "ssh-dss AAAAB3NzaC1kc3MAAAABAw==",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sshkey k = {0};
		struct reason r = {0};
		assert_int_not_equal(parse(bad[i], &k, &r), 0);
		assert_int_equal(r.code, SP_KEY_REFUSED);
		assert_null(k.blob);
	}
	struct sshkey k = {0};
	assert_int_equal(parse(ed_line, &k, NULL), 0);
	assert_int_equal(k.type, SSHKEY_ED25519);
	sshkey_release(&k);
	assert_int_equal(
	    parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj5yO64IMWvB0iyKT5A4bVdGTRZHvIfbU97ee0DdxEG x\x1b]y\r\n", &k,
	          NULL),
	    0);
	assert_string_equal(k.comment, "x?]y");
	sshkey_release(&k);
}

static int
rsa_blob(struct slice n, struct slice e)
{
	struct buf b;
	struct sshkey k = {0};
	buf_init(&b, 4096);
	assert_int_equal(sshwire_put_cstr(&b, "ssh-rsa"), 0);
	assert_int_equal(sshwire_put_mpint(&b, e), 0);
	assert_int_equal(sshwire_put_mpint(&b, n), 0);
	int err = sshkey_parse_blob(buf_slice(&b), &k, NULL);
	sshkey_release(&k);
	buf_release(&b);
	return err;
}

/* security.md 70 */
static void
test_weak_rsa(void **state)
{
	struct buf line, blob, n, e;
	struct sshkey k = {0};
	struct key *key = NULL;
	static const uint8_t one[] = {1}, even[] = {16}, big[] = {1, 0, 0, 0, 0, 0, 0, 0, 1};
	buf_init(&line, SSHKEY_LINE_MAX);
	buf_init(&blob, SSHKEY_BLOB_MAX);
	buf_init(&n, 2048);
	buf_init(&e, 64);
	keygen("rsa", "1024", &line);
	assert_int_equal(sshkey_parse_line((const char *)buf_ptr(&line), buf_len(&line), &k, NULL), E_LIMIT);
	assert_int_equal(key_generate(KEY_RSA, 2048, &key), 0);
	assert_int_equal(key_public_rsa(key, &n, &e), 0);
	assert_int_equal(rsa_blob(buf_slice(&n), buf_slice(&e)), 0);
	assert_int_not_equal(rsa_blob(buf_slice(&n), (struct slice){one, 1}), 0);
	assert_int_not_equal(rsa_blob(buf_slice(&n), (struct slice){even, 1}), 0);
	assert_int_not_equal(rsa_blob(buf_slice(&n), (struct slice){big, 9}), 0);
	n.d[n.w - 1] ^= 1;
	assert_int_not_equal(rsa_blob(buf_slice(&n), buf_slice(&e)), 0);
	n.d[n.w - 1] ^= 1;
	n.d[n.r] = 0x7f; /* 2047 bits */
	assert_int_not_equal(rsa_blob(buf_slice(&n), buf_slice(&e)), 0);
	uint8_t huge[2049];
	memset(huge, 0xff, sizeof huge);
	assert_int_not_equal(rsa_blob((struct slice){huge, sizeof huge}, buf_slice(&e)), 0);
	key_free(key);
	buf_release(&line);
	buf_release(&blob);
	buf_release(&n);
	buf_release(&e);
}

static int
point_blob(const char *type, const char *curve, const void *p, size_t n, const char *app)
{
	struct buf b;
	struct sshkey k = {0};
	buf_init(&b, 4096);
	assert_int_equal(sshwire_put_cstr(&b, type), 0);
	if (curve)
		assert_int_equal(sshwire_put_cstr(&b, curve), 0);
	assert_int_equal(sshwire_put_string(&b, p, n), 0);
	if (app)
		assert_int_equal(sshwire_put_cstr(&b, app), 0);
	int e = sshkey_parse_blob(buf_slice(&b), &k, NULL);
	sshkey_release(&k);
	buf_release(&b);
	return e;
}

static void
test_points(void **state)
{
	struct key *p256 = NULL, *ed = NULL;
	struct buf q, pk;
	uint8_t bad[65];
	buf_init(&q, 100);
	buf_init(&pk, 100);
	assert_int_equal(key_generate(KEY_P256, 0, &p256), 0);
	assert_int_equal(key_generate(KEY_ED25519, 0, &ed), 0);
	assert_int_equal(key_public_raw(p256, &q), 0);
	assert_int_equal(key_public_raw(ed, &pk), 0);
	assert_int_equal(point_blob("ecdsa-sha2-nistp256", "nistp256", buf_ptr(&q), 65, NULL), 0);
	assert_int_not_equal(point_blob("ecdsa-sha2-nistp256", "nistp384", buf_ptr(&q), 65, NULL), 0);
	assert_int_not_equal(point_blob("ecdsa-sha2-nistp384", "nistp384", buf_ptr(&q), 65, NULL), 0);
	assert_int_not_equal(point_blob("ecdsa-sha2-nistp256", "nistp256", "\0", 1, NULL), 0); /* infinity */
	memcpy(bad, buf_ptr(&q), 65);
	bad[64] ^= 1;
	assert_int_not_equal(point_blob("ecdsa-sha2-nistp256", "nistp256", bad, 65, NULL), 0);
	assert_int_equal(point_blob("ssh-ed25519", NULL, buf_ptr(&pk), 32, NULL), 0);
	assert_int_not_equal(point_blob("ssh-ed25519", NULL, buf_ptr(&pk), 32, "trailing"), 0);
	assert_int_not_equal(point_blob("ssh-ed25519", NULL, buf_ptr(&pk), 31, NULL), 0);
	assert_int_equal(point_blob("sk-ssh-ed25519@openssh.com", NULL, buf_ptr(&pk), 32, "ssh:"), 0);
	assert_int_not_equal(point_blob("sk-ssh-ed25519@openssh.com", NULL, buf_ptr(&pk), 32, NULL), 0);
	assert_int_not_equal(point_blob("sk-ssh-ed25519@openssh.com", NULL, buf_ptr(&pk), 32, "ssh:\n"), 0);
	assert_int_equal(point_blob("sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", buf_ptr(&q), 65, "ssh:x"), 0);
	assert_int_not_equal(point_blob("ssh-ed25519-cert-v01@openssh.com", NULL, buf_ptr(&pk), 32, NULL), 0);
	buf_release(&q);
	buf_release(&pk);
	key_free(p256);
	key_free(ed);
}

static void
test_signatures(void **state)
{
	static const char *const kinds[] = {"ed25519", "ecdsa-p256", "rsa-2048"};
	struct slice msg = slice_str("to be signed");
	for (size_t i = 0; i < 3; i++) {
		for (int round = 0; round < 20; round++) { /* r and s of ECDSA vary in length */
			static struct key *k;
			struct sshkey pub = {0};
			struct buf sig;
			if (!round)
				assert_int_equal(key_generate_named(kinds[i], &k), 0);
			buf_init(&sig, 2048);
			assert_int_equal(sshkey_from_key(k, NULL, &pub), 0);
			assert_int_equal(sshkey_sign(k, msg, &sig), 0);
			assert_int_equal(sshkey_verify(&pub, msg, buf_slice(&sig)), 0);
			assert_int_equal(sshkey_verify(&pub, slice_str("other"), buf_slice(&sig)), E_CRYPTO);
			assert_int_equal(sshkey_verify(&pub, msg, (struct slice){buf_ptr(&sig), buf_len(&sig) - 1}),
			                 E_CRYPTO);
			assert_int_equal(buf_put_u8(&sig, 0), 0);
			assert_int_equal(sshkey_verify(&pub, msg, buf_slice(&sig)), E_CRYPTO);
			sshkey_release(&pub);
			buf_release(&sig);
			if (round == 19)
				key_free(k);
		}
	}
}

/* What we write, ssh-keygen reads; what ssh-keygen writes, we read. */
static void
test_private_file(void **state)
{
	static const char *const comments[] = {"", "a", "me@host", "a comment with spaces", "1234567"};
	for (size_t i = 0; i < sizeof comments / sizeof *comments; i++) {
		struct key *k = NULL, *again = NULL;
		struct sshkey pub = {0};
		struct buf file, line, text;
		buf_init_secret(&file, 8192);
		buf_init(&line, 8192);
		buf_init(&text, 8192);
		assert_int_equal(key_generate(KEY_ED25519, 0, &k), 0);
		assert_int_equal(sshkey_format_private(k, comments[i], 0x12345678, &file), 0);
		assert_int_equal(tool_write("priv", buf_ptr(&file), buf_len(&file)), 0);
		assert_int_equal(TOOL(&text, "ssh-keygen", "-y", "-f", "priv"), 0);
		assert_int_equal(sshkey_from_key(k, comments[i], &pub), 0);
		assert_int_equal(sshkey_format_line(&pub, &line), 0);
		assert_int_equal(buf_put_u8(&line, '\n'), 0);
		assert_string_equal(buf_cstr(&text), buf_cstr(&line));
		assert_int_equal(sshkey_parse_private((const char *)buf_ptr(&file), buf_len(&file), &again), 0);
		sshkey_release(&pub);
		key_free(again);
		key_free(k);
		buf_release(&file);
		buf_release(&line);
		buf_release(&text);
	}
	struct buf line, file;
	struct key *k = NULL;
	buf_init(&line, 8192);
	buf_init_secret(&file, 8192);
	keygen("ed25519", "256", &line);
	assert_int_equal(tool_read("k", &file), 0);
	assert_int_equal(sshkey_parse_private((const char *)buf_ptr(&file), buf_len(&file), &k), 0);
	struct sshkey pub = {0};
	assert_int_equal(sshkey_from_key(k, "a comment", &pub), 0);
	buf_clear(&file);
	assert_int_equal(sshkey_format_line(&pub, &file), 0);
	assert_memory_equal(buf_ptr(&file), buf_ptr(&line), buf_len(&file));
	sshkey_release(&pub);
	key_free(k);
	buf_release(&line);
	buf_release(&file);
}

static void
test_cnf(void **state)
{
	char cnf[44], fp[SSHKEY_FINGERPRINT_MAX];
	sshkey_cnf(slice_str("abc"), cnf);
	assert_string_equal(cnf, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
	sshkey_fingerprint(slice_str("abc"), fp);
	assert_string_equal(fp, "SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ssh_keygen_keys),
	    cmocka_unit_test(test_lines_refused),
	    cmocka_unit_test(test_weak_rsa),
	    cmocka_unit_test(test_points),
	    cmocka_unit_test(test_signatures),
	    cmocka_unit_test(test_private_file),
	    cmocka_unit_test(test_cnf),
	};
	return cmocka_run_group_tests(tests, tool_setup, tool_teardown);
}
