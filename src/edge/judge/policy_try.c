#include "edge/judge/policy_try.h"

#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "edge/judge/session.h"

/* --- tests ---------------------------------------------------------------------------------------------------------
 */

static const char *
token_id(const struct snapshot *s, const char *ref)
{
	for (size_t i = 0; ref && i < s->nservice_tokens; i++) {
		const struct service_token *t = s->service_tokens[i];
		if (!strcmp(t->id, ref) || !strcmp(t->name, ref) || (t->client_id && !strcmp(t->client_id, ref)))
			return t->id;
	}
	return ref;
}

static const struct idp *
idp_for(const struct snapshot *s, const struct app_view *a, const char *ref)
{
	if (ref)
		return snapshot_idp(s, ref);
	for (size_t i = 0; i < s->nidps; i++)
		if (policy_app_idp_allowed(a->policy, s->idps[i]->id))
			return s->idps[i];
	return NULL;
}

static int
test_try(const struct snapshot *s, const struct policy_test *t, struct policy_verdict *ret_v,
         const struct app_view **ret_a, struct model_error *err)
{
	const struct app_view *a = snapshot_app_by_ref(s, t->app);
	const struct idp *idp = a ? idp_for(s, a, t->idp) : NULL;

	if (!a)
		return model_fail(err, "/app", "there is no application \"%.80s\"", t->app);
	if (t->idp && !idp)
		return model_fail(err, "/idp", "there is no identity provider \"%.60s\"", t->idp);
	struct policy_input in = {.have_identity = t->email != NULL,
	                          .email = t->email,
	                          .idp_id = idp ? idp->id : "",
	                          .idp_type = idp ? idp_type_str(idp->type) : "",
	                          .amr = (const char *const *)t->amr.v,
	                          .namr = t->amr.n,
	                          .groups = (const char *const *)t->groups.v,
	                          .ngroups = t->groups.n,
	                          .claims = t->claims,
	                          .ip = t->ip,
	                          .country = t->country,
	                          .service_token = token_id(s, t->service_token),
	                          .cert_ca = t->common_name ? "tested" : NULL,
	                          .common_name = t->common_name};
	policy_eval(s->set, a->policy, &in, ret_v, NULL);
	*ret_a = a;
	return 0;
}

static int
test_hold(const struct snapshot *s, size_t i, struct model_error *err)
{
	const struct policy_test *t = s->tests[i];
	struct policy_verdict v = {0};
	const struct app_view *a = NULL;
	struct reason why = {0};
	int e = test_try(s, t, &v, &a, err);

	if (e == 0 && policy_passes(&v) != (t->expect == EXPECT_ALLOW)) {
		policy_verdict_reason(a->policy, &v, &why);
		e = model_fail(err, "", "test %zu expects %s for %.80s on %.80s, but %.120s", i + 1,
		               policy_expect_str(t->expect), t->email ? t->email : "a request without sign-in", t->app,
		               why.text);
	}
	if (e < 0)
		model_error_prefix(err, "/tests/%zu", i);
	return e;
}

int
tests_hold(const struct snapshot *s, const struct snapshot *before, struct model_error *err)
{
	for (size_t i = 0; i < s->ntests; i++) {
		bool already = before && i < before->ntests && test_hold(before, i, NULL) < 0;
		int e = already ? 0 : test_hold(s, i, err);

		if (e < 0)
			return e;
	}
	return 0;
}

static void
test_id(size_t i, char out[static 24])
{
	snprintf(out, 24, "%06zu", i); /* the store lists by id: in the order of the document */
}

int
tests_replace(struct change *c, const json_t *list)
{
	const struct snapshot *s = c->j->snap;
	size_t n = json_array_size(list);
	bool changed = n != s->ntests;
	char id[24];
	int e = 0;

	if (n > POLICY_TESTS_MAX)
		return model_fail(&c->err, "/tests", "found %zu tests, expected at most %d", n, POLICY_TESTS_MAX);
	for (size_t i = 0; e == 0 && i < n; i++) {
		struct policy_test *t = NULL;

		e = policy_test_from_json(json_array_get(list, i), true, &t, &c->err);
		if (e < 0) {
			model_error_prefix(&c->err, "/tests/%zu", i);
			break;
		}
		json_t *now = policy_test_to_json(t, MODEL_STORE);
		json_t *was = i < s->ntests ? policy_test_to_json(s->tests[i], MODEL_STORE) : NULL;
		if (!was || !json_equal(was, now)) {
			changed = true;
			test_id(i, id);
			e = change_put(c, "policy_test", id, STORE_ANY, json_incref(now));
		}
		json_decref(now);
		json_decref(was);
		policy_test_free(t);
	}
	for (size_t i = n; e == 0 && i < s->ntests; i++) {
		test_id(i, id);
		e = change_delete(c, "policy_test", id);
	}
	if (e == 0 && changed)
		change_note(c, "tests", "of policies", s->ntests ? "update" : "create", NULL);
	return e;
}

