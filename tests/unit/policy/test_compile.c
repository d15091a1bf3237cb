/* What compile refuses and how it says so; finding applications. */
#include "fixture.h"

#include "policy/members.h"

#define APP(policies) "{\"id\":\"" ID(41) "\",\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[" policies "]}"
#define ALLOW(rule) "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" rule "]}"

static void
has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" not in \"%s\"", part, text);
}

static void
cycle_is_named(void **state)
{
	struct fixture f;
	struct model_error err;

	fx_init(&f);
	fx_group(&f, "{\"id\":\"" ID(01) "\",\"name\":\"one\",\"include\":[{\"group\":{\"name\":\"two\"}}]}");
	fx_group(&f, "{\"id\":\"" ID(02) "\",\"name\":\"two\",\"include\":[{\"everyone\":{}}],\"exclude\":[{\"group\":{"
	                                 "\"id\":\"" ID(03) "\"}}]}");
	fx_group(&f, "{\"id\":\"" ID(03) "\",\"name\":\"three\",\"include\":[{\"group\":{\"name\":\"two\"}}]}");
	err = fx_refused(&f);
	has(err.text, "two -> three -> two");
	has(err.pointer, "/groups/");
	fx_free(&f);
}

static void
self_cycle(void **state)
{
	struct fixture f;

	fx_init(&f);
	fx_group(&f, "{\"name\":\"one\",\"include\":[{\"group\":{\"name\":\"one\"}}]}");
	has(fx_refused(&f).text, "one -> one");
	fx_free(&f);
}

static void
unknown_group_names_the_nearest(void **state)
{
	struct fixture f;
	struct model_error err;

	fx_init(&f);
	fx_group(&f, "{\"id\":\"" ID(01) "\",\"name\":\"staff\",\"include\":[{\"everyone\":{}}]}");
	fx_app(&f, APP(ALLOW("{\"everyone\":{}},{\"group\":{\"name\":\"staf\"}}")));
	err = fx_refused(&f);
	assert_string_equal(err.pointer, "/apps/0/policies/0/include/1/group");
	has(err.text, "did you mean \"staff\"");
	fx_free(&f);
}

static void
ambiguous_name(void **state)
{
	struct fixture f;

	fx_init(&f);
	fx_group(&f, "{\"id\":\"" ID(01) "\",\"name\":\"staff\",\"include\":[{\"everyone\":{}}]}");
	fx_group(&f, "{\"id\":\"" ID(02) "\",\"name\":\"staff\",\"include\":[{\"everyone\":{}}]}");
	fx_app(&f, APP(ALLOW("{\"group\":{\"name\":\"staff\"}}")));
	has(fx_refused(&f).text, "several groups");
	app_free(f.apps[--f.src.napps]);
	fx_app(&f, APP(ALLOW("{\"group\":{\"id\":\"" ID(02) "\"}}")));
	policy_set_free(fx_compile(&f));
	fx_free(&f);
}

/* The pointer names the policy where the document has it, not where precedence puts it. */
static void
pointer_follows_the_document(void **state)
{
	struct fixture f;

	fx_init(&f);
	fx_app(&f, APP("{\"name\":\"late\",\"precedence\":9,\"decision\":\"allow\",\"include\":[{\"group\":{\"name\":"
	               "\"x\"}}]},"
	               "{\"name\":\"early\",\"precedence\":1,\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]}"));
	assert_string_equal(f.apps[0]->policies[0]->name, "early");
	assert_string_equal(fx_refused(&f).pointer, "/apps/0/policies/0/include/0/group");
	fx_free(&f);
}

static void
identity_rules_need_a_sign_in(void **state)
{
	struct fixture f;

	fx_init(&f);
	fx_group(
	    &f,
	    "{\"name\":\"who\",\"include\":[{\"everyone\":{}}],\"require\":[{\"email\":{\"email\":\"a@b.test\"}}]}");
	fx_app(&f, APP("{\"name\":\"p\",\"decision\":\"bypass\",\"include\":[{\"everyone\":{}}],\"exclude\":[{"
	               "\"group\":{\"name\":\"who\"}}]}"));
	has(fx_refused(&f).text, "before anybody signs in");
	app_free(f.apps[--f.src.napps]);
	fx_app(&f, APP("{\"name\":\"p\",\"decision\":\"non_identity\",\"include\":[{\"email_domain\":{\"domain\":\"b."
	               "test\"}}]}"));
	assert_string_equal(fx_refused(&f).pointer, "/apps/0/policies/0/include/0");
	fx_free(&f);
}

