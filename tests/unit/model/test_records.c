/* Records: what is read, what is written, what is refused and how it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "model/access_list.h"
#include "model/app.h"
#include "model/event.h"
#include "model/group.h"
#include "core/str.h"
#include "model/idp.h"
#include "model/person.h"
#include "model/route.h"
#include "model/session.h"
#include "model/tunnel.h"

#define UUID "0f4e1c1a-1111-4222-8333-444455556666"

static json_t *
parse(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (!j)
		fail_msg("%s in %s", e.text, text);
	return j;
}

static struct app *
app_of(const char *text, bool text_scalars)
{
	struct model_error err = {{0}};
	struct app *a = NULL;
	json_t *j = parse(text);

	if (app_from_json(j, text_scalars, &a, &err) != 0)
		fail_msg("%s: %s", err.pointer, err.text);
	json_decref(j);
	return a;
}

static void
app_refused(const char *text, bool text_scalars, const char *pointer, const char *part)
{
	struct model_error err = {{0}};
	struct app *a = NULL;
	json_t *j = parse(text);

	assert_int_equal(app_from_json(j, text_scalars, &a, &err), E_FORMAT);
	assert_null(a);
	assert_string_equal(err.pointer, pointer);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" not in \"%s\"", part, err.text);
	json_decref(j);
}

static void
apply_file_application(void **state)
{
	struct app *a = app_of(
	    "{\"name\":\"ssh\",\"domain\":\"SSH.localhost\",\"type\":\"ssh\",\"session_duration\":\"8h\","
	    "\"tunnel\":\"ssh-pool\",\"service\":\"ssh://localhost:22\",\"auto_redirect_to_identity\":\"off\","
	    "\"destinations\":[\"10.0.0.0/8:22\"],\"ssh\":{\"certificate_ttl\":\"3m\",\"source_address\":\"off\","
	    "\"extensions\":[\"permit-pty\"],\"usernames\":[\"{email_prefix}\"],\"host_keys\":\"first-seen\","
	    "\"audit\":\"off\"},\"policies\":[{\"name\":\"staff\",\"decision\":\"allow\",\"precedence\":\"1\","
	    "\"include\":[{\"group\":{\"name\":\"staff\"}}]}]}",
	    true);

	assert_string_equal(a->domain, "ssh.localhost");
	assert_int_equal(a->type, APP_SSH);
	assert_int_equal(a->session_duration_ms, 8 * 3600 * 1000);
	assert_string_equal(a->tunnel, "ssh-pool");
	assert_int_equal(a->ssh.extensions.n, 1);
	assert_int_equal(a->npolicies, 1);
	assert_int_equal(a->policies[0]->decision, DECISION_ALLOW);
	assert_int_equal(a->policies[0]->session_duration_ms, -1);
	app_free(a);
}

static void
defaults(void **state)
{
	struct app *a = app_of("{\"name\":\"a\",\"domain\":\"a.test\"}", false);

	assert_int_equal(a->type, APP_SELF_HOSTED);
	assert_int_equal(a->session_duration_ms, APP_SESSION_DEFAULT_MS);
	assert_int_equal(a->ssh.certificate_ttl_ms, 3 * 60 * 1000);
	assert_int_equal(a->ssh.extensions.n, 3);
	assert_string_equal(a->ssh.extensions.v[1], "permit-port-forwarding");
	assert_string_equal(a->ssh.usernames.v[0], "{email_prefix}");
	assert_int_equal(a->ssh.source_mode, SOURCE_OFF);
	assert_int_equal(a->ssh.host_keys_mode, HOST_KEYS_FIRST_SEEN);
	assert_true(a->app_launcher_visible);
	app_free(a);
}

static void
round_trip(void **state)
{
	struct app
	    *a = app_of(
	        "{\"id\":\"" UUID "\",\"aud\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","
	        "\"name\":\"a\",\"domain\":\"*.a.test\",\"type\":\"ssh\",\"session_duration\":\"0s\","
	        "\"default_destination\":\"localhost:22\",\"allowed_idps\":[\"people\"],\"auto_redirect_to_identity\":"
	        "true,"
	        "\"ssh\":{\"source_address\":[\"10.0.0.0/8\"],\"host_keys\":[\"ssh-ed25519 AAAA\"],\"extensions\":[]},"
	        "\"custom_deny_message\":\"no\\nway\",\"custom_deny_url\":\"https://a.test/no\","
	        "\"created_at\":\"2026-11-22T10:00:00Z\",\"policies\":[{\"id\":\"" UUID "\",\"name\":\"p\","
	        "\"decision\":\"block\",\"session_duration\":\"15m\",\"include\":[{\"everyone\":{}}],"
	        "\"exclude\":[{\"email\":{\"email\":\"a@b.test\"}}]}]}",
	        false),
	    *b;
	json_t *one = app_to_json(a, MODEL_STORE), *two;

	assert_int_equal(a->ssh.extensions.n, 0);
	assert_int_equal(a->policies[0]->decision, DECISION_DENY);
	assert_int_equal(app_from_json(one, false, &b, NULL), 0);
	two = app_to_json(b, MODEL_STORE);
	assert_true(json_equal(one, two));
	json_decref(two);
	two = app_to_json(b, MODEL_API);
	assert_string_equal(json_str_or(two, "uid", ""), UUID);
	json_decref(one);
	json_decref(two);
	app_free(a);
	app_free(b);
}

/* Members that bear on browsers and domains: read from the apply file's texts too, written, read back equal. */
static void
web_members(void **state)
{
	static const char text[] =
	    "{\"name\":\"w\",\"domain\":\"w.test\",\"self_hosted_domains\":[\"v.test\"],"
	    "\"destinations\":[\"10.0.0.0/8:22\",{\"type\":\"public\",\"uri\":\"u.test/x\"}],"
	    "\"custom_non_identity_deny_url\":\"https://a.test/no\",\"enable_binding_cookie\":\"yes\","
	    "\"http_only_cookie_attribute\":\"off\",\"path_cookie_attribute\":\"true\","
	    "\"same_site_cookie_attribute\":\"lax\",\"service_auth_401_redirect\":\"true\","
	    "\"read_service_tokens_from_header\":\"Authorization\",\"skip_interstitial\":\"true\","
	    "\"cors_headers\":{\"allowed_methods\":[\"GET\"],\"allowed_origins\":[\"https://o.test:8443\"],"
	    "\"allowed_headers\":[\"X-A\"],\"allow_credentials\":\"true\",\"max_age\":\"-1\"},"
	    "\"logo_url\":\"https://a.test/l.png\",\"tags\":[\"eng\"],\"custom_pages\":[\"" UUID "\"],"
	    "\"allow_iframe\":\"false\"}";
	struct app *a = app_of(text, true), *b = NULL, *none = app_of("{\"name\":\"n\",\"domain\":\"n.test\"}", false);
	json_t *one = app_to_json(a, MODEL_STORE), *two;

	assert_string_equal(a->destinations.v[0], "10.0.0.0/8:22");
	assert_int_equal(a->destinations.n, 1);
	assert_string_equal(a->public_domains.v[0], "u.test/x");
	assert_string_equal(a->self_hosted_domains.v[0], "v.test");
	assert_true(a->enable_binding_cookie && a->path_cookie_attribute && a->service_auth_401_redirect);
	assert_true(a->skip_interstitial && !a->http_only_cookie_attribute && !a->options_preflight_bypass);
	assert_int_equal(a->same_site_cookie_attribute, SAME_SITE_LAX);
	assert_string_equal(same_site_str(a->same_site_cookie_attribute), "Lax");
	assert_true(a->cors.set && a->cors.allow_credentials && !a->cors.allow_all_origins);
	assert_int_equal(a->cors.max_age, -1);
	assert_int_equal(app_from_json(one, false, &b, NULL), 0);
	two = app_to_json(b, MODEL_STORE);
	assert_true(json_equal(one, two));
	assert_true(none->http_only_cookie_attribute && !none->cors.set);
	assert_int_equal(none->same_site_cookie_attribute, SAME_SITE_NONE);
	json_decref(one);
	json_decref(two);
	app_free(a);
	app_free(b);
	app_free(none);
}

