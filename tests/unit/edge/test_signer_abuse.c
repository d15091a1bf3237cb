/* What must not be had from the signer: a certificate for a token that names no key, a name of an account that was made
 * anew, a certificate after the provider has gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/str.h"
#include "signer_kit.h"

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof *k);
	struct js_ca_create m = {.aud = KIT_AUD, .kind = "ed25519", .comment = "app"};
	struct js_ca_is a;

	kit_new(k);
	assert_true(kit_start(k));
	assert_int_equal(kit_ask(k, &js_ca_create_def, &m, &js_ca_is_def, &a), 0);
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

static void
provider(struct kit *k, const char *record)
{
	struct js_provider_put m = {.admin_token = k->admin_token, .id = KIT_IDP, .record = slice_str(record)};
	struct js_done a;

	assert_int_equal(kit_ask(k, &js_provider_put_def, &m, &js_done_def, &a), 0);
	assert_int_equal(a.code, 0);
}

/* A fresh key, a fresh sign-in, and what the signer says to the certificate. */
static int
ask_as(struct kit *k, const char *email, bool bound)
{
	struct js_cert_is cert;
	struct kit_key key;

	kit_key(&key);
	char *org = kit_org(k, email, "correct horse"), *app = kit_app(k, org, KIT_AUD, bound ? key.cnf : "");
	int code = kit_sign(k, app, KIT_AUD, key.line, "", &cert);
	free(org);
	free(app);
	return code;
}

static void
test_token_without_key(void **state)
{
	struct kit *k = *state;

	assert_int_equal(kit_account(k, "jdoe@corp.test", "correct horse", ""), 0);
	assert_int_equal(ask_as(k, "jdoe@corp.test", false), SP_KEY_MISMATCH);
	assert_int_equal(ask_as(k, "jdoe@corp.test", true), 0);
}

/* The provider rules the domain, and still the second subject of one address is somebody else (security.md 29). */
static void
test_account_made_anew(void **state)
{
	struct kit *k = *state;
	struct js_account_delete del = {.admin_token = k->admin_token, .idp = KIT_IDP, .email = "jdoe@corp.test"};
	struct js_principal_bind bind = {
	    .admin_token = k->admin_token, .name = "jdoe", .email = "jdoe@corp.test", .idp = KIT_IDP};
	struct js_done a;

	provider(k, "{\"type\":\"local\",\"domains\":[\"corp.test\"]}");
	assert_int_equal(kit_account(k, "jdoe@corp.test", "correct horse", ""), 0);
	assert_int_equal(ask_as(k, "jdoe@corp.test", true), 0);
	assert_int_equal(kit_ask(k, &js_account_delete_def, &del, &js_done_def, &a), 0);
	assert_int_equal(a.code, 0);
	assert_int_equal(kit_account(k, "jdoe@corp.test", "correct horse", ""), 0);
	assert_int_equal(ask_as(k, "jdoe@corp.test", true), SP_PRINCIPAL_OWNED);
	/* what the refusal tells the administrator to do helps, once */
	assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &a), 0);
	assert_int_equal(a.code, 0);
	assert_int_equal(ask_as(k, "jdoe@corp.test", true), 0);
	assert_int_equal(kit_ask(k, &js_account_delete_def, &del, &js_done_def, &a), 0);
	assert_int_equal(kit_account(k, "jdoe@corp.test", "correct horse", ""), 0);
	assert_int_equal(ask_as(k, "jdoe@corp.test", true), SP_PRINCIPAL_OWNED);
}

static void
test_provider_gone(void **state)
{
	struct kit *k = *state;
	struct js_provider_delete del = {.admin_token = k->admin_token, .id = KIT_IDP};
	struct js_cert_is cert;
	struct js_done a;
	struct kit_key key;

	kit_key(&key);
	assert_int_equal(kit_account(k, "jdoe@corp.test", "correct horse", ""), 0);
	char *org = kit_org(k, "jdoe@corp.test", "correct horse"), *app = kit_app(k, org, KIT_AUD, key.cnf);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "", &cert), 0);
	assert_int_equal(kit_ask(k, &js_provider_delete_def, &del, &js_done_def, &a), 0);
	assert_int_equal(a.code, 0);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "", &cert), SP_REVOKED);
	free(org);
	free(app);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_token_without_key, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_account_made_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_provider_gone, setup, teardown),
	};
	return cmocka_run_group_tests_name("signer_abuse", tests, NULL, NULL);
}
