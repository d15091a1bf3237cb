/* The control stream: frames of a stock connector byte for byte, the capnp tool as judge, and what must not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/str.h"
#include "wire/capnp.h"
#include "wire/control.h"
#include "wire/rpc.h"

extern char **environ;

/* --- vectors */

static void
vector(const char *name, struct buf *ret_b)
{
	char line[4096];
	FILE *f = fopen(VECTORS "/control.hex", "r");
	assert_non_null(f);
	buf_init(ret_b, 1u << 20);
	while (fgets(line, sizeof line, f)) {
		size_t n = strlen(name);
		if (strncmp(line, name, n) == 0 && line[n] == ' ') {
			assert_int_equal(hex_decode(ret_b, line + n + 1, strcspn(line + n + 1, "\n")), 0);
			fclose(f);
			return;
		}
	}
	fail_msg("no vector %s", name);
}

static void
same(struct buf *got, const char *name)
{
	struct buf want;
	vector(name, &want);
	if (!slice_eq(buf_slice(got), buf_slice(&want))) {
		char a[8192], b[8192];
		hex_encode_str(a, sizeof a, buf_ptr(got), buf_len(got));
		hex_encode_str(b, sizeof b, buf_ptr(&want), buf_len(&want));
		fail_msg("%s:\n got %s\nwant %s", name, a, b);
	}
	buf_release(&want);
	buf_clear(got);
}

static enum control_call
edge_feed(struct control_edge *c, const struct buf *in, struct buf *out)
{
	enum control_call call;
	size_t used;
	struct reason why = {0};
	if (control_edge_feed(c, buf_ptr(in), buf_len(in), &used, &call, out, &why) < 0)
		fail_msg("edge: %s", why.text);
	assert_int_equal(used, buf_len(in));
	return call;
}

static enum control_call
edge_vector(struct control_edge *c, const char *name, struct buf *out)
{
	struct buf b;
	vector(name, &b);
	enum control_call call = edge_feed(c, &b, out);
	buf_release(&b);
	return call;
}

static enum control_answer
client_feed(struct control_client *c, const struct buf *in, struct buf *out)
{
	enum control_answer a;
	size_t used;
	struct reason why = {0};
	if (control_client_feed(c, buf_ptr(in), buf_len(in), &used, &a, out, &why) < 0)
		fail_msg("client: %s", why.text);
	assert_int_equal(used, buf_len(in));
	return a;
}