static void
lists_and_tokens_are_resolved(void **state)
{
	static const struct policy_ref tokens[] = {{ID(21), "ci"}, {ID(22), "backup"}, {ID(23), "backup"}};
	static const struct {
		const char *rule, *text;
	} bad[] = {
	    {"{\"email_list\":{\"name\":\"guest\"}}", "there is no list \"guest\"; did you mean \"guests\""},
	    {"{\"ip_list\":{\"name\":\"guests\"}}", "has type EMAIL, expected IP"},
	    {"{\"email_list\":{\"id\":\"" ID(42) "\"}}", "has type IP, expected EMAIL"},
	    {"{\"email_list\":{}}", "needs either id or name"},
	    {"{\"service_token\":{\"name\":\"c1\"}}", "did you mean \"ci\""},
	    {"{\"service_token\":{\"name\":\"backup\"}}", "several service tokens named"},
	    {"{\"service_token\":{}}", "needs either token_id or name"},
	    {"{\"linked_app_token\":{\"app_uid\":\"" ID(99) "\"}}", "there is no application"},
	    {"{\"external_evaluation\":{\"evaluate_url\":\"http://e.test\",\"keys_url\":\"https://e.test\"}}",
	     "expected a URL such as https://"},
	};
	struct policy_input in = {.service_token = ID(21)};
	struct policy_verdict v;
	struct policy_set *set;
	struct fixture f;

	fx_init(&f);
	f.src.service_tokens = tokens;
	f.src.nservice_tokens = 3;
	fx_list(&f, "{\"name\":\"guests\",\"type\":\"EMAIL\",\"items\":[]}");
	fx_list(&f, "{\"id\":\"" ID(42) "\",\"name\":\"nets\",\"type\":\"IP\"}");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[600];
		snprintf(text, sizeof text, APP(ALLOW("%s")), bad[i].rule);
		fx_app(&f, text);
		has(fx_refused(&f).text, bad[i].text);
		app_free(f.apps[--f.src.napps]);
	}
	fx_app(&f, APP("{\"name\":\"p\",\"decision\":\"non_identity\",\"include\":[{\"service_token\":{\"name\":"
	               "\"ci\"}}]}"));
	set = fx_compile(&f);
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_SERVICE);
	in.service_token = "ci"; /* a name is not an id */
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_DENIED);
	policy_set_free(set);
	fx_free(&f);
}

/* Against a walk over all nets, with addresses in, beside and far from them. */
static void
ip_lists_find_what_a_walk_finds(void **state)
{
	static const char *const tails[] = {"32", "31", "28", "24", "16", "9", "0"};
	struct access_list l = {.type = ACCESS_LIST_IP, .nitems = 300};
	struct access_list_item items[300];
	char texts[300][48], ask[48];
	struct members m = {0};
	struct arena mem;
	uint32_t seed = 7;
	size_t hits = 0;

	l.items = items;
	for (size_t i = 0; i < 300; i++) {
		unsigned bits = (unsigned)strtoul(tails[i % 6], NULL, 10);
		seed = seed * 1664525 + 1013904223;
		uint32_t a = bits ? seed & (UINT32_MAX << (32 - bits)) : 0;
		if (i % 10 == 0)
			snprintf(texts[i], sizeof *texts, "2001:db8:%x::/48", seed >> 16);
		else
			snprintf(texts[i], sizeof *texts, "%u.%u.%u.%u/%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
			         a & 255, bits);
		items[i] = (struct access_list_item){.value = texts[i]};
	}
	arena_init(&mem, 1 << 20);
	assert_int_equal(members_init(&m, &l, &mem), 0);
	for (size_t k = 0; k < 4000; k++) {
		uint8_t addr[16], net[16];
		unsigned bits;
		bool want = false;

		seed = seed * 1664525 + 1013904223;
		if (k % 7 == 0)
			snprintf(ask, sizeof ask, "2001:db8:%x::%x", k % 2 ? seed >> 16 : seed >> 24, seed & 255);
		else
			snprintf(ask, sizeof ask, "%u.%u.%u.%u", seed >> 24, seed >> 16 & 255, seed >> 8 & 255,
			         seed & 255);
		if (k < 300) { /* the net's own first address */
			str_copy(ask, sizeof ask, texts[k]);
			*strchr(ask, '/') = 0;
		}
		assert_int_equal(model_addr(ask, addr), 0);
		for (size_t i = 0; i < 300; i++)
			want |= model_cidr(texts[i], net, &bits) == 0 && model_cidr_has(net, bits, addr);
		if (members_have_ip(&m, addr) != want)
			fail_msg("%s: expected %d", ask, want);
		hits += want;
	}
	assert_true(hits >= 300 && hits < 3900);
	members_release(&m);
	arena_release(&mem);
}

