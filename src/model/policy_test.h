/*
 * policy_test: what must hold of the policies: this person, coming so, is let in at this application or is not. "tests"
 * of the apply file; also what explain asks. Contract of the functions: model/model.h.
 */
#ifndef MODEL_POLICY_TEST_H
#define MODEL_POLICY_TEST_H

#include "model/model.h"

#define POLICY_TESTS_MAX 1000

enum policy_expect { EXPECT_ALLOW, EXPECT_DENY }; /* words allow deny */
struct policy_test {
	char *app;           /* domain (with its path), name or id */
	char *email;         /* NULL = nobody is signed in */
	char *idp;           /* name or id; NULL = the first that the application admits */
	char *ip, *country;  /* NULL = not known */
	char *service_token; /* id, name or client id */
	char *common_name;   /* of a verified client certificate */
	struct texts groups, amr;
	json_t *claims; /* object; NULL = none */
	int expect;     /* enum policy_expect */
};
const char *policy_expect_str(int e);
int policy_test_from_json(const json_t *j, bool text_scalars, struct policy_test **ret_t, struct model_error *err);
json_t *policy_test_to_json(const struct policy_test *t, enum model_form form);
void policy_test_free(struct policy_test *t);

#endif