static const uint8_t secret[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const uint8_t loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

static void
sample(struct control_register *r)
{
	static const char *const features[] = {"allow_remote_config", "serialized_headers", "support_datagram_v2",
	                                       "support_quic_eof", "management_logs"};
	static const uint8_t client[16] = {0x20, 0x5b, 0xde, 0xf5, 0xbc, 0xbc, 0x40, 0xc0,
	                                   0x83, 0xdf, 0x3a, 0xab, 0x70, 0x18, 0x13, 0x4a};
	memset(r, 0, sizeof *r);
	r->account = "acct0123";
	r->secret = (struct slice){secret, sizeof secret};
	uuid_parse("11111111-2222-3333-4444-555555555555", r->tunnel);
	memcpy(r->client_id, client, 16);
	memcpy(r->features, features, sizeof features);
	r->nfeatures = 5;
	r->version = "2023.5.1";
	r->arch = "linux_amd64";
	r->origin_ip = (struct slice){loopback, 16};
}

static const struct control_details accepted = {"0123456789abcde", "LOC01", false};

/* --- the edge against a stock connector's bytes */

static void
test_edge_serves_stock_connector(void **st)
{
	struct control_edge *c;
	struct buf out;
	struct control_details d = accepted;
	memcpy(d.uuid, "0123456789abcdef", 16);
	buf_init(&out, 65536);
	assert_int_equal(control_edge_new(&c), 0);
	assert_int_equal(edge_vector(c, "bootstrap", &out), CONTROL_NONE);
	same(&out, "bootstrap_return");
	assert_int_equal(edge_vector(c, "register", &out), CONTROL_REGISTER);
	const struct control_register *r = control_edge_register(c);
	assert_string_equal(r->account, "acct0123");
	assert_int_equal(r->secret.n, 32);
	assert_memory_equal(r->secret.p, secret, 32);
	char uuid[37];
	uuid_format(r->tunnel, uuid);
	assert_string_equal(uuid, "11111111-2222-3333-4444-555555555555");
	assert_int_equal(r->nfeatures, 5);
	assert_string_equal(r->features[4], "management_logs");
	assert_string_equal(r->version, "2023.5.1");
	assert_string_equal(r->arch, "linux_amd64");
	assert_int_equal(r->origin_ip.n, 16);
	assert_memory_equal(r->origin_ip.p, loopback, 16);
	assert_false(r->replace);
	assert_int_equal(control_edge_accept(c, &d, &out), 0);
	same(&out, "accepted");
	assert_int_equal(control_edge_accept(c, &d, &out), -13); /* once */
	assert_int_equal(edge_vector(c, "finish_0", &out), CONTROL_NONE);
	assert_int_equal(edge_vector(c, "finish_1", &out), CONTROL_NONE);
	assert_int_equal(edge_vector(c, "unregister", &out), CONTROL_UNREGISTER);
	assert_int_equal(buf_len(&out), 0);
	assert_int_equal(control_edge_done(c, CONTROL_UNREGISTER, &out), 0);
	same(&out, "empty_return");
	assert_int_equal(edge_vector(c, "finish_1", &out), CONTROL_NONE);
	assert_int_equal(edge_vector(c, "release", &out), CONTROL_CLOSED);
	assert_int_equal(edge_vector(c, "abort", &out), CONTROL_NONE); /* nothing counts any more */
	assert_int_equal(buf_len(&out), 0);
	control_edge_free(c);
	buf_release(&out);
}

static void
test_edge_refuses(void **st)
{
	struct control_edge *c;
	struct buf out;
	const struct control_error e = {.cause = "EDUPCONN"};
	buf_init(&out, 65536);
	assert_int_equal(control_edge_new(&c), 0);
	edge_vector(c, "bootstrap", &out);
	buf_clear(&out);
	assert_int_equal(edge_vector(c, "register", &out), CONTROL_REGISTER);
	assert_int_equal(control_edge_refuse(c, &e, &out), 0);
	same(&out, "refused");
	assert_int_equal(edge_vector(c, "abort", &out), CONTROL_CLOSED);
	control_edge_free(c);
	buf_release(&out);
}

/* Every frame in one run and byte by byte: the calls come out one at a time. */
static void
test_edge_takes_any_cut(void **st)
{
	static const char *const names[] = {"bootstrap", "register", "finish_0", "unregister"};
	struct buf all, b, out;
	buf_init(&all, 65536);
	buf_init(&out, 65536);
	for (size_t i = 0; i < 4; i++) {
		vector(names[i], &b);
		buf_put_slice(&all, buf_slice(&b));
		buf_release(&b);
	}
	buf_clear(&out);
	/* unregister re-uses question 1, which is still open: that is refused */
	all.d[all.w - 120 + 8 + 24] = 2;
	for (size_t piece = 1; piece < 2000; piece = piece * 3 + 1) {
		struct control_edge *c;
		size_t at = 0, used, regs = 0, unregs = 0;
		assert_int_equal(control_edge_new(&c), 0);
		while (at < buf_len(&all)) {
			enum control_call call;
			size_t k = buf_len(&all) - at < piece ? buf_len(&all) - at : piece;
			assert_int_equal(control_edge_feed(c, buf_ptr(&all) + at, k, &used, &call, &out, NULL), 0);
			assert_true(used > 0);
			regs += call == CONTROL_REGISTER;
			unregs += call == CONTROL_UNREGISTER;
			at += used;
		}
		assert_int_equal(regs, 1);
		assert_int_equal(unregs, 1);
		control_edge_free(c);
	}
	buf_release(&all);
	buf_release(&out);
}

/* --- the connector's end */

static void
test_client_says_what_stock_says(void **st)
{
	struct control_client *c;
	struct control_register r;
	struct buf out, b, head;
	sample(&r);
	buf_init(&out, 65536);
	assert_int_equal(control_client_new(&c), 0);
	assert_int_equal(control_client_unregister(c, &out), -13);
	assert_int_equal(control_client_register(c, &r, &out), 0);
	buf_init(&head, 4096);
	buf_put(&head, buf_ptr(&out), 48);
	same(&head, "bootstrap");
	buf_release(&head);
	buf_skip(&out, 48);
	same(&out, "register");
	vector("bootstrap_return", &b);
	assert_int_equal(client_feed(c, &b, &out), CONTROL_ANSWER_NONE);
	buf_release(&b);
	same(&out, "finish_0");
	vector("accepted", &b);
	assert_int_equal(client_feed(c, &b, &out), CONTROL_REGISTERED);
	buf_release(&b);
	same(&out, "finish_1");
	assert_memory_equal(control_client_details(c)->uuid, "0123456789abcdef", 16);
	assert_string_equal(control_client_details(c)->location, "LOC01");
	assert_int_equal(control_client_unregister(c, &out), 0);
	same(&out, "unregister");
	vector("empty_return", &b);
	assert_int_equal(client_feed(c, &b, &out), CONTROL_UNREGISTERED);
	buf_release(&b);
	same(&out, "finish_1");
	assert_int_equal(control_client_shutdown(c, &out), 0);
	buf_init(&head, 4096);
	buf_put(&head, buf_ptr(&out), 40);
	same(&head, "release");
	buf_release(&head);
	buf_skip(&out, 40);
	same(&out, "abort");
	control_client_free(c);
	buf_release(&out);
}

static void
test_both_ends(void **st)
{
	struct control_client *c;
	struct control_edge *e;
	struct control_register r;
	struct buf up, down;
	struct control_error no = {
	    .cause = "Unauthorized: no such tunnel", .retry_after_ns = 5000000000, .retry = true};
	static char json[100000];
	memset(json, 'j', sizeof json);
	sample(&r);
	r.index = 3;
	r.replace = true;
	r.attempts = 7;
	r.nfeatures = 0;
	r.version = "";
	r.origin_ip.n = 0;
	for (int refuse = 0; refuse < 2; refuse++) {
		buf_init(&up, 1u << 20);
		buf_init(&down, 1u << 20);
		assert_int_equal(control_client_new(&c), 0);
		assert_int_equal(control_edge_new(&e), 0);
		assert_int_equal(control_client_register(c, &r, &up), 0);
		assert_int_equal(edge_feed(e, &up, &down), CONTROL_REGISTER);
		buf_clear(&up);
		const struct control_register *g = control_edge_register(e);
		assert_int_equal(g->index, 3);
		assert_int_equal(g->attempts, 7);
		assert_true(g->replace);
		assert_int_equal(g->nfeatures, 0);
		assert_int_equal(g->origin_ip.n, 0);
		assert_string_equal(g->version, "");
		struct control_details d = {.location = "here", .remote = true};
		assert_int_equal(refuse ? control_edge_refuse(e, &no, &down) : control_edge_accept(e, &d, &down), 0);
		assert_int_equal(client_feed(c, &down, &up), refuse ? CONTROL_REFUSED : CONTROL_REGISTERED);
		buf_clear(&down);
		if (refuse) {
			assert_string_equal(control_client_error(c)->cause, no.cause);
			assert_true(control_client_error(c)->retry_after_ns == no.retry_after_ns);
			assert_true(control_client_error(c)->retry);
		} else {
			assert_true(control_client_details(c)->remote);
			assert_int_equal(control_client_local_config(c, json, sizeof json, &up), 0);
			assert_int_equal(edge_feed(e, &up, &down), CONTROL_LOCAL_CONFIG);
			buf_clear(&up);
			assert_int_equal(control_edge_local_config(e).n, sizeof json);
			assert_memory_equal(control_edge_local_config(e).p, json, sizeof json);
			assert_int_equal(control_edge_done(e, CONTROL_LOCAL_CONFIG, &down), 0);
			assert_int_equal(client_feed(c, &down, &up), CONTROL_CONFIG_TAKEN);
		}
		assert_int_equal(control_client_shutdown(c, &up), 0);
		buf_clear(&down);
		assert_int_equal(edge_feed(e, &up, &down), CONTROL_CLOSED);
		assert_int_equal(buf_len(&down), 0);
		control_client_free(c);
		control_edge_free(e);
		buf_release(&up);
		buf_release(&down);
	}
}

/* --- the capnp tool as judge */

static bool
capnp_tool(const char *verb, const char *extra, const void *in, size_t n, struct buf *out)
{
	int to[2], from[2], status;
	pid_t pid;
	posix_spawn_file_actions_t fa;
	const char *argv[6] = {"capnp", verb};
	int k = 2;
	if (extra)
		argv[k++] = extra;
	argv[k++] = VECTORS "/control.capnp";
	argv[k++] = "Message";
	assert_int_equal(pipe(to) + pipe(from), 0);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, to[0], 0);
	posix_spawn_file_actions_adddup2(&fa, from[1], 1);
	posix_spawn_file_actions_addclose(&fa, to[1]);
	posix_spawn_file_actions_addclose(&fa, from[0]);
	int r = posix_spawnp(&pid, "capnp", &fa, NULL, (char **)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(to[0]);
	close(from[1]);
	if (r == 0) {
		assert_int_equal(write(to[1], in, n), n);
		close(to[1]);
		uint8_t b[4096];
		ssize_t got;
		while ((got = read(from[0], b, sizeof b)) > 0)
			assert_int_equal(buf_put(out, b, (size_t)got), 0);
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	} else {
		close(to[1]);
		print_message("the capnp tool is not installed: skipped\n");
	}
	close(from[0]);
	return r == 0;
}

static void
test_tool_reads_us(void **st)
{
	struct control_client *c;
	struct control_edge *e;
	struct control_register r;
	struct buf out, text;
	struct control_error no = {.cause = "try later", .retry_after_ns = 1500, .retry = true};
	sample(&r);
	r.index = 2;
	r.attempts = 9;
	buf_init(&out, 65536);
	buf_init(&text, 65536);
	assert_int_equal(control_client_new(&c), 0);
	assert_int_equal(control_client_register(c, &r, &out), 0);
	buf_skip(&out, 48);
	if (!capnp_tool("decode", NULL, buf_ptr(&out), buf_len(&out), &text))
		skip();
	static const char *const want[] = {"accountTag = \"acct0123\"",
	                                   "connIndex = 2",
	                                   "numPreviousAttempts = 9",
	                                   "\"support_quic_eof\"",
	                                   "promisedAnswer = (questionId = 0, transform = [])",
	                                   "arch = \"linux_amd64\""};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		assert_non_null(strstr(buf_cstr(&text), want[i]));
	control_client_free(c);
	buf_clear(&out);
	buf_clear(&text);
	assert_int_equal(control_edge_new(&e), 0);
	edge_vector(e, "bootstrap", &out);
	edge_vector(e, "register", &out);
	buf_clear(&out);
	assert_int_equal(control_edge_refuse(e, &no, &out), 0);
	assert_true(capnp_tool("decode", NULL, buf_ptr(&out), buf_len(&out), &text));
	assert_non_null(
	    strstr(buf_cstr(&text), "error = (cause = \"try later\", retryAfter = 1500, shouldRetry = true)"));
	control_edge_free(e);
	buf_release(&out);
	buf_release(&text);
}

/* The tool's own layout, and the same cut into segments with far pointers. */
static void
test_we_read_the_tool(void **st)
{
	static const char text[] =
	    "(call = (questionId = 1, target = (promisedAnswer = (questionId = 0, transform = [(noop = void)])),"
	    " interfaceId = 0xf71695ec7fe85497, methodId = 0, params = (content = (connIndex = 5,"
	    " auth = (accountTag = \"acct\", tunnelSecret = \"secret bytes\"), tunnelId = \"0123456789abcdef\","
	    " options = (client = (clientId = \"fedcba9876543210\", features = [\"one\", \"two\", \"three\"], version "
	    "= \"v\"),"
	    " numPreviousAttempts = 4)), capTable = [])))";
	static const char *const sizes[] = {NULL, "--segment-size=12", "--segment-size=24"};
	unsigned passed = 0;
	for (size_t i = 0; i < 3; i++) {
		struct buf frame, out;
		struct control_edge *e;
		enum control_call call;
		size_t used;
		buf_init(&frame, 65536);
		buf_init(&out, 65536);
		if (!capnp_tool("encode", sizes[i], text, sizeof text - 1, &frame))
			skip();
		assert_int_equal(control_edge_new(&e), 0);
		edge_vector(e, "bootstrap", &out);
		int r = control_edge_feed(e, buf_ptr(&frame), buf_len(&frame), &used, &call, &out, NULL);
		if (buf_ptr(&frame)[0] + 1u > CAPNP_SEGMENTS) {
			assert_int_equal(r, -4);
		} else {
			assert_int_equal(r, 0);
			assert_int_equal(call, CONTROL_REGISTER);
			const struct control_register *g = control_edge_register(e);
			assert_int_equal(g->index, 5);
			assert_int_equal(g->attempts, 4);
			assert_string_equal(g->account, "acct");
			assert_int_equal(g->nfeatures, 3);
			assert_string_equal(g->features[2], "three");
			assert_memory_equal(g->secret.p, "secret bytes", 12);
			assert_memory_equal(g->client_id, "fedcba9876543210", 16);
			passed += buf_ptr(&frame)[0] > 0;
		}
		control_edge_free(e);
		buf_release(&frame);
		buf_release(&out);
	}
	assert_true(passed > 0); /* at least one of them had several segments */
}

/* --- what must not pass */

static int
edge_result(const void *d, size_t n, struct buf *out)
{
	struct control_edge *e;
	enum control_call call;
	size_t used;
	struct reason why = {0};
	assert_int_equal(control_edge_new(&e), 0);
	edge_vector(e, "bootstrap", out);
	buf_clear(out);
	uint8_t *copy = malloc(n);
	memcpy(copy, d, n);
	int r = control_edge_feed(e, copy, n, &used, &call, out, &why);
	if (r < 0)
		assert_true(why.text[0] != 0);
	free(copy);
	control_edge_free(e);
	return r;
}

static void
test_hostile_frames(void **st)
{
	struct buf out, b;
	buf_init(&out, 65536);
	assert_true(edge_result("\x04\0\0\0\1\0\0\0", 8, &out) < 0);                /* five segments */
	assert_true(edge_result("\xff\xff\xff\xff\1\0\0\0", 8, &out) < 0);          /* 2^32 segments */
	assert_true(edge_result("\0\0\0\0\xff\xff\xff\xff", 8, &out) < 0);          /* 32 GiB */
	assert_true(edge_result("\0\0\0\0\1\0\4\0", 8, &out) < 0);                  /* 2 MiB and a word */
	assert_true(edge_result("\0\0\0\0\0\0\0\0", 8, &out) < 0);                  /* nothing */
	assert_true(edge_result("\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0", 16, &out) < 0); /* root beyond the end */
	assert_true(edge_result("\0\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0", 16, &out) < 0); /* far pointer onto itself */
	assert_true(edge_result("\0\0\0\0\1\0\0\0\xfe\xff\xff\xff\0\0\0\0", 16, &out) < 0);
	/* an Abort ends every refused stream */
	vector("finish_1", &b);
	assert_int_equal(edge_result(buf_ptr(&b), buf_len(&b), &out), -3); /* finishes nothing */
	assert_int_equal(buf_ptr(&out)[16], 1);
	buf_release(&b);
	vector("accepted", &b);
	assert_int_equal(edge_result(buf_ptr(&b), buf_len(&b), &out), -3); /* a Return: we asked nothing */
	buf_release(&b);
	/* another interface: an exception, the stream lives */
	vector("unregister", &b);
	b.d[8 + 32] ^= 1;
	assert_int_equal(edge_result(buf_ptr(&b), buf_len(&b), &out), 0);
	assert_true(buf_len(&out) > 16);
	assert_int_equal(buf_ptr(&out)[16], 3);
	b.d[8 + 32] ^= 1;
	b.d[8 + 72] = 7; /* a capability that was never given */
	assert_int_equal(edge_result(buf_ptr(&b), buf_len(&b), &out), 0);
	assert_true(buf_len(&out) > 16);
	assert_int_equal(buf_ptr(&out)[16], 3);
	buf_release(&b);
	/* a kind we do not know: Unimplemented */
	vector("finish_1", &b);
	b.d[16] = 13;
	assert_int_equal(edge_result(buf_ptr(&b), buf_len(&b), &out), 0);
	assert_int_equal(buf_ptr(&out)[16], 0);
	buf_release(&b);
	buf_release(&out);
}

/* Unregister as question `id`, pipelined on question `promised`. */
static int
call(struct control_edge *e, uint32_t id, uint32_t promised, enum control_call *ret_call, struct buf *out)
{
	struct capnp_out o;
	struct buf b;
	size_t used;
	buf_init(&b, 65536);
	uint32_t content = rpc_begin_call(&o, 4096, id, RPC_UNREGISTER, true, 0);
	capnp_set(&o, 11, 0, promised, 4); /* behind root 1, message 2, call 6 and target 2 words */
	rpc_end_call(&o, content);
	assert_int_equal(capnp_finish(&o, &b), 0);
	buf_clear(out);
	int r = control_edge_feed(e, buf_ptr(&b), buf_len(&b), &used, ret_call, out, NULL);
	buf_release(&b);
	return r;
}

static void
expect_exception(struct control_edge *e, uint32_t id, uint32_t promised)
{
	enum control_call got = CONTROL_REGISTER;
	struct buf out;
	buf_init(&out, 65536);
	assert_int_equal(call(e, id, promised, &got, &out), 0);
	assert_int_equal(got, CONTROL_NONE);
	assert_true(buf_len(&out) > 16);
	assert_int_equal(buf_ptr(&out)[16], RPC_RETURN);
	buf_release(&out);
}

/* Only what Bootstrap gave can be called, one call of a kind at a time, and no more is released than was given. */
static void
test_calls_need_the_capability(void **st)
{
	struct control_edge *e;
	enum control_call got;
	struct buf out, b;
	size_t used;
	buf_init(&out, 65536);
	buf_init(&b, 4096);
	assert_int_equal(control_edge_new(&e), 0);
	expect_exception(e, 5, 0); /* nothing was bootstrapped */
	expect_exception(e, 6, 6); /* on itself */
	edge_vector(e, "bootstrap", &out);
	expect_exception(e, 7, 7);
	expect_exception(e, 8, 5);
	assert_int_equal(call(e, 9, 0, &got, &out), 0);
	assert_int_equal(got, CONTROL_UNREGISTER);
	expect_exception(e, 10, 0);                           /* the same is still open */
	assert_int_equal(call(e, 9, 0, &got, &out), E_LIMIT); /* and so is its question */
	control_edge_free(e);

	assert_int_equal(control_edge_new(&e), 0);
	edge_vector(e, "bootstrap", &out);
	assert_int_equal(rpc_put_release(&b, 0, 2), 0);
	assert_int_equal(control_edge_feed(e, buf_ptr(&b), buf_len(&b), &used, &got, &out, NULL), E_FORMAT);
	control_edge_free(e);
	assert_int_equal(control_edge_new(&e), 0);
	edge_vector(e, "bootstrap", &out);
	buf_clear(&b);
	assert_int_equal(rpc_put_release(&b, 1, 1), 0);
	assert_int_equal(control_edge_feed(e, buf_ptr(&b), buf_len(&b), &used, &got, &out, NULL), E_FORMAT);
	control_edge_free(e);
	buf_release(&b);
	buf_release(&out);
}

/* Every byte of the registration changed in turn: any answer, no over-read. */
static void
test_every_byte_changed(void **st)
{
	static const uint8_t values[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff};
	struct buf out, b;
	buf_init(&out, 1u << 20);
	vector("register", &b);
	for (size_t i = 0; i < buf_len(&b); i++)
		for (size_t k = 0; k < sizeof values; k++) {
			uint8_t was = b.d[i];
			b.d[i] = values[k];
			edge_result(buf_ptr(&b), buf_len(&b), &out);
			b.d[i] = was;
		}
	buf_release(&b);
	buf_release(&out);
}

/* Questions that are never finished, and pointers that all lead to one fat object. */
static void
test_limits(void **st)
{
	struct control_edge *e;
	struct buf out, b;
	enum control_call call;
	size_t used, n = 0;
	buf_init(&out, 1u << 20);
	assert_int_equal(control_edge_new(&e), 0);
	vector("bootstrap", &b);
	int r = 0;
	while (r == 0 && n < 100) {
		b.d[8 + 24] = (uint8_t)n++;
		r = control_edge_feed(e, buf_ptr(&b), buf_len(&b), &used, &call, &out, NULL);
	}
	assert_int_equal(r, -4);
	assert_int_equal(n, 17);
	control_edge_free(e);
	buf_release(&b);
	buf_release(&out);
	/* a list of 1000 texts that share 8000 bytes */
	static uint8_t f[8 + 8 * 2100];
	struct capnp_msg m;
	struct capnp_struct root;
	struct capnp_list l;
	const char *t;
	uint32_t words = 2 + 1000 + 1000;
	memset(f, 'x', sizeof f);
	memcpy(f, "\0\0\0\0", 4);
	f[4] = (uint8_t)words, f[5] = (uint8_t)(words >> 8), f[6] = f[7] = 0;
	memcpy(f + 8, "\0\0\0\0\0\0\1\0", 8);
	uint64_t p = 1 | (uint64_t)(1000 << 3 | 6) << 32;
	memcpy(f + 16, &p, 8);
	for (uint64_t i = 0; i < 1000; i++) {
		p = ((999 - i) << 2 | 1) | (uint64_t)(8000 << 3 | 2) << 32;
		memcpy(f + 24 + 8 * i, &p, 8);
	}
	f[8 + 8 * words - 1] = 0;
	assert_int_equal(capnp_open(&m, f, 8 + 8 * words, &root), 0);
	assert_int_equal(capnp_get_texts(&root, 0, &l), 0);
	uint32_t k = 0;
	while (k < l.n && capnp_text_at(&l, k, &t) == 0)
		k++;
	assert_in_range(k, 1, 20);
}

/* What fits into few bytes and would cost much, or be read two ways. */
static void
test_costly_and_ambiguous(void **st)
{
	struct capnp_msg m;
	struct capnp_struct root, s;
	struct capnp_list l;
	struct capnp_out o;
	struct buf b;
	const char *t;
	unsigned depth = 1;
	int r = 0;
	buf_init(&b, 65536);
	capnp_begin(&o, 4096, 0, 1); /* a chain of structs, each in the one before */
	for (uint32_t i = 0, at = 1; i < 2 * CAPNP_DEPTH; i++)
		at = capnp_new_struct(&o, at, 0, 1);
	assert_int_equal(capnp_finish(&o, &b), 0);
	assert_int_equal(capnp_open(&m, buf_ptr(&b), buf_len(&b), &root), 0);
	for (s = root; r == 0 && depth < 100; depth += r == 0)
		r = capnp_get_struct(&s, 0, &s);
	assert_int_equal(r, E_LIMIT);
	assert_int_equal(depth, CAPNP_DEPTH);

	static const uint32_t counts[] = {10, 100000, 1u << 28};
	for (size_t i = 0; i < 3; i++) { /* elements of no bytes */
		buf_clear(&b);
		capnp_begin(&o, 4096, 0, 1);
		capnp_new_structs(&o, 1, counts[i], 0, 0);
		assert_int_equal(capnp_finish(&o, &b), 0);
		assert_int_equal(capnp_open(&m, buf_ptr(&b), buf_len(&b), &root), 0);
		assert_int_equal(capnp_get_structs(&root, 0, &l), i ? E_LIMIT : 0);
	}

	static const struct {
		const char *p;
		size_t n;
		int want;
	} texts[] = {{"abc", 4, 0}, {"a\0c", 4, E_FORMAT}, {"abc", 3, E_FORMAT}, {"\0\0", 2, E_FORMAT}};
	for (size_t i = 0; i < 4; i++) {
		buf_clear(&b);
		capnp_begin(&o, 4096, 0, 1);
		capnp_put_data(&o, 1, texts[i].p, texts[i].n);
		assert_int_equal(capnp_finish(&o, &b), 0);
		assert_int_equal(capnp_open(&m, buf_ptr(&b), buf_len(&b), &root), 0);
		assert_int_equal(capnp_get_text(&root, 0, &t), texts[i].want);
	}
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(test_edge_serves_stock_connector),
	    cmocka_unit_test(test_edge_refuses),
	    cmocka_unit_test(test_edge_takes_any_cut),
	    cmocka_unit_test(test_client_says_what_stock_says),
	    cmocka_unit_test(test_both_ends),
	    cmocka_unit_test(test_tool_reads_us),
	    cmocka_unit_test(test_we_read_the_tool),
	    cmocka_unit_test(test_hostile_frames),
	    cmocka_unit_test(test_calls_need_the_capability),
	    cmocka_unit_test(test_every_byte_changed),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_costly_and_ambiguous),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