#define WEB(members) "{\"name\":\"a\",\"domain\":\"a.test\"," members "}"
static void
web_members_that_are_refused(void **state)
{
	app_refused(WEB("\"custom_deny_url\":\"javascript:alert(1)\""), false, "/custom_deny_url", "a URL such as");
	app_refused(WEB("\"custom_non_identity_deny_url\":\"/x\""), false, "/custom_non_identity_deny_url", "a URL");
	app_refused(WEB("\"logo_url\":\"http://a.test/l.png\""), false, "/logo_url", "https://");
	app_refused(WEB("\"same_site_cookie_attribute\":\"strickt\""), false, "/same_site_cookie_attribute",
	            "did you mean strict");
	app_refused(WEB("\"read_service_tokens_from_header\":\"Cookie\""), false, "/read_service_tokens_from_header",
	            "meaning of its own");
	app_refused(WEB("\"read_service_tokens_from_header\":\"a b\""), false, "/read_service_tokens_from_header",
	            "header's name");
	app_refused(WEB("\"allow_iframe\":true"), false, "/allow_iframe", "not offered");
	app_refused(WEB("\"custom_pages\":[\"x\"]"), false, "/custom_pages/0", "UUID");
	app_refused(WEB("\"destinations\":[\"a:22\",{\"type\":\"public\"}]"), false, "/destinations/1", "\"uri\"");
	app_refused(WEB("\"destinations\":[{\"type\":\"private\",\"cidr\":\"10.0.0.0/8\"}]"), false,
	            "/destinations/0/type", "not offered");
	app_refused(WEB("\"destinations\":[{\"typ\":\"public\",\"uri\":\"a\"}]"), false, "/destinations/0/typ",
	            "did you mean type");
	app_refused(WEB("\"destinations\":[\"a\\nb\"]"), false, "/destinations/0", "one line");
	app_refused(WEB("\"cors_headers\":{\"allow_all_origins\":true,\"allow_credentials\":true}"), false,
	            "/cors_headers/allow_credentials", "any web site");
	app_refused(WEB("\"cors_headers\":{\"allowed_origins\":[\"https://a.test/x\"]}"), false,
	            "/cors_headers/allowed_origins/0", "an origin");
	app_refused(WEB("\"cors_headers\":{\"allowed_headers\":[\"X: y\"]}"), false, "/cors_headers/allowed_headers/0",
	            "such as");
	app_refused(WEB("\"cors_headers\":{\"max_age\":-2}"), false, "/cors_headers/max_age", "from -1 to");
	app_refused(WEB("\"cors_headers\":{\"max_age\":5},\"options_preflight_bypass\":true"), false,
	            "/options_preflight_bypass", "either");
}