static void
nesting_is_bounded(void **state)
{
	struct fixture f;
	char text[256];

	fx_init(&f);
	fx_group(&f, "{\"name\":\"g0\",\"include\":[{\"everyone\":{}}]}");
	for (int i = 1; i < POLICY_GROUP_DEPTH_MAX; i++) {
		snprintf(text, sizeof text, "{\"name\":\"g%d\",\"include\":[{\"group\":{\"name\":\"g%d\"}}]}", i,
		         i - 1);
		fx_group(&f, text);
	}
	policy_set_free(fx_compile(&f));
	snprintf(text, sizeof text, "{\"name\":\"last\",\"include\":[{\"group\":{\"name\":\"g%d\"}}]}",
	         POLICY_GROUP_DEPTH_MAX - 1);
	fx_group(&f, text);
	has(fx_refused(&f).text, "nested more than");
	/* and when the walk begins at the top */
	struct group *top = f.groups[f.src.ngroups - 1];
	memmove(f.groups + 1, f.groups, (f.src.ngroups - 1) * sizeof *f.groups);
	f.groups[0] = top;
	has(fx_refused(&f).text, "nested more than");
	fx_free(&f);
}

/* Groups of ten groups of ten ...: few records, 10^8 rules. */
static void
steps_are_bounded(void **state)
{
	struct fixture f;
	char text[1024];

	fx_init(&f);
	fx_group(&f, "{\"name\":\"g0\",\"include\":[{\"everyone\":{}}]}");
	for (int i = 1; i <= 8; i++) {
		size_t w = (size_t)snprintf(text, sizeof text, "{\"name\":\"g%d\",\"include\":[", i);
		for (int k = 0; k < 10; k++)
			w += (size_t)snprintf(text + w, sizeof text - w, "%s{\"group\":{\"name\":\"g%d\"}}",
			                      k ? "," : "", i - 1);
		snprintf(text + w, sizeof text - w, "]}");
		fx_group(&f, text);
	}
	has(fx_refused(&f).text, "more than 100000 rules");
	fx_free(&f);
}

/* Each policy is small enough, all of them together are not. */
static void
steps_of_all_policies_count(void **state)
{
	static const char *const one =
	    "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"group\":{\"name\":\"g4\"}}]}";
	struct fixture f;
	char text[4096];

	fx_init(&f);
	fx_group(&f, "{\"name\":\"g0\",\"include\":[{\"everyone\":{}}]}");
	for (int i = 1; i <= 4; i++) {
		size_t w = (size_t)snprintf(text, sizeof text, "{\"name\":\"g%d\",\"include\":[", i);
		for (int k = 0; k < 10; k++)
			w += (size_t)snprintf(text + w, sizeof text - w, "%s{\"group\":{\"name\":\"g%d\"}}",
			                      k ? "," : "", i - 1);
		snprintf(text + w, sizeof text - w, "]}");
		fx_group(&f, text);
	}
	size_t w = (size_t)snprintf(text, sizeof text, "{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[");
	for (int k = 0; k < 10; k++)
		w += (size_t)snprintf(text + w, sizeof text - w, "%s%s", k ? "," : "", one);
	snprintf(text + w, sizeof text - w, "]}");
	fx_app(&f, text);
	has(fx_refused(&f).text, "more than 100000 rules");
	fx_free(&f);
}

