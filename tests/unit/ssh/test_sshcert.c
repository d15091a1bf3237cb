#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/str.h"
#include "ssh/sshcert.h"
#include "ssh/sshkey_int.h"
#include "ssh/sshwire.h"
#include "../tool.h"

static const char *const ca_kinds[] = {"ed25519", "ecdsa-p256", "rsa-3072"};
static const struct {
	const char *type, *bits;
} subjects[] = {{"ed25519", "256"}, {"ecdsa", "256"}, {"ecdsa", "384"}, {"ecdsa", "521"}, {"rsa", "2048"}};
#define NCA (sizeof ca_kinds / sizeof *ca_kinds)
#define NSUBJECTS (sizeof subjects / sizeof *subjects)

static void
sample(struct sshcert *c)
{
	memset(c, 0, sizeof *c);
	c->kind = SSHCERT_USER;
	memset(c->nonce, 7, sizeof c->nonce);
	c->serial = 0x0102030405060708;
	c->key_id = "jdoe@example.test 0123abcd";
	c->principals[c->nprincipals++] = "jdoe";
	c->valid_after = 1800000000;
	c->valid_before = 1800000180;
	c->critical[c->ncritical++] = (struct sshcert_option){"source-address", "10.0.0.0/8,192.0.2.1/32"};
	c->extensions[c->nextensions++] = (struct sshcert_option){"permit-user-rc", NULL};
	c->extensions[c->nextensions++] = (struct sshcert_option){"permit-pty", NULL};
}

static void
subject_make(size_t i, struct sshkey *k)
{
	struct buf line;
	buf_init(&line, SSHKEY_LINE_MAX);
	(void)TOOL(NULL, "rm", "-f", "k", "k.pub");
	assert_int_equal(TOOL(NULL, "ssh-keygen", "-q", "-t", subjects[i].type, "-b", subjects[i].bits, "-N", "", "-C",
	                      "", "-f", "k"),
	                 0);
	assert_int_equal(tool_read("k.pub", &line), 0);
	assert_int_equal(sshkey_parse_line((const char *)buf_ptr(&line), buf_len(&line), k, NULL), 0);
	buf_release(&line);
}

/* Every CA kind signs every subject kind; ssh-keygen -L prints what we meant, line by line. */
static void
test_all_kinds(void **state)
{
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < NCA; i++) {
		struct key *ca = NULL;
		struct sshkey ca_pub = {0};
		char ca_fp[SSHKEY_FINGERPRINT_MAX];
		assert_int_equal(key_generate_named(ca_kinds[i], &ca), 0);
		assert_int_equal(sshkey_from_key(ca, NULL, &ca_pub), 0);
		sshkey_fingerprint(sshkey_blob(&ca_pub), ca_fp);
		for (size_t j = 0; j < NSUBJECTS; j++) {
			struct sshkey k = {0};
			struct sshcert c, back = {0};
			struct buf blob, line, text;
			char fp[SSHKEY_FINGERPRINT_MAX], want[2048];
			static const char *const sig[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"};
			static const char *const caname[] = {"ED25519", "ECDSA", "RSA"};
			static const char *const name[] = {"ED25519", "ECDSA", "ECDSA", "ECDSA", "RSA"};
			buf_init(&blob, SSHCERT_BLOB_MAX);
			buf_init(&line, SSHCERT_LINE_MAX);
			buf_init(&text, 65536);
			subject_make(j, &k);
			sshkey_fingerprint(sshkey_blob(&k), fp);
			sample(&c);
			assert_int_equal(sshcert_sign(&c, &k, ca, &blob), 0);
			assert_int_equal(sshcert_format_line(buf_slice(&blob), "note", &line), 0);
			assert_int_equal(tool_write("c-cert.pub", buf_ptr(&line), buf_len(&line)), 0);
			assert_int_equal(TOOL(&text, "ssh-keygen", "-L", "-f", "c-cert.pub"), 0);
			snprintf(want, sizeof want,
			         "c-cert.pub:\n"
			         "        Type: %s user certificate\n"
			         "        Public key: %s-CERT %s\n"
			         "        Signing CA: %s %s (using %s)\n"
			         "        Key ID: \"jdoe@example.test 0123abcd\"\n"
			         "        Serial: 72623859790382856\n"
			         "        Valid: from 2027-01-15T08:00:00 to 2027-01-15T08:03:00\n"
			         "        Principals: \n"
			         "                jdoe\n"
			         "        Critical Options: \n"
			         "                source-address 10.0.0.0/8,192.0.2.1/32\n"
			         "        Extensions: \n"
			         "                permit-pty\n"
			         "                permit-user-rc\n",
			         sshkey_type_cert_name(k.type), name[j], fp, caname[i], ca_fp, sig[i]);
			assert_string_equal(buf_cstr(&text), want);
			/* and we read our own back */
			assert_int_equal(sshcert_parse_line((const char *)buf_ptr(&line), buf_len(&line), &back, NULL),
			                 0);
			assert_int_equal(back.serial, c.serial);
			assert_string_equal(back.key_id, c.key_id);
			assert_int_equal(back.nprincipals, 1);
			assert_string_equal(back.principals[0], "jdoe");
			assert_int_equal(back.valid_before, 1800000180);
			assert_int_equal(back.nextensions, 2);
			assert_string_equal(back.extensions[0].name, "permit-pty");
			assert_null(back.extensions[0].value);
			assert_string_equal(back.critical[0].value, "10.0.0.0/8,192.0.2.1/32");
			assert_true(slice_eq(sshkey_blob(&back.subject), sshkey_blob(&k)));
			assert_true(slice_eq(sshkey_blob(&back.ca), sshkey_blob(&ca_pub)));
			sshcert_release(&back);
			sshkey_release(&k);
			buf_release(&blob);
			buf_release(&line);
			buf_release(&text);
		}
		sshkey_release(&ca_pub);
		key_free(ca);
	}
}