static struct access_list *
list_of(const char *text, const char *pointer, const char *part)
{
	struct model_error err = {{0}};
	struct access_list *l = NULL;
	json_t *j = parse(text);
	int e = access_list_from_json(j, true, &l, &err);

	json_decref(j);
	if (!part) {
		if (e != 0)
			fail_msg("%s: %s", err.pointer, err.text);
		return l;
	}
	assert_int_equal(e, E_FORMAT);
	assert_string_equal(err.pointer, pointer);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" not in \"%s\"", part, err.text);
	return NULL;
}

#define LIST(type, items) "{\"name\":\"l\",\"type\":\"" type "\",\"items\":[" items "]}"
static void
lists(void **state)
{
	struct access_list *l = list_of("{\"items\":[\"A@B.test\",{\"value\":\"c@d.test\",\"description\":\"x\"}],"
	                                "\"type\":\"email\",\"name\":\"l\"}",
	                                NULL, NULL),
	                   *again = NULL;
	json_t *one = access_list_to_json(l, MODEL_STORE), *two;

	assert_string_equal(l->items[0].value, "a@b.test");
	assert_string_equal(l->items[1].description, "x");
	assert_int_equal(access_list_from_json(one, false, &again, NULL), 0);
	two = access_list_to_json(again, MODEL_STORE);
	assert_true(json_equal(one, two));
	json_decref(two);
	two = access_list_to_json(l, MODEL_API);
	assert_int_equal(json_integer_value(json_object_get(two, "count")), 2);
	json_decref(one);
	json_decref(two);
	access_list_free(l);
	access_list_free(again);
	access_list_free(list_of(LIST("IP", "\"10.0.0.0/8\",\"2001:db8::1\""), NULL, NULL));
	list_of("{\"name\":\"l\"}", "", "lacks the field \"type\"");
	list_of(LIST("URL", ""), "/type", "expected EMAIL or IP");
	list_of(LIST("IP", "\"10.0.0.0/33\""), "/items/0", "expected a network");
	list_of(LIST("IP", "\"10.0.0.0/8\",\"10.0.0.1/8\""), "/items/1", "no bits set below");
	list_of(LIST("IP", "\"a@b.test\""), "/items/0", "expected a network");
	list_of(LIST("EMAIL", "\"b\""), "/items/0", "an e-mail address");
	list_of(LIST("EMAIL", "\"\u0430@b.test\""), "/items/0", "an e-mail address"); /* looks like an a */
	list_of(LIST("EMAIL", "\"a@b.test\",\"A@b.test\""), "/items/1", "twice");
	list_of(LIST("EMAIL", "{\"valu\":\"a@b.test\"}"), "/items/0/valu", "did you mean value");
	list_of(LIST("EMAIL", "[]"), "/items/0", "expected a map");
}

/* What a policy asks beyond its rules. */
#define POLICY(decision, members)                                                                                      \
	WEB("\"policies\":[{\"name\":\"p\",\"decision\":\"" decision "\",\"include\":[{\"everyone\":{}}]," members "}" \
	    "]")
