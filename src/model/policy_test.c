#include "model/policy_test.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const expect_words[] = {"allow", "deny", NULL};

const char *
policy_expect_str(int e)
{
	return e >= 0 && e <= EXPECT_DENY ? expect_words[e] : "?";
}

#define AT(m) offsetof(struct policy_test, m)
static const struct model_field test_fields[] = {
    {"app", MT_NAME, AT(app), MF_REQUIRED},
    {"email", MT_EMAIL, AT(email)},
    {"groups", MT_STRS, AT(groups)},
    {"ip", MT_TEXT, AT(ip)},
    {"country", MT_TEXT, AT(country)},
    {"amr", MT_STRS, AT(amr)},
    {"idp", MT_NAME, AT(idp)},
    {"service_token", MT_NAME, AT(service_token)},
    {"common_name", MT_NAME, AT(common_name)},
    {"claims", MT_JSON, AT(claims)},
    {"expect", MT_ENUM, AT(expect), MF_REQUIRED, .words = expect_words},
    {0},
};
#undef AT
static const struct model_table test_table = {"test", test_fields};

int
policy_test_from_json(const json_t *j, bool text_scalars, struct policy_test **ret_t, struct model_error *err)
{
	struct policy_test *t = calloc(1, sizeof *t);
	uint8_t addr[16];
	int ret;

	if (!t)
		return E_NOMEM;
	ret = model_read(&test_table, j, text_scalars, t, err);
	if (ret == E_OK && t->ip && model_addr(t->ip, addr) != 0)
		ret = model_fail(err, "/ip", "found \"%.60s\", expected an address such as 203.0.113.7", t->ip);
	if (ret == E_OK && t->country &&
	    (strlen(t->country) != 2 || !isalpha((unsigned char)t->country[0]) ||
	     !isalpha((unsigned char)t->country[1])))
		ret = model_fail(err, "/country", "found \"%.60s\", expected two letters such as PT", t->country);
	if (ret != E_OK) {
		policy_test_free(t);
		return ret;
	}
	*ret_t = t;
	return E_OK;
}

json_t *
policy_test_to_json(const struct policy_test *t, enum model_form form)
{
	return model_write(&test_table, t, form);
}

void
policy_test_free(struct policy_test *t)
{
	if (!t)
		return;
	model_release(&test_table, t);
	free(t);
}