static void
rules_of_a_list_are_bounded(void **state)
{
	struct group *g = calloc(1, sizeof *g);
	struct fixture f;

	fx_init(&f);
	g->name = str_dup("long");
	g->include = json_array();
	for (int i = 0; i < POLICY_RULES_MAX; i++)
		json_array_append_new(g->include, fx_json("{\"everyone\":{}}"));
	f.groups[f.src.ngroups++] = g;
	policy_set_free(fx_compile(&f));
	json_array_append_new(g->include, fx_json("{\"everyone\":{}}"));
	has(fx_refused(&f).text, "expected at most 1000");
	fx_free(&f);
}

static void
broken_application_denies(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "a@b.test"};
	const struct policy_app *a;
	struct policy_verdict v;
	struct policy_set *set;
	struct fixture f;
	struct reason why;

	fx_init(&f);
	fx_group(&f, "{\"name\":\"loop\",\"include\":[{\"group\":{\"name\":\"loop\"}}]}");
	fx_group(&f, "{\"name\":\"outer\",\"include\":[{\"everyone\":{}},{\"group\":{\"name\":\"loop\"}}]}");
	fx_app(&f, APP(ALLOW("{\"group\":{\"name\":\"outer\"}}")));
	fx_app(&f, "{\"name\":\"b\",\"domain\":\"b.test\",\"policies\":[" ALLOW("{\"everyone\":{}}") "]}");
	f.src.keep_broken = true;
	set = fx_compile(&f);
	a = policy_set_by_host(set, "a.test");
	assert_non_null(policy_app_broken(a));
	policy_eval(set, a, &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_DENIED);
	policy_verdict_reason(a, &v, &why);
	has(why.text, "cannot be evaluated");
	a = policy_set_by_host(set, "b.test");
	assert_null(policy_app_broken(a));
	policy_eval(set, a, &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	policy_set_free(set);
	fx_free(&f);
}

static const char *
host_of(const struct policy_set *set, const char *host)
{
	const struct policy_app *a = policy_set_by_host(set, host);

	return a ? policy_app_name(a) : "-";
}

/* One record, its own place and duration in each application that names it. */
static void
reusable_policies(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "a@b.test", .ip = "10.1.1.1"};
	struct policy_verdict v;
	struct policy_set *set;
	struct fixture f;

	fx_init(&f);
	fx_policy(&f,
	          "{\"id\":\"" ID(81) "\",\"name\":\"staff\",\"decision\":\"allow\",\"include\":[{\"email_domain\":{"
	                              "\"domain\":\"b.test\"}}]}");
	fx_policy(&f, "{\"id\":\"" ID(82) "\",\"name\":\"office\",\"decision\":\"bypass\",\"session_duration\":\"1h\","
	                                  "\"include\":[{\"ip\":{\"ip\":\"10.0.0.0/8\"}}]}");
	fx_app(&f, APP("\"staff\""));
	fx_app(&f, "{\"name\":\"b\",\"domain\":\"b.test\",\"session_duration\":\"2h\",\"policies\":[{\"id\":\"" ID(
	               81) "\"},{\"name\":\"office\"}]}");
	set = fx_compile(&f);
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	assert_string_equal(v.policy_id, ID(81));
	assert_int_equal(v.policy, 0);
	policy_eval(set, policy_set_at(set, 1), &in, &v, NULL); /* bypass is looked at first wherever it stands */
	assert_int_equal(v.outcome, POLICY_BYPASSED);
	assert_int_equal(v.policy, 1);
	assert_int_equal(v.session_ms, 3600000);
	in.ip = "192.0.2.1";
	policy_eval(set, policy_set_at(set, 1), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	assert_int_equal(v.session_ms, 2 * 3600000);
	policy_set_free(set);
	fx_app(&f, "{\"name\":\"c\",\"domain\":\"c.test\",\"policies\":[\"stuff\"]}");
	has(fx_refused(&f).text, "no reusable policy \"stuff\"; did you mean \"staff\"?");
	assert_string_equal(fx_refused(&f).pointer, "/apps/2/policies/0");
	app_free(f.apps[--f.src.napps]);
	fx_policy(&f, "{\"id\":\"" ID(83) "\",\"name\":\"broken\",\"decision\":\"bypass\",\"include\":[{\"email\":{"
	                                  "\"email\":\"a@b.test\"}}]}");
	assert_string_equal(fx_refused(&f).pointer, "/policies/2/include/0");
	fx_app(&f, "{\"name\":\"c\",\"domain\":\"c.test\",\"policies\":[\"broken\"]}");
	f.src.keep_broken = true;
	set = fx_compile(&f);
	policy_eval(set, policy_set_at(set, 2), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_DENIED);
	has(policy_app_broken(policy_set_at(set, 2)), "cannot be used");
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	policy_set_free(set);
	fx_free(&f);
}