static void
policy_members(void **state)
{
	struct app *a =
	    app_of(POLICY("allow", "\"purpose_justification_required\":\"true\","
	                           "\"purpose_justification_prompt\":\"why?\",\"approval_required\":\"true\","
	                           "\"approval_groups\":[{\"approvals_needed\":\"1\",\"email_addresses\":"
	                           "[\"Boss@A.test\"]},{\"approvals_needed\":\"2\",\"email_list_uuid\":"
	                           "\"" UUID "\"}],\"isolation_required\":\"false\","
	                           "\"connection_rules\":{\"ssh\":{\"usernames\":[\"deploy\"]}}"),
	           true);
	struct app *b = NULL;
	const struct policy *p = a->policies[0];
	json_t *one = app_to_json(a, MODEL_STORE), *two;

	assert_true(p->purpose_justification_required && p->approval_required);
	assert_string_equal(p->purpose_justification_prompt, "why?");
	assert_int_equal(p->napproval_groups, 2);
	assert_string_equal(p->approval_groups[0].email_addresses.v[0], "boss@a.test");
	assert_int_equal(p->approval_groups[1].approvals_needed, 2);
	assert_string_equal(p->approval_groups[1].email_list, UUID);
	assert_string_equal(p->usernames.v[0], "deploy");
	assert_int_equal(app_from_json(one, false, &b, NULL), 0);
	two = app_to_json(b, MODEL_STORE);
	assert_true(json_equal(one, two));
	json_decref(one);
	json_decref(two);
	app_free(a);
	app_free(b);
}

/* In an application's list: by id, by name, as the API showed it. */
static void
policy_references(void **state)
{
	struct app *a = app_of(WEB("\"policies\":[\"everywhere\",{\"id\":\"" UUID "\",\"precedence\":\"1\"},{\"name\":"
	                           "\"more\",\"precedence\":\"2\"}]"),
	                       true);
	struct app *b = app_of(WEB("\"policies\":[{\"id\":\"" UUID "\",\"name\":\"x\",\"reusable\":true,\"decision\":"
	                           "\"allow\",\"include\":[{\"everyone\":{}}],\"app_count\":3}]"),
	                       false);
	struct app *again = NULL;
	struct policy target = {.name = (char *)(uintptr_t) "x", .id = (char *)(uintptr_t)UUID, .precedence = 9};
	json_t *one = app_to_json(a, MODEL_STORE), *two;

	assert_string_equal(a->policies[0]->ref, "everywhere"); /* as listed: equal precedence */
	assert_string_equal(a->policies[1]->ref, UUID);
	assert_string_equal(a->policies[2]->ref, "more");
	assert_int_equal(app_from_json(one, false, &again, NULL), 0);
	two = app_to_json(again, MODEL_STORE);
	assert_true(json_equal(one, two));
	json_decref(one);
	json_decref(two);
	assert_string_equal(b->policies[0]->ref, UUID);
	assert_ptr_equal(policy_real(b->policies[0]), b->policies[0]);
	b->policies[0]->target = &target;
	assert_ptr_equal(policy_real(b->policies[0]), &target);
	one = policy_to_json(b->policies[0], MODEL_API);
	assert_int_equal(json_integer_value(json_object_get(one, "precedence")), 1);
	assert_string_equal(json_str_or(one, "decision", ""), "allow");
	json_decref(one);
	app_free(a);
	app_free(b);
	app_free(again);
	app_refused(WEB("\"policies\":[{\"name\":\"p\",\"includ\":[]}]"), false, "/policies/0/includ",
	            "unknown field \"includ\"");
	app_refused(WEB("\"policies\":[{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"everyone\":{}}],"
	                "\"reusable\":true}]"),
	            false, "/policies/0/reusable", "under policies:");
	app_refused(WEB("\"policies\":[\"\"]"), false, "/policies/0/id", "a name");
	app_refused(WEB("\"policies\":[{}]"), false, "/policies/0", "lacks the field");
}

static void
policy_members_that_are_refused(void **state)
{
	app_refused(POLICY("deny", "\"purpose_justification_required\":true"), false,
	            "/policies/0/purpose_justification_required", "only allow");
	app_refused(POLICY("allow", "\"approval_required\":true"), false, "/policies/0/approval_required",
	            "without purpose_justification_required");
	app_refused(POLICY("allow", "\"approval_required\":true,\"purpose_justification_required\":true"), false,
	            "/policies/0/approval_required", "nobody could approve");
	app_refused(
	    POLICY("allow", "\"approval_groups\":[{\"approvals_needed\":2,\"email_addresses\":[\"a@b.test\"]}]"), false,
	    "/policies/0/approval_groups/0/approvals_needed", "only 1 people");
	app_refused(POLICY("allow", "\"approval_groups\":[{\"approvals_needed\":0,\"email_list_uuid\":\"x\"}]"), false,
	            "/policies/0/approval_groups/0/approvals_needed", "from 1 to");
	app_refused(POLICY("allow", "\"approval_groups\":[{\"approvals_needed\":1,\"email_addresses\":[\"nobody\"]}]"),
	            false, "/policies/0/approval_groups/0/email_addresses/0", "an e-mail address");
	app_refused(POLICY("allow", "\"isolation_required\":true"), false, "/policies/0/isolation_required",
	            "not offered");
	app_refused(POLICY("bypass", "\"usernames\":[\"root\"]"), false, "/policies/0/usernames", "only allow");
	app_refused(POLICY("allow", "\"usernames\":[\"a\"],\"connection_rules\":{\"ssh\":{\"usernames\":[\"b\"]}}"),
	            false, "/policies/0/connection_rules/ssh/usernames", "two places");
	app_refused(POLICY("allow", "\"connection_rules\":{\"rdp\":{}}"), false, "/policies/0/connection_rules",
	            "such as");
}

