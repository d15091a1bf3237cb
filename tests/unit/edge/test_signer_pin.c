/* One-time codes: made and compared in the signer, mailed by fetch; judge never sees one. The test is judge and fetch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/str.h"
#include "signer_kit.h"

#define PIN_IDP "77777777-2222-4333-8444-555555555555"
#define BROWSER "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define BROWSER2 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static int
setup(void **state)
{
	static const char rec[] = "{\"id\":\"" PIN_IDP "\",\"type\":\"onetimepin\",\"name\":\"mail\"}";
	struct kit *k = calloc(1, sizeof *k);
	struct js_provider_put m = {.id = PIN_IDP, .record = slice_str(rec)};
	struct js_done a;

	kit_new(k);
	assert_true(kit_start(k));
	m.admin_token = k->admin_token;
	assert_int_equal(kit_ask(k, &js_provider_put_def, &m, &js_done_def, &a), 0);
	assert_int_equal(a.code, 0);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	kit_free(*state);
	free(*state);
	return 0;
}

/* Code of the reply; the mail, when one was sent, is in k->mail_to and k->mail_pin. */
static int
begin(struct kit *k, const char *email, const char *browser, const char *ip, bool mail)
{
	struct js_pin_begin m = {.idp = PIN_IDP, .email = email, .browser = browser, .client_ip = ip, .mail = mail};
	struct js_done a;
	struct js_pong pong;
	struct js_ping ping = {0};

	k->mail_to[0] = k->mail_pin[0] = 0;
	assert_int_equal(kit_ask(k, &js_pin_begin_def, &m, &js_done_def, &a), 0);
	int code = (int)a.code;
	for (int i = 0; i < 2; i++) /* the mail has come by then */
		assert_int_equal(kit_ask(k, &js_ping_def, &ping, &js_pong_def, &pong), 0);
	return code;
}

static int
check(struct kit *k, const char *email, const char *browser, const char *pin, struct js_login_done *a)
{
	struct js_pin_check m = {.idp = PIN_IDP,
	                         .email = email,
	                         .browser = browser,
	                         .pin = slice_str(pin),
	                         .client_ip = "192.0.2.1",
	                         .session = "s-7",
	                         .ttl = 3600};

	assert_int_equal(kit_ask(k, &js_pin_check_def, &m, &js_login_done_def, a), 0);
	return (int)a->code;
}

static void
test_once(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	char pin[17];

	assert_int_equal(check(k, "jdoe@corp.test", BROWSER, "00000000", &a), SP_LOGIN_FAILED); /* nobody asked */
	assert_int_equal(begin(k, "JDoe@corp.test", BROWSER, "192.0.2.1", true), 0);
	assert_string_equal(k->mail_to, "jdoe@corp.test");
	assert_int_equal(strlen(k->mail_pin), 8);
	str_copy(pin, sizeof pin, k->mail_pin);
	assert_int_equal(check(k, "jdoe@corp.test", BROWSER2, pin, &a), SP_LOGIN_FAILED);
	assert_int_equal(check(k, "boss@corp.test", BROWSER, pin, &a), SP_LOGIN_FAILED);
	assert_string_equal(a.org_token, "");
	assert_int_equal(check(k, "jdoe@corp.test", BROWSER, pin, &a), 0);
	assert_string_equal(a.email, "jdoe@corp.test");
	assert_string_equal(a.subject, "jdoe@corp.test");
	assert_string_equal(a.iss, KIT_ISSUER "/idp/" PIN_IDP);
	assert_int_equal(a.amr.n, 1);
	assert_string_equal(a.amr.v[0], "otp");
	assert_true(a.org_token[0]);
	assert_int_equal(check(k, "jdoe@corp.test", BROWSER, pin, &a), SP_LOGIN_FAILED);
}

/* A newer code takes the place of the one before; one that is not mailed is as unknown to judge as any. */
static void
test_mail(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	char pin[17];

	assert_int_equal(begin(k, "jdoe@corp.test", BROWSER, "192.0.2.1", true), 0);
	str_copy(pin, sizeof pin, k->mail_pin);
	assert_int_equal(begin(k, "jdoe@corp.test", BROWSER, "192.0.2.1", true), 0);
	assert_string_not_equal(pin, k->mail_pin);
	assert_int_equal(check(k, "jdoe@corp.test", BROWSER, pin, &a), SP_LOGIN_FAILED);
	assert_int_equal(check(k, "jdoe@corp.test", BROWSER, k->mail_pin, &a), 0);
	assert_int_equal(begin(k, "eve@corp.test", BROWSER, "192.0.2.1", false), 0);
	assert_string_equal(k->mail_to, "");
	assert_int_equal(begin(k, "not an address", BROWSER, "192.0.2.1", true), SP_EMAIL);
	assert_int_equal(begin(k, "a@b.test", "short", "192.0.2.1", true), SP_BAD_REQUEST);
	/* a provider of another kind mails nothing, and takes no code */
	struct js_pin_begin m = {.idp = KIT_IDP, .email = KIT_ADMIN, .browser = BROWSER, .client_ip = "", .mail = true};
	struct js_done d;
	assert_int_equal(kit_ask(k, &js_pin_begin_def, &m, &js_done_def, &d), 0);
	assert_int_equal(d.code, SP_BAD_REQUEST);
}

static void
test_guesses(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	char pin[17];

	assert_int_equal(begin(k, "jdoe@corp.test", BROWSER, "192.0.2.1", true), 0);
	str_copy(pin, sizeof pin, k->mail_pin);
	for (int i = 0; i < 4; i++)
		assert_int_equal(check(k, "jdoe@corp.test", BROWSER, "x", &a), SP_LOGIN_FAILED);
	assert_int_equal(check(k, "jdoe@corp.test", BROWSER, pin, &a), 0); /* the fifth try is still one */
	assert_int_equal(begin(k, "jdoe@corp.test", BROWSER, "192.0.2.1", true), 0);
	str_copy(pin, sizeof pin, k->mail_pin);
	for (int i = 0; i < 5; i++)
		assert_int_equal(check(k, "jdoe@corp.test", BROWSER, "x", &a), SP_LOGIN_FAILED);
	assert_int_equal(check(k, "jdoe@corp.test", BROWSER, pin, &a), SP_LOGIN_FAILED);
	/* with ever new codes: the address is guessed at so often and no more */
	int code = 0;
	for (int i = 0; i < 30 && code != SP_LOGIN_RATE; i++)
		code = check(k, "jdoe@corp.test", BROWSER, "12345678", &a);
	assert_int_equal(code, SP_LOGIN_RATE);
	/* mails to one address, from anywhere; and from one place, to anybody */
	code = 0;
	for (int i = 0; i < 8 && code == 0; i++)
		code = begin(k, "jdoe@corp.test", BROWSER, "192.0.2.7", true);
	assert_int_equal(code, SP_LOGIN_RATE);
	assert_string_equal(k->mail_to, "");
	code = 0;
	for (int i = 0; i < 60 && code == 0; i++) {
		char email[32];
		snprintf(email, sizeof email, "u%d@corp.test", i);
		code = begin(k, email, BROWSER2, "192.0.2.9", true);
	}
	assert_int_equal(code, SP_LOGIN_RATE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_mail, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_guesses, setup, teardown),
	};
	return cmocka_run_group_tests_name("signer_pin", tests, NULL, NULL);
}
