/* front towards connectors: registration, configuration, leaving, refusal, probes. */
#include "frontkit.h"

static void
register_and_configure(void **state)
{
	struct connector k = {.index = 2};

	(void)state;
	kit.config = "{\"ingress\":[{\"hostname\":\"app.localhost\",\"service\":\"ssh://"
	             "localhost:22\"},{\"service\":\"http_status:404\"}]}";
	kit.config_version = 7;
	connector_dial(&k);
	WAIT_FLAG(k.registered);
	assert_string_equal(kit.seen.register_account, "acct0123");
	assert_string_equal(kit.seen.register_tunnel, KIT_TUNNEL);
	assert_int_equal(kit.seen.nsecret, 32);
	assert_memory_equal(kit.seen.secret, "0123456789abcdef0123456789abcdef", 32);
	assert_int_equal(kit.seen.index, 2);
	assert_true(kit.seen.replace);
	assert_string_equal(kit.seen.register_version, "2026.1.0");
	assert_string_equal(kit.seen.register_arch, "linux_amd64");
	assert_string_equal(kit.seen.register_features, "allow_remote_config,serialized_headers,");
	assert_string_equal(kit.seen.register_origin, "192.0.2.7");
	assert_string_equal(k.details.location, "edge1");
	assert_true(k.details.remote);
	WAIT_SOME(kit.seen.configs);
	assert_true(kit.seen.config_ok);
	assert_int_equal(kit.seen.config_version, 7);
	assert_int_equal(kit.seen.config_link, kit.seen.link);
	assert_true(strncmp(k.pushed, "{\"version\":7,\"config\":{\"ingress\":", 33) == 0);
	/* a newer one, which the connector does not take */
	kit.seen.configs = 0;
	kit_judge_all(&fj_push_def, &(struct fj_push){.tunnel = KIT_TUNNEL,
	                                              .version = 8,
	                                              .config = "{\"version\":8,\"config\":{\"ingress\":[]}}"});
	WAIT_SOME(kit.seen.configs);
	assert_false(kit.seen.config_ok);
	assert_string_equal(k.pushed, "{\"version\":8,\"config\":{\"ingress\":[]}}");
	kit.config = NULL;
	/* gone without a word */
	kit.seen.downs = 0;
	conn_abort(k.c);
	WAIT_SOME(kit.seen.downs);
	assert_int_equal(kit.seen.down_link, kit.seen.link);
	connector_end_all(&k);
}

static void
local_configuration_and_leaving(void **state)
{
	static const char json[] = "{\"ingress\":[{\"service\":\"ssh://localhost:22\"}]}";
	struct connector k = {0};
	struct buf out;

	(void)state;
	connector_dial(&k);
	WAIT_FLAG(k.registered);
	buf_init(&out, CONTROL_MSG_MAX);
	assert_int_equal(control_client_local_config(k.rpc, json, sizeof json - 1, &out), 0);
	h2stream_write(k.control, buf_ptr(&out), buf_len(&out));
	connector_kick(&k);
	WAIT_FLAG(k.config_taken);
	WAIT_SOME(kit.seen.locals);
	assert_string_equal(kit.seen.local, json);
	buf_clear(&out);
	kit.seen.leavings = kit.seen.downs = 0;
	assert_int_equal(control_client_unregister(k.rpc, &out), 0);
	h2stream_write(k.control, buf_ptr(&out), buf_len(&out));
	connector_kick(&k);
	WAIT_FLAG(k.unregistered);
	WAIT_SOME(kit.seen.leavings);
	assert_int_equal(kit.seen.leaving_link, kit.seen.link);
	WAIT_FLAG(k.closed); /* no stream is open: front closes soon */
	WAIT_SOME(kit.seen.downs);
	assert_string_equal(kit.seen.down_why, "unregistered");
	buf_release(&out);
	connector_end_all(&k);
}