static void
applications_that_are_refused(void **state)
{
	app_refused("[]", false, "", "expected a map");
	app_refused("{\"name\":\"a\"}", false, "", "lacks the field \"domain\"");
	app_refused("{\"nam\":\"a\"}", false, "/nam", "did you mean name");
	app_refused("{\"name\":\"a\",\"domain\":\"https://a.test\"}", false, "/domain", "without a scheme");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test:8443\"}", false, "/domain", "without a port");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test?x\"}", false, "/domain", "without a query");
	app_refused("{\"name\":\"a\",\"domain\":\"a.*\"}", false, "/domain", "in each label but the last");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"type\":\"shh\"}", false, "/type", "did you mean ssh");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"session_duration\":\"8\"}", false, "/session_duration",
	            "such as");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"session_duration\":\"800h\"}", false, "/session_duration",
	            "to 730h");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"session_duration\":8}", false, "/session_duration",
	            "the number 8");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"ssh\":{\"audit\":\"record\"}}", false, "/ssh/audit",
	            "arrives with the Audit work; use off");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"ssh\":{\"audit\":\"on\"}}", false, "/ssh/audit",
	            "expected off");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"ssh\":{\"certificate_ttl\":\"2h\"}}", false,
	            "/ssh/certificate_ttl", "to 1h");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"ssh\":{\"extensions\":[\"permit-ptty\"]}}", false,
	            "/ssh/extensions/0", "did you mean permit-pty");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"ssh\":{\"source_address\":[\"10.0.0.1/8\"]}}", false,
	            "/ssh/source_address/0", "network");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"ssh\":{\"source_address\":[7]}}", false,
	            "/ssh/source_address/0", "text");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[{\"name\":\"p\",\"decision\":\"alow\","
	            "\"include\":[]}]}",
	            false, "/policies/0/decision", "did you mean allow");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[{\"name\":\"p\",\"decision\":\"allow\","
	            "\"include\":[]}]}",
	            false, "/policies/0/include", "at least one rule");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[null]}", false, "/policies/0", "null");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"auto_redirect_to_identity\":true}", false,
	            "/auto_redirect_to_identity", "exactly one");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"auto_redirect_to_identity\":\"true\"}", false,
	            "/auto_redirect_to_identity", "true or false");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"auto_redirect_to_identity\":\"maybe\"}", true,
	            "/auto_redirect_to_identity", "true or false");
	app_refused("{\"name\":\"a\\u001b[2J\",\"domain\":\"a.test\"}", false, "/name", "?[2J");
	app_refused("{\"a/b~c\":1}", false, "/a~1b~0c", "unknown field");
	app_refused("{\"name\":\"a\",\"domain\":\"a.test\",\"id\":\"" UUID "x\"}", false, "/id", "UUID");
}

static void
policies_stand_in_order(void **state)
{
	struct app *a =
	    app_of("{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":["
	           "{\"name\":\"x\",\"precedence\":5,\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]},"
	           "{\"name\":\"y\",\"precedence\":2,\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]},"
	           "{\"name\":\"z\",\"precedence\":5,\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]}]}",
	           false);

	assert_string_equal(a->policies[0]->name, "y");
	assert_string_equal(a->policies[1]->name, "x");
	assert_string_equal(a->policies[2]->name, "z");
	assert_int_equal(a->policies[2]->precedence, 3);
	assert_int_equal(a->policies[0]->listed, 1);
	app_free(a);
}

static void
provider_secrets_stay_inside(void **state)
{
	struct idp *i = NULL;
	struct model_error err = {{0}};
	struct buf out;
	json_t *j =
	    parse("{\"id\":\"" UUID "\",\"name\":\"corp\",\"type\":\"oidc\",\"domains\":[\"Example.test\"],\"config\":{"
	          "\"client_id\":\"me\",\"client_secret\":\"s3cret\",\"issuer\":\"https://"
	          "idp.test\",\"scopes\":[\"openid\"]}}");
	char *text;

	assert_int_equal(idp_from_json(j, true, &i, &err), 0);
	json_decref(j);
	assert_string_equal(i->domains.v[0], "example.test");
	for (int form = 0; form < 2; form++) {
		j = idp_to_json(i, (enum model_form)form);
		text = json_dump_str(j);
		assert_null(strstr(text, "s3cret"));
		assert_non_null(strstr(text, "https://idp.test"));
		free(text);
		json_decref(j);
	}
	buf_init_secret(&out, 65536);
	assert_int_equal(idp_provider_record(i, &out), 0);
	assert_non_null(strstr(buf_cstr(&out), "\"client_secret\":\"s3cret\""));
	buf_release(&out);
	idp_free(i);

	j = parse("{\"name\":\"people\",\"type\":\"local\",\"users\":[{\"email\":\"JDoe@Example.test\",\"password\":"
	          "\"correct horse\","
	          "\"totp\":\"GEZDGNBV\",\"groups\":[\"ops\"]}]}");
	assert_int_equal(idp_from_json(j, true, &i, &err), 0);
	json_decref(j);
	assert_string_equal(i->users[0].email, "jdoe@example.test");
	assert_int_equal(i->users[0].password.n, 13);
	j = idp_to_json(i, MODEL_STORE);
	text = json_dump_str(j);
	assert_null(strstr(text, "horse"));
	assert_null(strstr(text, "GEZD"));
	assert_non_null(strstr(text, "\"groups\":[\"ops\"]"));
	free(text);
	json_decref(j);
	idp_free(i);
}

static void
idp_refused(const char *text, const char *pointer, const char *part, const char *never)
{
	struct model_error err = {{0}};
	struct idp *i = NULL;
	json_t *j = parse(text);

	assert_int_equal(idp_from_json(j, true, &i, &err), E_FORMAT);
	assert_string_equal(err.pointer, pointer);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" not in \"%s\"", part, err.text);
	if (never)
		assert_null(strstr(err.text, never));
	json_decref(j);
}