static const char *
site_of(const struct policy_set *set, const char *host, const char *path)
{
	const struct policy_app *a = NULL;
	int e = policy_set_find(set, host, path, &a);

	return e == E_OK ? policy_app_name(a) : e == E_NOENT ? "-" : "?";
}

/* Host first, then path; once a closer application exists nothing is taken from the wider one, and where it does not
   reach the wider one holds. */
static void
most_specific_site_wins(void **state)
{
	struct policy_set *set;
	struct fixture f;

	fx_init(&f);
	fx_app(&f, "{\"name\":\"any\",\"domain\":\"*.w.test\"}");
	fx_app(&f, "{\"name\":\"admin\",\"domain\":\"a.w.test/admin\",\"self_hosted_domains\":[\"b.w.test\"]}");
	fx_app(&f, "{\"name\":\"deep\",\"domain\":\"a.w.test/admin/*\",\"id\":\"" ID(61) "\"}");
	fx_app(&f, "{\"name\":\"star\",\"domain\":\"*.w.test/admin/x\"}");
	fx_app(&f, "{\"name\":\"mid\",\"domain\":\"m.*.w.test/p*q\"}");
	set = fx_compile(&f);
	assert_string_equal(site_of(set, "a.w.test", "/admin"), "admin");
	assert_string_equal(site_of(set, "a.w.test", "/admin/x"), "deep"); /* the exact host is closer than the star */
	assert_string_equal(site_of(set, "a.w.test", "/administrator"), "any");
	assert_string_equal(site_of(set, "a.w.test", "/"), "any");
	assert_string_equal(site_of(set, "b.w.test", "/admin/x"), "admin");
	assert_string_equal(site_of(set, "c.w.test", "/admin/x/y"), "star");
	assert_string_equal(site_of(set, "c.w.test", "/admin"), "any");
	assert_string_equal(site_of(set, "m.n.w.test", "/p/1/q/2"), "mid");
	assert_string_equal(site_of(set, "m.n.w.test", "/q"), "-");
	assert_string_equal(site_of(set, "w.test", "/"), "-");
	/* around a rule by another spelling */
	assert_string_equal(site_of(set, "a.w.test", "/x/../admin"), "?");
	assert_string_equal(site_of(set, "a.w.test", "/admin%2fx"), "?");
	assert_string_equal(site_of(set, "a.w.test", "/%61dmin"), "?");
	assert_string_equal(site_of(set, "a.w.test", "//admin"), "?");
	assert_string_equal(site_of(set, "a.w.test", "/admin;v=1"), "?");
	assert_string_equal(site_of(set, "unknown.test", "/x/../y"), "-");
	assert_string_equal(policy_app_name(policy_set_any_by_host(set, "m.n.w.test")), "mid");
	assert_string_equal(policy_app_name(policy_set_any_by_host(set, "a.w.test")), "any");
	assert_null(policy_set_any_by_host(set, "w.test"));
	assert_true(policy_app_has_host(policy_set_by_name(set, "admin"), "b.w.test"));
	assert_false(policy_app_has_host(policy_set_by_name(set, "admin"), "c.w.test"));
	assert_int_equal(policy_app_index(policy_set_by_id(set, ID(61))), 2);
	policy_set_free(set);
	fx_app(&f, "{\"name\":\"twin\",\"domain\":\"t.test\",\"self_hosted_domains\":[\"A.w.test/admin/\"]}");
	assert_string_equal(fx_refused(&f).pointer, "/apps/5/self_hosted_domains");
	has(fx_refused(&f).text, "\"a.w.test/admin\": \"admin\" and \"twin\"");
	f.src.keep_broken = true; /* the first of them keeps it, the other is closed as a whole */
	set = fx_compile(&f);
	assert_string_equal(site_of(set, "a.w.test", "/admin"), "admin");
	assert_null(policy_app_broken(policy_set_by_name(set, "admin")));
	assert_non_null(policy_app_broken(policy_set_by_name(set, "twin")));
	policy_set_free(set);
	fx_free(&f);
}