/* --- gains and losses ----------------------------------------------------------------------------------------------
 */

struct tally {
	const struct judge *j;
	const struct snapshot *was, *now;
	struct map last; /* identity -> its latest session */
	json_t *rows;
	size_t verdicts, left_out, untried;
};

static bool
passes(const struct snapshot *s, const struct app_view *a, const struct session *who)
{
	struct asker asker = {.session = who, .ip = who->ip, .country = who->country, .unapproved = true};
	struct policy_verdict v = {0};

	if (!a || !snapshot_idp(s, who->idp))
		return false;
	snapshot_verdict(s, a, &asker, &v);
	return policy_passes(&v);
}

static void
row(struct tally *t, const char *email, const struct app_view *a, bool gains)
{
	if (json_array_size(t->rows) >= TRY_ROWS_MAX) {
		t->left_out++;
		return;
	}
	json_array_append_new(t->rows, json_pack("{s:s, s:s, s:s, s:s}", "email", email, "app", a->app->domain, "name",
	                                         a->app->name, "change", gains ? "gains" : "loses"));
}

static void
try_person(struct tally *t, const struct session *who)
{
	if (t->verdicts + 2 * (t->was->napps + t->now->napps) > TRY_VERDICTS_MAX) {
		t->untried++;
		return;
	}
	t->verdicts += 2 * (t->was->napps + t->now->napps);
	for (size_t i = 0; i < t->now->napps; i++) {
		const struct app_view *a = &t->now->views[i], *b = snapshot_app_by_id(t->was, a->app->id);
		bool before = passes(t->was, b, who), after = passes(t->now, a, who);

		if (before != after)
			row(t, who->email, a, after);
	}
	for (size_t i = 0; i < t->was->napps; i++) {
		const struct app_view *a = &t->was->views[i];
		if (!snapshot_app_by_id(t->now, a->app->id) && passes(t->was, a, who))
			row(t, who->email, a, false);
	}
}

static char *
text(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static const char *
type_of(const struct snapshot *s, const char *idp)
{
	const struct idp *i = snapshot_idp(s, idp ? idp : "");
	return i ? idp_type_str(i->type) : "";
}

static void
try_known(struct tally *t, const struct person *p, struct map *emails)
{
	for (size_t i = 0; i < p->nidentities; i++) {
		const struct identity *d = &p->identities[i];
		const struct session *last = map_get(&t->last, d->sub);
		struct session who = {.email = text(d->email),
		                      .idp = text(d->idp),
		                      .idp_type = text(type_of(t->now, d->idp)),
		                      .amr = d->amr,
		                      .groups = d->groups,
		                      .claims = d->claims,
		                      .ip = last ? last->ip : NULL,
		                      .country = last ? last->country : NULL};

		if (d->email)
			map_put(emails, d->email, t);
		if (!p->disabled && d->email)
			try_person(t, &who);
	}
}

/* Accounts that nobody signed in with yet, of both snapshots' providers: those of the new one count. */
static void
try_accounts(struct tally *t, struct map *emails)
{
	static char pwd[] = "pwd", *one[] = {pwd};

	for (size_t i = 0; i < t->now->nidps; i++) {
		const struct idp *idp = t->now->idps[i];
		for (size_t k = 0; k < idp->nusers; k++) {
			const struct idp_user *u = &idp->users[k];
			struct session who = {.email = u->email,
			                      .idp = idp->id,
			                      .idp_type = text(idp_type_str(idp->type)),
			                      .amr = {one, 1},
			                      .groups = u->groups};

			if (!map_get(emails, u->email) && !person_barred(t->j, "", u->email))
				try_person(t, &who);
		}
	}
}

json_t *
gains_and_losses(const struct judge *j, const struct snapshot *was, const struct snapshot *now)
{
	struct tally t = {.j = j, .was = was, .now = now, .rows = json_array()};
	struct map_iter it = {0};
	struct map emails;

	map_init(&t.last, SESSIONS_MAX, 0, NULL);
	map_init(&emails, PERSONS_MAX, 0, NULL);
	while (map_next(&j->sessions, &it)) {
		const struct session *s = it.value, *have = s->sub ? map_get(&t.last, s->sub) : NULL;
		if (s->sub && (!have || have->created_at < s->created_at))
			map_set(&t.last, s->sub, (void *)(uintptr_t)s);
	}
	it = (struct map_iter){0};
	while (map_next(&j->persons, &it))
		try_known(&t, it.value, &emails);
	try_accounts(&t, &emails);
	map_release(&t.last);
	map_release(&emails);
	return json_pack("{s:o, s:I, s:I}", "rows", t.rows, "left_out", (json_int_t)t.left_out, "untried",
	                 (json_int_t)t.untried);
}
