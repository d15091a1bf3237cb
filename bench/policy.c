/* bench_policy [APPS [RULES]]: the time of one verdict from a compiled snapshot: 1,000 applications of 100 rules each,
 * groups nested four deep, for people who are let in at the first rule, at the last, and not at all. Prints "NAME p50
 * p99 (ns)" and "compile MS". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/str.h"
#include "policy/eval.h"

#define GROUPS 400
#define ASKED 200000

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static json_t *
email_rule(const char *who, size_t i)
{
	json_t *r = json_pack("{s:{s:o}}", "email", "email", json_sprintf("%s%zu@example.test", who, i));

	if (!r)
		abort();
	return r;
}

/* Every fourth begins a chain: it has 20 addresses; the next ones have their own and the one before. */
static struct group *
group_make(size_t i)
{
	struct group *g = NULL;
	json_t *include = json_array(), *j;

	for (size_t k = 0; k < 20; k++)
		json_array_append_new(include, email_rule("member", i * 20 + k));
	if (i % 4)
		json_array_append_new(include, json_pack("{s:{s:o}}", "group", "name", json_sprintf("g%zu", i - 1)));
	j = json_pack("{s:o, s:o}", "name", json_sprintf("g%zu", i), "include", include);
	if (group_from_json(j, false, &g, NULL) != 0)
		abort();
	json_decref(j);
	return g;
}

static struct app *
app_make(size_t i, size_t rules)
{
	json_t *include = json_array(), *require = json_array(), *exclude = json_array(), *j;
	struct app *a = NULL;

	json_array_append_new(include, email_rule("first", i));
	for (size_t k = 0; k + 6 < rules; k++)
		json_array_append_new(include, k % 10 == 9 ? json_pack("{s:{s:o}}", "group", "name",
		                                                       json_sprintf("g%zu", (i * 7 + k) % GROUPS))
		                                           : email_rule("user", i * 100 + k));
	json_array_append_new(include, email_rule("last", i));
	json_array_append_new(require, json_pack("{s:{s:s}}", "ip", "ip", "10.0.0.0/8"));
	json_array_append_new(require, json_pack("{s:{s:s}}", "auth_method", "auth_method", "mfa"));
	json_array_append_new(exclude, json_pack("{s:{s:s}}", "geo", "country_code", "KP"));
	json_array_append_new(exclude, email_rule("gone", i));
	j = json_pack("{s:o, s:o, s:[{s:s, s:s, s:o, s:o, s:o}]}", "name", json_sprintf("app %zu", i), "domain",
	              json_sprintf("app%zu.example.test", i), "policies", "name", "p", "decision", "allow", "include",
	              include, "require", require, "exclude", exclude);
	if (app_from_json(j, false, &a, NULL) != 0)
		abort();
	json_decref(j);
	return a;
}

static int
by_number(const void *pa, const void *pb)
{
	const int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;

	return a < b ? -1 : a > b;
}

static void
ask(const struct policy_set *set, size_t apps, const char *who, bool want)
{
	static const char *const amr[] = {"pwd", "mfa"};
	static int64_t took[ASKED];
	char host[64], email[80];

	for (size_t n = 0; n < ASKED; n++) {
		const size_t i = n * 7919 % apps;
		struct policy_input in = {.have_identity = true,
		                          .email = email,
		                          .idp_id = "people",
		                          .amr = amr,
		                          .namr = 2,
		                          .ip = "10.1.2.3",
		                          .country = "PT"};
		struct policy_verdict v;

		snprintf(host, sizeof host, "app%zu.example.test", i);
		snprintf(email, sizeof email, "%s%zu@example.test", who, i);
		const int64_t t = now_ns();
		const struct policy_app *a = policy_set_by_host(set, host);
		policy_eval(set, a, &in, &v, NULL);
		took[n] = now_ns() - t;
		if (policy_passes(&v) != want)
			abort();
	}
	qsort(took, ASKED, sizeof *took, by_number);
	printf("%s %lld %lld\n", who, (long long)took[ASKED / 2], (long long)took[ASKED - ASKED / 100]);
}

int
main(int argc, char **argv)
{
	const size_t napps = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000,
	             rules = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
	struct app **apps = calloc(napps, sizeof *apps);
	struct group *groups[GROUPS];
	struct policy_set *set = NULL;
	struct model_error err = {{0}};

	if (!apps || !napps || rules < 8)
		return 1;
	for (size_t i = 0; i < GROUPS; i++)
		groups[i] = group_make(i);
	for (size_t i = 0; i < napps; i++)
		apps[i] = app_make(i, rules);
	struct policy_source src = {.apps = (const struct app *const *)apps,
	                            .napps = napps,
	                            .groups = (const struct group *const *)groups,
	                            .ngroups = GROUPS};
	const int64_t t = now_ns();
	if (policy_set_compile(&src, &set, &err) != 0) {
		fprintf(stderr, "%s: %s\n", err.pointer, err.text);
		return 1;
	}
	printf("compile %.1f\n", (double)(now_ns() - t) / 1e6);
	ask(set, napps, "first", true);
	ask(set, napps, "last", true);
	ask(set, napps, "nobody", false);
	policy_set_free(set);
	for (size_t i = 0; i < napps; i++)
		app_free(apps[i]);
	for (size_t i = 0; i < GROUPS; i++)
		group_free(groups[i]);
	free(apps);
	return 0;
}
