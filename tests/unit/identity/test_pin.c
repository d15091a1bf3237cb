/* One-time codes by mail: their digits, what is taken as one, and the text that goes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/url.h"
#include "identity/pin.h"

static void
test_digits(void **state)
{
	static const uint8_t zero[8], one[8] = {0, 0, 0, 0, 0, 0, 0, 1}, wrap[8] = {0, 0, 0, 0, 0x05, 0xf5, 0xe1, 0x07},
	                              top[8] = {255, 255, 255, 255, 255, 255, 255, 255};
	char pin[PIN_DIGITS + 1];

	assert_int_equal(pin_make(zero, pin), 0);
	assert_string_equal(pin, "00000000");
	assert_int_equal(pin_make(one, pin), 0);
	assert_string_equal(pin, "00000001");
	assert_int_equal(pin_make(wrap, pin), 0); /* 100,000,007 */
	assert_string_equal(pin, "00000007");
	assert_int_equal(pin_make(top, pin), E_RANGE); /* some codes would be likelier */
}

static void
test_typed(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {{"12345678", true},   {"1234 5678", true}, {" 1 2 3 4 5 6 7 8\t", true}, {"1234567", false},
	            {"123456789", false}, {"1234567a", false}, {"-1234567", false},          {"", false}};
	char pin[PIN_DIGITS + 1];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int e = pin_parse(rows[i].text, strlen(rows[i].text), pin);
		assert_int_equal(e == 0, rows[i].ok);
		if (rows[i].ok)
			assert_string_equal(pin, "12345678");
	}
	assert_int_equal(pin_parse("1234\0005678", 9, pin), E_FORMAT);
}

#define ID "0123456789abcdef0123456789abcdef"

static void
test_mail(void **state)
{
	const struct pin_mail good = {.from = "s@corp.test",
	                              .to = "jdoe@example.test",
	                              .team = "team.example.test",
	                              .pin = "12345678",
	                              .id = ID,
	                              .now = 1795300000};
	struct buf b;

	buf_init(&b, PIN_MAIL_MAX);
	assert_int_equal(pin_mail_format(&good, &b), 0);
	const char *text = buf_cstr(&b);
	assert_non_null(strstr(text, "Date: Sat, 21 Nov 2026 22:26:40 +0000\r\n"));
	assert_non_null(strstr(text, "\r\nTo: <jdoe@example.test>\r\n"));
	assert_non_null(strstr(text, "\r\n    12345678\r\n"));
	assert_non_null(strstr(text, "Message-ID: <" ID "@team.example.test>\r\n"));
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		assert_true(p[-1] == '\r');
	const struct {
		const char *from, *to, *team, *pin, *id;
	} bad[] = {
	    {"s@corp.test", "a@b.test\r\nBcc: x@y.test", "team.test", "12345678", ID},
	    {"s@corp.test", "a@b.test>, <x@y.test", "team.test", "12345678", ID},
	    {"s@corp.test", "", "team.test", "12345678", ID},
	    {"s@corp.test\n", "a@b.test", "team.test", "12345678", ID},
	    {"s@corp.test", "a@b.test", "team.test\r\nX: y", "12345678", ID},
	    {"s@corp.test", "a@b.test", "team.test", "1234567", ID},
	    {"s@corp.test", "a@b.test", "team.test", "12345678", "0123>"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pin_mail m = {
		    .from = bad[i].from, .to = bad[i].to, .team = bad[i].team, .pin = bad[i].pin, .id = bad[i].id};
		buf_clear(&b);
		assert_int_equal(pin_mail_format(&m, &b), E_FORMAT);
		assert_int_equal(buf_len(&b), 0);
	}
	buf_release(&b);
}

static void
test_asked(void **state)
{
	const struct asked_mail good = {.from = "s@corp.test",
	                                .to = "boss@example.test",
	                                .who = "jdoe@example.test",
	                                .team = "team.example.test",
	                                .app = "ssh.example.test",
	                                .port = 443,
	                                .request = "0b5d0f3e-54ad-4c7f-9d5e-6d4b8c3f1a2b",
	                                .id = ID,
	                                .now = 1795300000};
	struct buf b;

	buf_init(&b, PIN_MAIL_MAX);
	assert_int_equal(asked_mail_format(&good, &b), 0);
	const char *text = buf_cstr(&b);
	assert_non_null(strstr(text, "\r\nTo: <boss@example.test>\r\n"));
	assert_non_null(strstr(text, "\r\nSubject: jdoe@example.test asks for access to ssh.example.test\r\n"));
	assert_non_null(strstr(text, " https://team.example.test/cdn-cgi/access/approve/"
	                             "0b5d0f3e-54ad-4c7f-9d5e-6d4b8c3f1a2b\r\n"));
	struct asked_mail bad[7] = {good, good, good, good, good, good, good};
	bad[0].to = "a@b.test\r\nBcc: x@y.test";
	bad[1].who = "jdoe@example.test\r\nX: y";
	bad[2].app = "ssh.example.test\r\n\r\nhello";
	bad[3].team = "evil.test/x";
	bad[4].request = "../../../../../../../../logout?xxxxx";
	bad[5].request = "";
	bad[6].port = 70000;
	for (size_t i = 0; i < 7; i++) {
		buf_clear(&b);
		assert_int_equal(asked_mail_format(&bad[i], &b), E_FORMAT);
		assert_int_equal(buf_len(&b), 0);
	}
	struct asked_mail other = good;
	other.port = 8443;
	buf_clear(&b);
	assert_int_equal(asked_mail_format(&other, &b), 0);
	assert_non_null(strstr(buf_cstr(&b), "https://team.example.test:8443/"));
	buf_release(&b);
}

static void
test_server(void **state)
{
	static const struct {
		const char *url;
		int e;
		bool tls, loopback;
	} rows[] = {{"smtp://mail.corp.test:587", 0, false, false},
	            {"smtps://mail.corp.test", 0, true, false},
	            {"smtp://localhost:25", 0, false, true},
	            {"smtp://127.0.0.1:25", 0, false, true},
	            {"smtp://[::1]:25", 0, false, true},
	            {"smtp://127.evil.test:25", 0, false, false},
	            {"https://mail.corp.test", E_FORMAT, 0, 0},
	            {"smtp://u:p@mail.corp.test", E_FORMAT, 0, 0},
	            {"smtp://mail.corp.test/x", E_FORMAT, 0, 0},
	            {"mail.corp.test", E_FORMAT, 0, 0}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool tls = false, loopback = false;
		assert_int_equal(mail_url_parse(rows[i].url, &tls, &loopback), rows[i].e);
		if (rows[i].e)
			continue;
		assert_int_equal(tls, rows[i].tls);
		assert_int_equal(loopback, rows[i].loopback);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_digits), cmocka_unit_test(test_typed),  cmocka_unit_test(test_mail),
	    cmocka_unit_test(test_asked),  cmocka_unit_test(test_server),
	};
	return cmocka_run_group_tests_name("identity_pin", tests, NULL, NULL);
}