static void
providers_that_are_refused(void **state)
{
	idp_refused("{\"name\":\"a\",\"type\":\"oidc\"}", "/config", "client_id", NULL);
	idp_refused("{\"name\":\"a\",\"type\":\"oidc\",\"config\":{\"client_id\":\"x\"}}", "/config", "issuer", NULL);
	idp_refused(
	    "{\"name\":\"a\",\"type\":\"oidc\",\"config\":{\"client_id\":\"x\",\"issuer\":\"http://idp.test\"}}",
	    "/config/issuer", "https://", NULL);
	idp_refused("{\"name\":\"a\",\"type\":\"saml\"}", "/type", "one of local", NULL);
	idp_refused("{\"name\":\"a\",\"type\":\"local\",\"users\":[{\"email\":\"x\",\"password\":\"hush\"}]}",
	            "/users/0/email", "e-mail", "hush");
	idp_refused("{\"name\":\"a\",\"type\":\"local\",\"users\":[{\"email\":\"a@b.test\",\"password\":[\"hush\"]}]}",
	            "/users/0/password", "secret", "hush");
	idp_refused("{\"name\":\"a\",\"type\":\"local\",\"users\":[{\"email\":\"a@b.test\",\"passwort\":\"hush\"}]}",
	            "/users/0/passwort", "did you mean password", "hush");
	idp_refused("{\"name\":\"a\",\"type\":\"github\",\"config\":{\"client_id\":\"x\"},\"users\":[{\"email\":\"a@b."
	            "test\"}]}",
	            "/users", "type local", NULL);
}