/* A host without applications by path takes any path: web applications write slashes as they like. */
static void
whole_hosts_take_any_path(void **state)
{
	struct policy_set *set;
	struct fixture f;

	fx_init(&f);
	fx_app(&f, "{\"name\":\"whole\",\"domain\":\"a.test\"}");
	fx_app(&f, "{\"name\":\"other\",\"domain\":\"b.test/x\"}");
	set = fx_compile(&f);
	assert_string_equal(site_of(set, "a.test", "/group%2Fproject/../x//y"), "whole");
	assert_string_equal(site_of(set, "b.test", "/group%2Fproject"), "?");
	policy_set_free(set);
	fx_free(&f);
}

static void
most_specific_host_wins(void **state)
{
	struct policy_set *set;
	struct fixture f;

	fx_init(&f);
	fx_app(&f, "{\"name\":\"any\",\"domain\":\"*.example.test\"}");
	fx_app(&f, "{\"name\":\"one\",\"domain\":\"one.example.test\",\"id\":\"" ID(51) "\"}");
	fx_app(&f, "{\"name\":\"part\",\"domain\":\"*dev.example.test\"}");
	fx_app(&f, "{\"name\":\"deep\",\"domain\":\"*.x.example.test\"}");
	set = fx_compile(&f);
	assert_string_equal(host_of(set, "one.example.test"), "one");
	assert_string_equal(host_of(set, "two.example.test"), "any");
	assert_string_equal(host_of(set, "dev.example.test"), "part");
	assert_string_equal(host_of(set, "mydev.example.test"), "part");
	assert_string_equal(host_of(set, "a.x.example.test"), "deep");
	assert_string_equal(host_of(set, "x.example.test"), "any");
	assert_string_equal(host_of(set, "a.b.example.test"), "-"); /* one label, no more */
	assert_string_equal(host_of(set, "example.test"), "-");
	assert_string_equal(host_of(set, "*.example.test"), "-");
	assert_string_equal(host_of(set, ""), "-");
	assert_string_equal(policy_app_name(policy_set_by_id(set, ID(51))), "one");
	assert_string_equal(policy_app_domain(policy_set_by_name(set, "deep")), "*.x.example.test");
	assert_null(policy_set_by_aud(set, ""));
	policy_set_free(set);
	fx_app(&f, "{\"name\":\"twin\",\"domain\":\"ONE.example.test\"}");
	assert_string_equal(fx_refused(&f).pointer, "/apps/4/domain");
	fx_free(&f);
}

