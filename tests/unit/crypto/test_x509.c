#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/err.h"
#include "crypto/random.h"
#include "crypto/x509.h"
#include "../tool.h"

struct fixture {
	struct key *ca, *leaf;
	struct buf ca_pem, spki;
	int64_t now;
};

static void
begin(struct fixture *f, const char *leaf_kind)
{
	uint8_t serial[16];
	random_bytes(serial, sizeof serial);
	f->now = (int64_t)time(NULL);
	f->ca = f->leaf = NULL;
	buf_init(&f->ca_pem, 65536);
	buf_init(&f->spki, 4096);
	assert_int_equal(key_generate(KEY_P256, 0, &f->ca), 0);
	assert_int_equal(key_generate_named(leaf_kind, &f->leaf), 0);
	assert_int_equal(key_spki(f->leaf, &f->spki), 0);
	assert_int_equal(x509_ca_make(f->ca, "Sallyport edge CA", f->now, serial, &f->ca_pem), 0);
	assert_int_equal(tool_write("ca.pem", buf_ptr(&f->ca_pem), buf_len(&f->ca_pem)), 0);
}

static void
end(struct fixture *f)
{
	key_free(f->ca);
	key_free(f->leaf);
	buf_release(&f->ca_pem);
	buf_release(&f->spki);
}

static int
leaf(struct fixture *f, const char *const *names, size_t n, struct buf *out)
{
	uint8_t serial[16];
	memset(serial, 0xff, sizeof serial);
	return x509_leaf_make(f->ca, buf_slice(&f->ca_pem), buf_slice(&f->spki), names, n, f->now, X509_LEAF_DAYS,
	                      serial, out);
}

static void
test_chain(void **state)
{
	static const char *const names[] = {"team.localhost", "h2.cftunnel.com", "*.apps.example.test", "127.0.0.1",
	                                    "::1"};
	static const char *const kinds[] = {"ecdsa-p256", "ed25519", "rsa-2048"};
	for (size_t i = 0; i < 3; i++) {
		struct fixture f;
		struct buf pem, text;
		int64_t until = 0;
		begin(&f, kinds[i]);
		buf_init(&pem, 65536);
		buf_init(&text, 65536);
		assert_int_equal(leaf(&f, names, 5, &pem), 0);
		assert_int_equal(tool_write("leaf.pem", buf_ptr(&pem), buf_len(&pem)), 0);
		assert_int_equal(TOOL(NULL, "openssl", "verify", "-x509_strict", "-purpose", "sslserver",
		                      "-verify_hostname", "team.localhost", "-CAfile", "ca.pem", "leaf.pem"),
		                 0);
		assert_int_equal(TOOL(NULL, "openssl", "verify", "-verify_hostname", "x.apps.example.test", "-CAfile",
		                      "ca.pem", "leaf.pem"),
		                 0);
		assert_int_equal(TOOL(NULL, "openssl", "verify", "-verify_ip", "::1", "-CAfile", "ca.pem", "leaf.pem"),
		                 0);
		assert_int_equal(
		    TOOL(NULL, "openssl", "verify", "-verify_ip", "127.0.0.1", "-CAfile", "ca.pem", "leaf.pem"), 0);
		assert_int_not_equal(
		    TOOL(NULL, "openssl", "verify", "-verify_hostname", "evil.test", "-CAfile", "ca.pem", "leaf.pem"),
		    0);
		assert_int_equal(TOOL(&text, "openssl", "x509", "-in", "leaf.pem", "-noout", "-text"), 0);
		const char *s = buf_cstr(&text);
		assert_non_null(strstr(s, "CA:FALSE"));
		assert_non_null(strstr(s, "TLS Web Server Authentication"));
		assert_non_null(strstr(s, "X509v3 Authority Key Identifier"));
		assert_non_null(strstr(
		    s, "DNS:team.localhost, DNS:h2.cftunnel.com, DNS:*.apps.example.test, IP Address:127.0.0.1"));
		assert_int_equal(x509_not_after(buf_slice(&pem), &until), 0);
		assert_int_equal(until, f.now + X509_LEAF_DAYS * 86400);
		buf_clear(&text);
		assert_int_equal(TOOL(&text, "openssl", "x509", "-in", "ca.pem", "-noout", "-text"), 0);
		s = buf_cstr(&text);
		assert_non_null(strstr(s, "CA:TRUE, pathlen:0"));
		assert_non_null(strstr(s, "Certificate Sign, CRL Sign"));
		buf_release(&pem);
		buf_release(&text);
		end(&f);
	}
}

static void
test_refused(void **state)
{
	static const char *const bad[] = {"", "a b", "evil.test\n", "DNS:x", "a,DNS:b", "*", "*.", "a.*.b", "-x"};
	struct fixture f;
	struct buf pem;
	begin(&f, "ecdsa-p256");
	buf_init(&pem, 65536);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(leaf(&f, &bad[i], 1, &pem), E_FORMAT);
	assert_int_equal(leaf(&f, bad, 0, &pem), E_LIMIT);
	assert_int_equal(buf_len(&pem), 0);
	/* another CA's key */
	uint8_t serial[16] = {1};
	const char *name = "a.test";
	assert_int_equal(
	    x509_leaf_make(f.leaf, buf_slice(&f.ca_pem), buf_slice(&f.spki), &name, 1, f.now, 30, serial, &pem),
	    E_FORMAT);
	assert_int_equal(x509_ca_make(f.ca, "", f.now, serial, &pem), E_LIMIT);
	/* a life of nothing, or longer than the CA's */
	static const unsigned days[] = {0, X509_CA_DAYS + 1, UINT32_MAX};
	for (size_t i = 0; i < sizeof days / sizeof *days; i++)
		assert_int_equal(x509_leaf_make(f.ca, buf_slice(&f.ca_pem), buf_slice(&f.spki), &name, 1, f.now,
		                                days[i], serial, &pem),
		                 E_LIMIT);
	static const char *many[X509_NAMES_MAX + 1];
	for (size_t i = 0; i <= X509_NAMES_MAX; i++)
		many[i] = "a.test";
	assert_int_equal(leaf(&f, many, X509_NAMES_MAX + 1, &pem), E_LIMIT);
	assert_int_equal(buf_len(&pem), 0);
	buf_release(&pem);
	end(&f);
}

/* Whatever the random numbers are, a serial is positive and of 16 bytes (RFC 5280 4.1.2.2). */
static void
test_serial(void **state)
{
	struct fixture f;
	struct buf pem, text;
	const char *name = "a.test";
	begin(&f, "ecdsa-p256");
	buf_init(&pem, 65536);
	buf_init(&text, 65536);
	for (int i = 0; i < 2; i++) {
		uint8_t serial[16];
		memset(serial, i ? 0xff : 0, sizeof serial);
		buf_clear(&pem);
		buf_clear(&text);
		assert_int_equal(
		    x509_leaf_make(f.ca, buf_slice(&f.ca_pem), buf_slice(&f.spki), &name, 1, f.now, 30, serial, &pem),
		    0);
		assert_int_equal(tool_write("leaf.pem", buf_ptr(&pem), buf_len(&pem)), 0);
		assert_int_equal(TOOL(&text, "openssl", "x509", "-in", "leaf.pem", "-noout", "-serial"), 0);
		assert_string_equal(buf_cstr(&text), i ? "serial=7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\n"
		                                       : "serial=40000000000000000000000000000000\n");
	}
	buf_release(&pem);
	buf_release(&text);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_chain), cmocka_unit_test(test_refused),
	                                   cmocka_unit_test(test_serial)};
	return cmocka_run_group_tests(tests, tool_setup, tool_teardown);
}
