#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ca/build.h"
#include "../tool.h"

#define NOW 1800000000

static struct buf user_line;
static struct key *ca;

static int
setup(void **state)
{
	struct key *k = NULL;
	struct sshkey pub = {0};
	if (tool_setup(state))
		return -1;
	setenv("TZ", "UTC", 1);
	buf_init(&user_line, SSHKEY_LINE_MAX);
	int e = key_generate(KEY_ED25519, 0, &k);
	if (!e)
		e = sshkey_from_key(k, "jdoe@laptop", &pub);
	if (!e)
		e = sshkey_format_line(&pub, &user_line);
	if (!e)
		e = key_generate(KEY_ED25519, 0, &ca);
	key_free(k);
	sshkey_release(&pub);
	return e;
}

static int
teardown(void **state)
{
	buf_release(&user_line);
	key_free(ca);
	return tool_teardown(state);
}

static const char *const exts[] = {"permit-user-rc", "permit-pty", "permit-port-forwarding"};

static struct ca_request
request(void)
{
	return (struct ca_request){
	    .public_key = buf_cstr(&user_line),
	    .principal = "jdoe",
	    .email = "jdoe@example.test",
	    .session = "0123abcd",
	    .now = NOW,
	    .backdate = 30,
	    .ttl = 180,
	    .serial = 77,
	    .nonce = {1, 2, 3},
	    .extensions = exts,
	    .nextensions = 3,
	};
}

static void
test_golden(void **state)
{
	static const char *const sources[] = {"192.0.2.1", "10.0.0.0/8", "192.0.2.1/32", "2001:DB8::1"};
	struct ca_request q = request();
	struct ca_plan p = {0};
	struct buf line, text;
	char want[2048], ca_fp[SSHKEY_FINGERPRINT_MAX];
	struct sshkey ca_pub = {0};
	buf_init(&line, SSHCERT_LINE_MAX);
	buf_init(&text, 65536);
	q.source_address = sources;
	q.nsource_address = 4;
	assert_int_equal(ca_build(&q, ca, &p, &line, NULL), 0);
	assert_int_equal(p.valid_after, NOW - 30);
	assert_int_equal(p.valid_before, NOW + 150); /* 180 s in all */
	assert_int_equal(sshkey_from_key(ca, NULL, &ca_pub), 0);
	sshkey_fingerprint(sshkey_blob(&ca_pub), ca_fp);
	assert_int_equal(tool_write("c-cert.pub", buf_ptr(&line), buf_len(&line)), 0);
	assert_int_equal(TOOL(&text, "ssh-keygen", "-L", "-f", "c-cert.pub"), 0);
	snprintf(want, sizeof want,
	         "c-cert.pub:\n"
	         "        Type: ssh-ed25519-cert-v01@openssh.com user certificate\n"
	         "        Public key: ED25519-CERT %s\n"
	         "        Signing CA: ED25519 %s (using ssh-ed25519)\n"
	         "        Key ID: \"jdoe@example.test 0123abcd\"\n"
	         "        Serial: 77\n"
	         "        Valid: from 2027-01-15T07:59:30 to 2027-01-15T08:02:30\n"
	         "        Principals: \n"
	         "                jdoe\n"
	         "        Critical Options: \n"
	         "                source-address 10.0.0.0/8,192.0.2.1/32,2001:db8::1/128\n"
	         "        Extensions: \n"
	         "                permit-port-forwarding\n"
	         "                permit-pty\n"
	         "                permit-user-rc\n",
	         p.fingerprint, ca_fp);
	assert_string_equal(buf_cstr(&text), want);
	sshkey_release(&ca_pub);
	ca_plan_release(&p);
	buf_release(&line);
	buf_release(&text);
}

/* Same request, same nonce, same bytes: nothing else enters. */
static void
test_deterministic(void **state)
{
	struct ca_request q = request();
	struct buf a, b;
	buf_init(&a, SSHCERT_LINE_MAX);
	buf_init(&b, SSHCERT_LINE_MAX);
	assert_int_equal(ca_build(&q, ca, NULL, &a, NULL), 0);
	assert_int_equal(ca_build(&q, ca, NULL, &b, NULL), 0);
	assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
	assert_null(memchr(buf_ptr(&a), '\n', buf_len(&a)));
	buf_release(&a);
	buf_release(&b);
}

static void
expect(const struct ca_request *q, int want, int code)
{
	struct reason r = {0};
	struct buf line;
	buf_init(&line, SSHCERT_LINE_MAX);
	assert_int_equal(ca_build(q, ca, NULL, &line, &r), want);
	assert_int_equal(r.code, want ? code : 0);
	if (want)
		assert_int_equal(buf_len(&line), 0);
	buf_release(&line);
}

