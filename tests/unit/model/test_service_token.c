/* Whether a service token stands: deleted, disabled, expired, rotated; and until when what it opened may last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/service_token.h"

static void
test_standing(void **state)
{
	struct service_token t = {.enabled = true, .version = 3, .expires_at = 1000, .prev_until = 500};
	struct reason why = {0};

	assert_int_equal(service_token_standing(&t, 3, 999, &why), 0);
	assert_int_equal(service_token_standing(&t, 3, 1000, &why), SP_SERVICE_TOKEN);
	assert_int_equal(service_token_standing(&t, 2, 499, &why), 0);
	assert_int_equal(service_token_standing(&t, 2, 500, &why), SP_SERVICE_TOKEN);
	assert_int_equal(service_token_standing(&t, 1, 499, &why), SP_SERVICE_TOKEN);
	assert_int_equal(service_token_standing(&t, 4, 499, &why), SP_SERVICE_TOKEN);
	assert_int_equal(service_token_until(&t, 3), 1000);
	assert_int_equal(service_token_until(&t, 2), 500);
	t.expires_at = 0;
	assert_int_equal(service_token_standing(&t, 3, INT64_MAX, &why), 0);
	assert_int_equal(service_token_until(&t, 3), 0);
	assert_int_equal(service_token_until(&t, 2), 500);
	t.enabled = false;
	assert_int_equal(service_token_standing(&t, 3, 1, &why), SP_SERVICE_TOKEN);
	assert_int_equal(service_token_standing(NULL, 3, 1, &why), SP_SERVICE_TOKEN);
}

static int
reads(const char *text, struct model_error *err)
{
	struct service_token *t = NULL;
	json_t *j = json_loads(text, 0, NULL);
	int e = service_token_from_json(j, true, &t, err);

	json_decref(j);
	service_token_free(t);
	return e;
}

static void
test_form(void **state)
{
	struct model_error err;

	assert_int_equal(reads("{\"name\":\"ci\"}", &err), 0);
	assert_int_equal(reads("{\"name\":\"ci\",\"duration\":\"forever\",\"enabled\":\"off\"}", &err), 0);
	assert_int_equal(reads("{}", &err), E_FORMAT);
	assert_int_equal(reads("{\"name\":\"ci\",\"duration\":\"1y\"}", &err), E_FORMAT);
	assert_string_equal(err.pointer, "/duration");
	assert_int_equal(reads("{\"name\":\"ci\",\"duration\":\"1s\"}", &err), E_FORMAT);
	assert_int_equal(reads("{\"name\":\"ci\",\"duratoin\":\"1h\"}", &err), E_FORMAT);
	assert_non_null(strstr(err.text, "did you mean duration"));
	assert_int_equal(reads("{\"name\":\"ci\",\"client_id\":\"x\"}", &err), E_FORMAT);
	assert_int_equal(reads("{\"name\":\"ci\",\"client_secret_version\":\"0\"}", &err), E_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_standing),
	    cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