/* The same fields through ssh-keygen -s give the same bytes up to the signature. */
static void
test_golden(void **state)
{
	for (size_t j = 0; j < NSUBJECTS; j++) {
		struct sshkey k = {0}, ca = {0};
		struct sshcert c = {0}, golden = {0};
		struct buf line, tbs, theirs;
		buf_init(&line, SSHCERT_LINE_MAX);
		buf_init(&tbs, SSHCERT_BLOB_MAX);
		buf_init(&theirs, SSHCERT_BLOB_MAX);
		(void)TOOL(NULL, "rm", "-f", "ca", "ca.pub");
		assert_int_equal(TOOL(NULL, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "ca"), 0);
		subject_make(j, &k);
		assert_int_equal(TOOL(NULL, "ssh-keygen", "-q", "-s", "ca", "-I", "jdoe@example.test 0123abcd", "-n",
		                      "jdoe", "-z", "72623859790382856", "-V", "0x6b49d200:0x6b49d2b4", "-O", "clear",
		                      "-O", "permit-pty", "-O", "permit-user-rc", "-O",
		                      "source-address=10.0.0.0/8,192.0.2.1/32", "k.pub"),
		                 0);
		assert_int_equal(tool_read("k-cert.pub", &line), 0);
		assert_int_equal(sshcert_parse_line((const char *)buf_ptr(&line), buf_len(&line), &golden, NULL), 0);
		sample(&c);
		memcpy(c.nonce, golden.nonce, sizeof c.nonce);
		assert_int_equal(sshkey_parse_blob(sshkey_blob(&golden.ca), &ca, NULL), 0);
		assert_int_equal(sshcert_encode(&c, &k, &ca, &tbs), 0);
		assert_int_equal(sshcert_finish(&tbs, golden.signature), 0);
		const char *text = buf_cstr(&line), *sp = strchr(text, ' ') + 1;
		assert_int_equal(b64_decode(&theirs, B64_STD, sp, strcspn(sp, " \n")), 0);
		assert_true(slice_eq(buf_slice(&tbs), buf_slice(&theirs)));
		sshcert_release(&golden);
		sshkey_release(&k);
		sshkey_release(&ca);
		buf_release(&line);
		buf_release(&tbs);
		buf_release(&theirs);
	}
}