static void
test_principals(void **state)
{
	struct ca_request q = request();
	q.principal = "jdoe,root";
	expect(&q, E_DENIED, SP_PRINCIPAL);
	q.principal = NULL;
	expect(&q, E_DENIED, SP_PRINCIPAL);
	q.principal = "root";
	expect(&q, E_DENIED, SP_PRINCIPAL);
	q.reserved_ok = true;
	expect(&q, 0, 0);
	q.principal = "*";
	expect(&q, E_DENIED, SP_PRINCIPAL);
}

/* security.md 68 and 80 */
static void
test_times(void **state)
{
	static const int64_t ttls[] = {0, -1, 3601, 315360000, INT64_MAX, INT64_MIN};
	static const int64_t nows[] = {0, -1, CA_CLOCK_MIN - 1, CA_CLOCK_MAX + 1, INT64_MAX, INT64_MIN};
	for (size_t i = 0; i < sizeof ttls / sizeof *ttls; i++) {
		struct ca_request q = request();
		q.ttl = ttls[i];
		expect(&q, E_RANGE, SP_BAD_REQUEST);
		q = request();
		q.now = nows[i];
		expect(&q, E_RANGE, SP_INTERNAL);
	}
	struct ca_request q = request();
	q.backdate = 61;
	expect(&q, E_RANGE, SP_BAD_REQUEST);
	q.backdate = -1;
	expect(&q, E_RANGE, SP_BAD_REQUEST);
	q.backdate = 0;
	q.ttl = 3600;
	expect(&q, 0, 0);
	q.serial = 0;
	expect(&q, E_RANGE, SP_INTERNAL);
}

static void
test_options(void **state)
{
	static const char *const twice[] = {"permit-pty", "permit-pty"}, *const unknown[] = {"force-command"},
	                         *const bad[] = {"10.0.0.0/8,0.0.0.0/0"};
	struct ca_request q = request();
	q.extensions = twice;
	q.nextensions = 2;
	expect(&q, E_DENIED, SP_BAD_REQUEST);
	q.extensions = unknown;
	q.nextensions = 1;
	expect(&q, E_DENIED, SP_BAD_REQUEST);
	q.nextensions = 0;
	expect(&q, 0, 0);
	q.source_address = bad;
	q.nsource_address = 1;
	expect(&q, E_FORMAT, SP_BAD_REQUEST);
	const char *many[CA_SOURCES_MAX + 1];
	for (size_t i = 0; i <= CA_SOURCES_MAX; i++)
		many[i] = "10.0.0.1";
	q.source_address = many;
	q.nsource_address = CA_SOURCES_MAX;
	expect(&q, 0, 0);
	q.nsource_address = CA_SOURCES_MAX + 1;
	expect(&q, E_LIMIT, SP_BAD_REQUEST);
	const char *const six[CA_EXTENSIONS_MAX + 1] = {ca_extensions[0], ca_extensions[1], ca_extensions[2],
	                                                ca_extensions[3], ca_extensions[4], ca_extensions[0]};
	q = request();
	q.extensions = six;
	q.nextensions = CA_EXTENSIONS_MAX + 1;
	expect(&q, E_LIMIT, SP_BAD_REQUEST);
}

/* Whose certificate it is stands in every log of every server: never empty. */
static void
test_key_id_is_never_empty(void **state)
{
	struct ca_request q = request();
	q.email = "";
	expect(&q, E_FORMAT, SP_INTERNAL);
	q = request();
	q.email = NULL;
	expect(&q, E_FORMAT, SP_INTERNAL);
	q = request();
	q.session = "";
	expect(&q, E_FORMAT, SP_INTERNAL);
	q = request();
	q.session = NULL;
	expect(&q, E_FORMAT, SP_INTERNAL);
}

/* security.md 70: certificates, the authority's own key, rubbish */
static void
test_keys(void **state)
{
	struct buf line;
	struct sshkey pub = {0};
	struct ca_request q = request();
	buf_init(&line, SSHCERT_LINE_MAX);
	assert_int_equal(ca_build(&q, ca, NULL, &line, NULL), 0);
	q.public_key = buf_cstr(&line);
	expect(&q, E_FORMAT, SP_KEY_REFUSED);
	buf_clear(&line);
	assert_int_equal(sshkey_from_key(ca, NULL, &pub), 0);
	assert_int_equal(sshkey_format_line(&pub, &line), 0);
	q.public_key = buf_cstr(&line);
	expect(&q, E_DENIED, SP_KEY_REFUSED);
	q.public_key = "";
	expect(&q, E_FORMAT, SP_KEY_REFUSED);
	q.public_key = NULL;
	expect(&q, E_FORMAT, SP_KEY_REFUSED);
	sshkey_release(&pub);
	buf_release(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden),
	    cmocka_unit_test(test_deterministic),
	    cmocka_unit_test(test_principals),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_key_id_is_never_empty),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