static void
leaving_waits_for_its_session(void **state)
{
	struct connector k = {0};
	struct user u, late;
	struct buf out;

	(void)state;
	kit_session(&k, &u, 31);
	buf_init(&out, CONTROL_MSG_MAX);
	assert_int_equal(control_client_unregister(k.rpc, &out), 0);
	h2stream_write(k.control, buf_ptr(&out), buf_len(&out));
	connector_kick(&k);
	WAIT_FLAG(k.unregistered);
	kit_relay(32); /* no new streams */
	user_dial(&late, LISTEN_USERS);
	user_say(&late, KIT_UPGRADE);
	user_hear(&late, "SP-1005");
	user_end(&late);
	user_say(&u, "still");
	h2stream_write(k.last->s, "here", 4);
	connector_kick(&k);
	user_hear(&u, "here");
	assert_false(k.closed);
	user_end(&u);
	WAIT_FLAG(k.closed);
	buf_release(&out);
	connector_end_all(&k);
}

static void
refused_and_closed(void **state)
{
	struct connector k = {0};

	(void)state;
	kit.refuse = "Unauthorized: invalid tunnel secret";
	kit.retry = true;
	kit.seen.downs = 0;
	connector_dial(&k);
	WAIT_FLAG(k.refused);
	assert_string_equal(k.error.cause, kit.refuse);
	assert_true(k.error.retry);
	WAIT_FLAG(k.closed); /* the edge must close (a.8) */
	kit.refuse = NULL;
	connector_end_all(&k);
}

static void
without_judge_connectors_keep_trying(void **state)
{
	struct connector k = {0};

	(void)state;
	kit.silent = true; /* judge does not answer within the deadline */
	connector_dial(&k);
	WAIT_FLAG(k.refused);
	assert_non_null(strstr(k.error.cause, "Unauthorized"));
	WAIT_FLAG(k.closed);
	kit.silent = false;
	connector_end_all(&k);
}

static bool
has_control(void *arg)
{
	return ((struct connector *)arg)->control != NULL;
}

static void
garbage_is_cut_off(void **state)
{
	struct user probe;
	struct connector k = {.manual = true};

	(void)state;
	user_dial(&probe, LISTEN_TUNNELS); /* TLS like a probe's, then nothing that is HTTP/2 */
	user_say(&probe, "GET / HTTP/1.1\r\nHost: h2.cftunnel.com\r\n\r\n");
	WAIT_FLAG(probe.closed);
	buf_release(&probe.in);
	connector_dial(&k);
	WAIT_FLAG(k.opened);
	kit_wait(has_control, &k, "has_control");
	h2stream_write(k.control, "\xff\xff\xff\xff\xff\xff\xff\xff", 8); /* no capnp segment table */
	connector_kick(&k);
	WAIT_FLAG(k.closed);
	connector_end_all(&k);
}

static void
judge_unlinks(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	kit_session(&k, &u, 41);
	kit.seen.endeds = kit.seen.downs = 0;
	kit_judge_all(&fj_unlink_def, &(struct fj_unlink){.tunnel = KIT_TUNNEL, .why = "tunnel deleted"});
	WAIT_FLAG(k.closed);
	WAIT_FLAG(u.closed);
	WAIT_SOME(kit.seen.endeds);
	WAIT_SOME(kit.seen.downs);
	assert_string_equal(kit.seen.down_why, "tunnel deleted");
	user_end(&u);
	connector_end_all(&k);
}

static int
setup(void **state)
{
	(void)state;
	kit_start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	kit_stop();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(register_and_configure),
	    cmocka_unit_test(local_configuration_and_leaving),
	    cmocka_unit_test(leaving_waits_for_its_session),
	    cmocka_unit_test(refused_and_closed),
	    cmocka_unit_test(garbage_is_cut_off),
	    cmocka_unit_test(judge_unlinks),
	    cmocka_unit_test(without_judge_connectors_keep_trying),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