/* What follows from a type: issuer and where groups are asked. */
static void
provider_types(void **state)
{
	static const struct {
		const char *type, *config, *issuer, *groups;
	} rows[] = {
	    {"okta", "\"okta_account\":\"https://x.okta.com/\"", "https://x.okta.com",
	     "https://x.okta.com/api/v1/users"},
	    {"okta", "\"okta_account\":\"https://x.okta.com\",\"authorization_server_id\":\"default\"",
	     "https://x.okta.com/oauth2/default", "https://x.okta.com/api/v1/users"},
	    {"google", "\"name\":1", NULL, NULL},
	    {"google", "\"scopes\":[]", "https://accounts.google.com", ""},
	    {"google-apps", "\"apps_domain\":\"Example.test\",\"support_groups\":true", "https://accounts.google.com",
	     "https://admin.googleapis.com/admin/directory/v1/groups"},
	    {"google-apps", "\"apps_domain\":\"example.test\"", "https://accounts.google.com", ""},
	    {"google-apps", "\"scopes\":[]", NULL, NULL},
	    {"azureAD", "\"directory_id\":\"" UUID "\"", "https://login.microsoftonline.com/" UUID "/v2.0", ""},
	    {"azureAD", "\"directory_id\":\"common\"", NULL, NULL}, /* any tenant's users */
	    {"github", "\"scopes\":[]", "https://github.com", ""},
	    {"github", "\"github_url\":\"https://git.corp.test/\"", "https://git.corp.test", ""},
	    {"github", "\"github_url\":\"http://git.corp.test\"", NULL, NULL},
	    {"oidc",
	     "\"auth_url\":\"https://i.test:81/a\",\"token_url\":\"https://i.test/t\",\"certs_url\":\"https://"
	     "i.test/c\"",
	     "https://i.test:81", ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct idp *idp = NULL;
		struct buf out;
		char *text = str_fmt("{\"name\":\"a\",\"type\":\"%s\",\"config\":{\"client_id\":\"x\",%s}}",
		                     rows[i].type, rows[i].config);
		json_t *j = parse(text), *rec = NULL;
		int e = idp_from_json(j, false, &idp, NULL);
		json_decref(j);
		free(text);
		assert_int_equal(e, rows[i].issuer ? 0 : E_FORMAT);
		if (e < 0)
			continue;
		free(idp->id);
		idp->id = str_dup(UUID);
		buf_init_secret(&out, 65536);
		assert_int_equal(idp_provider_record(idp, &out), 0);
		assert_int_equal(json_load_strict(buf_ptr(&out), buf_len(&out), 65536, &rec), 0);
		assert_string_equal(json_str_or(rec, "issuer", ""), rows[i].issuer);
		assert_string_equal(json_str_or(rec, "groups_url", ""), rows[i].groups);
		json_decref(rec);
		buf_release(&out);
		idp_free(idp);
	}
}

static void
tunnel_secret_and_token(void **state)
{
	struct tunnel *t = NULL, *back = NULL;
	struct model_error err = {{0}};
	struct buf out;
	json_t *j =
	    parse("{\"id\":\"" UUID "\",\"name\":\"pool\",\"account_tag\":\"acc\",\"config_src\":\"cloudflare\","
	          "\"tunnel_secret\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}");
	char *text;

	assert_int_equal(tunnel_from_json(j, false, &t, &err), 0);
	json_decref(j);
	assert_int_equal(t->secret.n, 32);
	assert_int_equal(t->secret.d[31], 31);
	assert_true(t->remote);
	j = tunnel_to_json(t, MODEL_API);
	text = json_dump_str(j);
	assert_null(strstr(text, "AAEC"));
	free(text);
	json_decref(j);
	j = tunnel_to_json(t, MODEL_STORE);
	assert_int_equal(tunnel_from_json(j, false, &back, &err), 0);
	assert_memory_equal(back->secret.d, t->secret.d, 32);
	json_decref(j);
	buf_init_secret(&out, 4096);
	assert_int_equal(tunnel_token(t, NULL, &out), 0);
	/* {"a":"acc","s":"AAEC...","t":"0f4e..."} */
	assert_string_equal(
	    buf_cstr(&out),
	    "eyJhIjoiYWNjIiwicyI6IkFBRUNBd1FGQmdjSUNRb0xEQTBPRHhBUkVoTVVGUllYR0JrYUd4d2RIaDg9IiwidCI6IjBmNGUx"
	    "YzFhLTExMTEtNDIyMi04MzMzLTQ0NDQ1NTU1NjY2NiJ9");
	buf_release(&out);
	j = parse("{\"name\":\"pool\",\"tunnel_secret\":\"AAEC\"}");
	assert_int_equal(tunnel_from_json(j, false, &(struct tunnel *){0}, &err), E_FORMAT);
	assert_string_equal(err.pointer, "/tunnel_secret");
	assert_null(strstr(err.text, "AAEC"));
	json_decref(j);
	tunnel_free(t);
	tunnel_free(back);
}

static void
people_and_sessions(void **state)
{
	struct person *p = NULL, *q = NULL;
	struct session *s = NULL;
	struct identity *id = NULL;
	json_t *j = parse("{\"id\":\"" UUID "\",\"email\":\"a@b.test\"}");

	assert_int_equal(person_from_json(j, false, &p, NULL), 0);
	json_decref(j);
	assert_int_equal(person_identity_add(p, "sub-1", &id), 0);
	assert_int_equal(texts_add(&id->amr, "mfa"), 0);
	assert_int_equal(person_identity_add(p, "sub-2", &id), 0);
	assert_int_equal(person_identity_add(p, "sub-1", &id), 0);
	assert_int_equal(p->nidentities, 2);
	assert_ptr_equal(person_identity(p, "sub-1"), id);
	assert_null(person_identity(p, "sub-3"));
	j = person_to_json(p, MODEL_STORE);
	assert_int_equal(person_from_json(j, false, &q, NULL), 0);
	assert_string_equal(person_identity(q, "sub-1")->amr.v[0], "mfa");
	json_decref(j);
	person_free(p);
	person_free(q);

	j = parse(
	    "{\"id\":\"abc_-9\",\"email\":\"a@b.test\",\"claims\":{\"x\":1},\"expires_at\":\"2026-11-22T10:00:00Z\"}");
	assert_int_equal(session_from_json(j, false, &s, NULL), 0);
	json_decref(j);
	assert_true(session_live(s, s->expires_at - 1));
	assert_false(session_live(s, s->expires_at));
	j = session_to_json(s, MODEL_API);
	assert_null(json_object_get(j, "claims"));
	json_decref(j);
	s->revoked_at = 1;
	assert_false(session_live(s, 0));
	session_free(s);
	j = parse("{\"id\":\"a b\"}");
	assert_int_equal(session_from_json(j, false, &s, NULL), E_FORMAT);
	json_decref(j);
}

static void
events(void **state)
{
	struct event e = {.kind = EVENT_LOGIN,
	                  .actor = "a@b.test",
	                  .ip = "192.0.2.1",
	                  .code = 0,
	                  .why = "bad \xff byte",
	                  .intent = 7},
	             back;
	json_t *j = event_to_json(&e);

	assert_non_null(j);
	assert_null(json_object_get(j, "code"));
	assert_string_equal(json_str_or(j, "why", ""), "bad ? byte");
	assert_int_equal(event_from_json(j, &back), 0);
	assert_int_equal(back.kind, EVENT_LOGIN);
	assert_string_equal(back.actor, "a@b.test");
	assert_int_equal(back.intent, 7);
	assert_null(back.session);
	json_decref(j);
	for (int k = 0; k < EVENT_KINDS; k++) {
		int same = -1;
		assert_int_equal(event_kind_parse(event_kind_str(k), &same), 0);
		assert_int_equal(same, k);
	}
}

static void
networks(void **state)
{
	static const struct {
		const char *net, *addr;
		int ret;
		bool has;
	} rows[] = {
	    {"10.0.0.0/8", "10.255.0.1", 0, true},
	    {"10.0.0.0/8", "11.0.0.1", 0, false},
	    {"10.0.0.0/8", "::ffff:10.1.2.3", 0, true},
	    {"0.0.0.0/0", "255.255.255.255", 0, true},
	    {"0.0.0.0/0", "2001:db8::1", 0, false},
	    {"::/0", "2001:db8::1", 0, true},
	    {"::/0", "10.0.0.1", 0, false},
	    {"192.0.2.7", "192.0.2.7", 0, true},
	    {"192.0.2.7", "192.0.2.6", 0, false},
	    {"192.0.2.6/31", "192.0.2.7", 0, true},
	    {"2001:db8::/33", "2001:db8:8000::", 0, false},
	    {"2001:db8::1/128", "2001:db8::1", 0, true},
	    {"10.0.0.1/8", "", E_RANGE, false},
	    {"10.0.0.0/33", "", E_FORMAT, false},
	    {"10.0.0.0/", "", E_FORMAT, false},
	    {"10.0.0.0/08", "", E_FORMAT, false},
	    {"10.0.0.0/-1", "", E_FORMAT, false},
	    {"10.0.0/8", "", E_FORMAT, false},
	    {"010.0.0.0/8", "", E_FORMAT, false},
	    {"fe80::1%lo", "", E_FORMAT, false},
	    {"", "", E_FORMAT, false},
	    {"10.0.0.0/8/8", "", E_FORMAT, false},
	};
	uint8_t net[16], addr[16];
	unsigned bits;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(model_cidr(rows[i].net, net, &bits), rows[i].ret);
		if (rows[i].ret != 0)
			continue;
		assert_int_equal(model_addr(rows[i].addr, addr), 0);
		if (model_cidr_has(net, bits, addr) != rows[i].has)
			fail_msg("%s in %s", rows[i].addr, rows[i].net);
	}
}

