/* fixture: groups, providers and applications for policy tests, from JSON texts. */
#ifndef TEST_POLICY_FIXTURE_H
#define TEST_POLICY_FIXTURE_H

#include "reference.h"

#include "core/json.h"
#include "core/str.h"
#include "policy/explain.h"
#include "policy/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ID(n) "00000000-0000-4000-8000-0000000000" #n

struct fixture {
	struct group *groups[64];
	struct idp *idps[8];
	struct access_list *lists[8];
	struct policy *policies[8];
	struct app *apps[16];
	struct policy_source src;
};

__attribute__((unused)) static json_t *
fx_json(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);
	if (!j)
		fail_msg("%s in %s", e.text, text);
	return j;
}

__attribute__((unused)) static void
fx_init(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	f->src.groups = (const struct group *const *)f->groups;
	f->src.idps = (const struct idp *const *)f->idps;
	f->src.lists = (const struct access_list *const *)f->lists;
	f->src.policies = (const struct policy *const *)f->policies;
	f->src.apps = (const struct app *const *)f->apps;
}

__attribute__((unused)) static void
fx_free(struct fixture *f)
{
	for (size_t i = 0; i < f->src.ngroups; i++)
		group_free(f->groups[i]);
	for (size_t i = 0; i < f->src.nidps; i++)
		idp_free(f->idps[i]);
	for (size_t i = 0; i < f->src.nlists; i++)
		access_list_free(f->lists[i]);
	for (size_t i = 0; i < f->src.npolicies; i++)
		policy_free(f->policies[i]);
	for (size_t i = 0; i < f->src.napps; i++)
		app_free(f->apps[i]);
}

__attribute__((unused)) static void
fx_group(struct fixture *f, const char *text)
{
	struct model_error err = {{0}};
	json_t *j = fx_json(text);
	if (group_from_json(j, false, &f->groups[f->src.ngroups], &err) != 0)
		fail_msg("%s %s", err.pointer, err.text);
	f->src.ngroups++;
	json_decref(j);
}

__attribute__((unused)) static void
fx_idp(struct fixture *f, const char *text)
{
	struct model_error err = {{0}};
	json_t *j = fx_json(text);
	if (idp_from_json(j, false, &f->idps[f->src.nidps], &err) != 0)
		fail_msg("%s %s", err.pointer, err.text);
	f->src.nidps++;
	json_decref(j);
}

__attribute__((unused)) static void
fx_list(struct fixture *f, const char *text)
{
	struct model_error err = {{0}};
	json_t *j = fx_json(text);
	if (access_list_from_json(j, false, &f->lists[f->src.nlists], &err) != 0)
		fail_msg("%s %s", err.pointer, err.text);
	f->src.nlists++;
	json_decref(j);
}

__attribute__((unused)) static void
fx_policy(struct fixture *f, const char *text)
{
	struct model_error err = {{0}};
	json_t *j = fx_json(text);
	if (policy_from_json(j, false, &f->policies[f->src.npolicies], &err) != 0)
		fail_msg("%s %s", err.pointer, err.text);
	f->src.npolicies++;
	json_decref(j);
}

__attribute__((unused)) static void
fx_app(struct fixture *f, const char *text)
{
	struct model_error err = {{0}};
	json_t *j = fx_json(text);
	if (app_from_json(j, false, &f->apps[f->src.napps], &err) != 0)
		fail_msg("%s %s", err.pointer, err.text);
	f->src.napps++;
	json_decref(j);
}

__attribute__((unused)) static struct policy_set *
fx_compile(struct fixture *f)
{
	struct policy_set *set = NULL;
	struct model_error err = {{0}};
	int ret = policy_set_compile(&f->src, &set, &err);
	if (ret != 0)
		fail_msg("%d %s %s", ret, err.pointer, err.text);
	return set;
}

/* Compiles what must be refused; gives the error. */
__attribute__((unused)) static struct model_error
fx_refused(struct fixture *f)
{
	struct policy_set *set = NULL;
	struct model_error err = {{0}};
	assert_int_equal(policy_set_compile(&f->src, &set, &err), E_FORMAT);
	assert_null(set);
	return err;
}

#endif