static void
explain_json(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "a@b.test"};
	struct policy_trace *t = policy_trace_new();
	struct policy_verdict v;
	struct policy_set *set;
	struct fixture f;
	json_t *j;

	fx_init(&f);
	fx_group(&f, "{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"b.test\"}}]}");
	fx_app(&f, APP("{\"id\":\"" ID(
	               61) "\",\"name\":\"p\",\"decision\":\"deny\",\"include\":[{\"group\":{\"name\":\"staff\"}}]}"));
	set = fx_compile(&f);
	policy_eval(set, policy_set_at(set, 0), &in, &v, t);
	j = policy_explain_json(policy_set_at(set, 0), &v, t);
	assert_non_null(j);
	assert_string_equal(json_str_or(j, "decision", ""), "deny");
	assert_string_equal(json_str_or(j, "code", ""), "SP-1203");
	assert_string_equal(json_str_or(json_object_get(j, "policy"), "id", ""), ID(61));
	assert_int_equal(json_array_size(json_object_get(j, "trace")), 3);
	assert_string_equal(json_str_or(json_array_get(json_object_get(j, "trace"), 2), "why", ""),
	                    "e-mail is a@b.test");
	json_decref(j);
	policy_trace_free(t);
	policy_set_free(set);
	fx_free(&f);
}

static void
refused(const char *text, const char *pointer, const char *part)
{
	struct model_error err = {{0}};
	struct arena mem;
	struct rule r;
	json_t *j = fx_json(text);

	arena_init(&mem, 1 << 20);
	assert_int_equal(rule_parse(j, &mem, &r, &err), E_FORMAT);
	assert_string_equal(err.pointer, pointer);
	has(err.text, part);
	arena_release(&mem);
	json_decref(j);
}

static void
rules_that_are_refused(void **state)
{
	refused("{}", "", "one rule");
	refused("[]", "", "one rule");
	refused("{\"email\":{\"email\":\"a@b\"},\"everyone\":{}}", "", "one rule");
	refused("{\"emaul\":{\"email\":\"a@b.test\"}}", "", "did you mean email");
	refused("{\"email\":\"a@b.test\"}", "/email", "expected a map");
	refused("{\"email\":{\"mail\":\"a@b.test\"}}", "/email", "expected email");
	refused("{\"email\":{\"email\":\"a b\"}}", "/email/email", "e-mail address");
	refused("{\"email\":{}}", "/email", "lacks");
	refused("{\"email_domain\":{\"domain\":\"@b.test\"}}", "/email_domain/domain", "without @");
	refused("{\"ip\":{\"ip\":\"10.0.0.1/8\"}}", "/ip/ip", "no bits set");
	refused("{\"ip\":{\"ip\":\"10.0.0.0/33\"}}", "/ip/ip", "network");
	refused("{\"geo\":{\"country_code\":\"PRT\"}}", "/geo/country_code", "two letters");
	refused("{\"group\":{\"id\":\"a\",\"name\":\"b\"}}", "/group", "either");
	refused("{\"group\":{}}", "/group", "either");
	refused("{\"everyone\":{\"x\":1}}", "/everyone", "unknown field");
	refused("{\"oidc\":{\"claim_name\":\"a\"}}", "/oidc", "claim_value");
	refused("{\"okta\":{\"name\":7}}", "/okta/name", "expected a text");
	refused("{\"okta\":{\"name\":\"a\\nb\"}}", "/okta/name", "on one line");
	refused("{\"okta\":{\"name\":\"a\\u007f\"}}", "/okta/name", "on one line");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cycle_is_named),
	    cmocka_unit_test(self_cycle),
	    cmocka_unit_test(unknown_group_names_the_nearest),
	    cmocka_unit_test(ambiguous_name),
	    cmocka_unit_test(pointer_follows_the_document),
	    cmocka_unit_test(identity_rules_need_a_sign_in),
	    cmocka_unit_test(lists_and_tokens_are_resolved),
	    cmocka_unit_test(ip_lists_find_what_a_walk_finds),
	    cmocka_unit_test(nesting_is_bounded),
	    cmocka_unit_test(steps_are_bounded),
	    cmocka_unit_test(steps_of_all_policies_count),
	    cmocka_unit_test(rules_of_a_list_are_bounded),
	    cmocka_unit_test(broken_application_denies),
	    cmocka_unit_test(reusable_policies),
	    cmocka_unit_test(most_specific_site_wins),
	    cmocka_unit_test(whole_hosts_take_any_path),
	    cmocka_unit_test(most_specific_host_wins),
	    cmocka_unit_test(explain_json),
	    cmocka_unit_test(rules_that_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