static void
addresses_and_domains(void **state)
{
	char out[256];

	assert_int_equal(model_email("J.Doe+x@Example.Test", out), 0);
	assert_string_equal(out, "j.doe+x@example.test");
	assert_int_not_equal(model_email("a@b@c", out), 0);
	assert_int_not_equal(model_email("@b.test", out), 0);
	assert_int_not_equal(model_email("a@", out), 0);
	assert_int_not_equal(model_email(".a@b.test", out), 0);
	assert_int_not_equal(model_email("a..b@b.test", out), 0);
	assert_int_not_equal(model_email("a b@b.test", out), 0);
	assert_int_not_equal(model_email("\xc3\xa9@b.test", out), 0);
	assert_int_equal(model_domain("*.Example.test", out), 0);
	assert_string_equal(out, "*.example.test");
	assert_int_equal(model_domain("*test.example.com", out), 0);
	assert_int_not_equal(model_domain("*", out), 0);
	assert_int_not_equal(model_domain("**.a.test", out), 0);
	assert_int_not_equal(model_domain("a.*", out), 0);
	assert_true(model_is_id(UUID));
	assert_false(model_is_id("0F4E1C1A-1111-4222-8333-444455556666"));
	assert_false(model_is_aud("abc"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(apply_file_application),
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(web_members),
	    cmocka_unit_test(web_members_that_are_refused),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(policy_members),
	    cmocka_unit_test(policy_references),
	    cmocka_unit_test(policy_members_that_are_refused),
	    cmocka_unit_test(applications_that_are_refused),
	    cmocka_unit_test(policies_stand_in_order),
	    cmocka_unit_test(provider_secrets_stay_inside),
	    cmocka_unit_test(providers_that_are_refused),
	    cmocka_unit_test(provider_types),
	    cmocka_unit_test(tunnel_secret_and_token),
	    cmocka_unit_test(people_and_sessions),
	    cmocka_unit_test(events),
	    cmocka_unit_test(networks),
	    cmocka_unit_test(addresses_and_domains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