static void
test_host_certificate(void **state)
{
	struct buf line;
	struct sshcert c = {0};
	struct sshkey k = {0};
	buf_init(&line, SSHCERT_LINE_MAX);
	(void)TOOL(NULL, "rm", "-f", "ca", "ca.pub");
	assert_int_equal(TOOL(NULL, "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "ca"), 0);
	subject_make(0, &k);
	sshkey_release(&k);
	assert_int_equal(TOOL(NULL, "ssh-keygen", "-q", "-s", "ca", "-h", "-I", "h", "-n", "h.test,i.test", "k.pub"),
	                 0);
	assert_int_equal(tool_read("k-cert.pub", &line), 0);
	assert_int_equal(sshcert_parse_line((const char *)buf_ptr(&line), buf_len(&line), &c, NULL), 0);
	assert_int_equal(c.kind, SSHCERT_HOST);
	assert_int_equal(c.nprincipals, 2);
	assert_string_equal(c.principals[1], "i.test");
	assert_true(c.valid_before == SSHCERT_FOREVER);
	sshcert_release(&c);
	buf_release(&line);
}

/* Every single changed, missing or added byte is noticed. */
static void
test_tamper(void **state)
{
	struct key *ca = NULL;
	struct sshkey k = {0};
	struct sshcert c, back = {0};
	struct buf blob;
	struct reason r = {0};
	buf_init(&blob, SSHCERT_BLOB_MAX);
	assert_int_equal(key_generate(KEY_ED25519, 0, &ca), 0);
	subject_make(0, &k);
	sample(&c);
	assert_int_equal(sshcert_sign(&c, &k, ca, &blob), 0);
	for (size_t i = 0; i < buf_len(&blob); i++) {
		blob.d[blob.r + i] ^= 0x10;
		assert_int_not_equal(sshcert_parse(buf_slice(&blob), &back, &r), 0);
		assert_null(back.store);
		blob.d[blob.r + i] ^= 0x10;
		assert_int_not_equal(sshcert_parse((struct slice){buf_ptr(&blob), i}, &back, NULL), 0);
	}
	assert_int_equal(r.code, SP_KEY_REFUSED);
	assert_int_equal(buf_put_u8(&blob, 0), 0);
	assert_int_equal(sshcert_parse(buf_slice(&blob), &back, NULL), E_FORMAT);
	buf_release(&blob);
	sshkey_release(&k);
	key_free(ca);
}

static void
test_refused(void **state)
{
	struct key *ca = NULL;
	struct sshkey k = {0};
	struct sshcert c;
	struct buf blob;
	buf_init(&blob, SSHCERT_BLOB_MAX);
	assert_int_equal(key_generate(KEY_ED25519, 0, &ca), 0);
	assert_int_equal(sshkey_from_key(ca, NULL, &k), 0);
	sample(&c);
	c.nprincipals = 0; /* would be good for every account */
	assert_int_equal(sshcert_sign(&c, &k, ca, &blob), E_RANGE);
	sample(&c);
	c.valid_before = c.valid_after;
	assert_int_equal(sshcert_sign(&c, &k, ca, &blob), E_RANGE);
	sample(&c);
	c.extensions[c.nextensions++] = (struct sshcert_option){"permit-pty", NULL};
	assert_int_equal(sshcert_sign(&c, &k, ca, &blob), E_FORMAT);
	sample(&c);
	c.principals[0] = "";
	assert_int_equal(sshcert_sign(&c, &k, ca, &blob), E_FORMAT);
	assert_int_equal(buf_len(&blob), 0);
	assert_int_equal(sshcert_format_line(buf_slice(&blob), "x", &blob), E_TRUNC);
	sshkey_release(&k);
	key_free(ca);
	buf_release(&blob);
}

/* What a certificate of somebody else's may hold, properly signed. */
struct forged {
	struct slice key_id, principals, critical; /* principals and critical as they stand on the wire */
	uint64_t after, before;
};

static int
parse_forged(const struct forged *f, struct sshcert *ret_c)
{
	struct key *ca = NULL;
	struct sshkey k = {0};
	struct slice body;
	struct buf b, sig;
	uint8_t nonce[32] = {0};
	buf_init(&b, 65536);
	buf_init(&sig, 1024);
	assert_int_equal(key_generate(KEY_ED25519, 0, &ca), 0);
	assert_int_equal(sshkey_from_key(ca, NULL, &k), 0);
	assert_int_equal(sshkey_body(&k, &body), 0);
	int e = sshwire_put_cstr(&b, "ssh-ed25519-cert-v01@openssh.com") | sshwire_put_string(&b, nonce, 32) |
	        buf_put_slice(&b, body) | buf_put_u64(&b, 1) | buf_put_u32(&b, SSHCERT_USER) |
	        sshwire_put_slice(&b, f->key_id) | sshwire_put_slice(&b, f->principals) | buf_put_u64(&b, f->after) |
	        buf_put_u64(&b, f->before) | sshwire_put_slice(&b, f->critical) | sshwire_put_cstr(&b, "") |
	        sshwire_put_cstr(&b, "") | sshwire_put_slice(&b, sshkey_blob(&k));
	assert_int_equal(e, 0);
	assert_int_equal(sshkey_sign(ca, buf_slice(&b), &sig), 0);
	assert_int_equal(sshcert_finish(&b, buf_slice(&sig)), 0);
	e = sshcert_parse(buf_slice(&b), ret_c, NULL);
	sshkey_release(&k);
	key_free(ca);
	buf_release(&b);
	buf_release(&sig);
	return e;
}

static void
expect_forged(const struct forged *f, int want)
{
	struct sshcert c = {0};
	assert_int_equal(parse_forged(f, &c), want);
	sshcert_release(&c);
}

#define WIRE(text) ((struct slice){(const uint8_t *)(text), sizeof(text) - 1})

/* The signature is right and the content is not: read by two programs it would say two things. */
static void
test_signed_nonsense(void **state)
{
	const struct forged good = {.key_id = slice_str("id"),
	                            .principals = WIRE("\0\0\0\4jdoe"),
	                            .critical = WIRE("\0\0\0\1a\0\0\0\0\0\0\0\1b\0\0\0\0"),
	                            .after = 1,
	                            .before = 2};
	struct forged f = good;
	struct buf many;
	expect_forged(&f, 0);
	f.before = 1; /* good at no time */
	expect_forged(&f, E_FORMAT);
	f = good;
	f.key_id = WIRE("id\0root");
	expect_forged(&f, E_FORMAT);
	f = good;
	f.principals = WIRE("\0\0\0\6jdoe\0x");
	expect_forged(&f, E_FORMAT);
	f = good;
	f.critical = WIRE("\0\0\0\1a\0\0\0\0\0\0\0\1a\0\0\0\0"); /* twice */
	expect_forged(&f, E_FORMAT);
	f.critical = WIRE("\0\0\0\1b\0\0\0\0\0\0\0\1a\0\0\0\0"); /* not sorted */
	expect_forged(&f, E_FORMAT);
	f.critical = WIRE("\0\0\0\1a\0\0\0\6\0\0\0\1xy"); /* bytes behind the value */
	expect_forged(&f, E_FORMAT);
	f = good;
	buf_init(&many, 65536);
	for (int i = 0; i < SSHCERT_PRINCIPALS_MAX; i++)
		assert_int_equal(sshwire_put_cstr(&many, "p"), 0);
	f.principals = buf_slice(&many);
	expect_forged(&f, 0);
	assert_int_equal(sshwire_put_cstr(&many, "p"), 0);
	f.principals = buf_slice(&many);
	expect_forged(&f, E_LIMIT);
	f = good;
	buf_clear(&many);
	for (int i = 0; i <= SSHCERT_OPTIONS_MAX; i++) {
		char name[16];
		snprintf(name, sizeof name, "o%03d", i);
		assert_int_equal(sshwire_put_cstr(&many, name) | sshwire_put_cstr(&many, ""), 0);
	}
	f.critical = buf_slice(&many);
	expect_forged(&f, E_LIMIT);
	buf_release(&many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_kinds), cmocka_unit_test(test_golden),  cmocka_unit_test(test_host_certificate),
	    cmocka_unit_test(test_tamper),    cmocka_unit_test(test_refused), cmocka_unit_test(test_signed_nonsense),
	};
	return cmocka_run_group_tests(tests, tool_setup, tool_teardown);
}
