/* login: what the client believes of an edge, and what it leaves on disk. The test is the edge: it answers cli_http. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/access/login.h"
#include "core/clock.h"
#include "core/str.h"
#include "crypto/seal.h"
#include "io/file.h"
#include "ssh/sshkey.h"

#define AUD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LOGIN "/cdn-cgi/access/login/ssh.example.test?redirect_url=%2F&kid="

/* The edge: how it answers HEAD and the transfer, and what it was asked. */
static struct {
	const char *location;
	const char *says; /* what is boxed for the client; NULL = app_token and org_token */
	size_t pub_len;   /* of its public key: 32 */
	bool spoil;       /* a bit of the box */
	unsigned nhead, npoll;
	char token[256];
} edge;

static void
header(struct cli_response *r, const char *name, const char *value)
{
	r->h[r->nh].name = str_dup(name);
	r->h[r->nh++].value = str_dup(value);
}

static void
transfer(const char *key64, struct cli_response *r)
{
	struct box_key mine;
	struct buf pub, boxed;
	char text[1024], service[64];

	buf_init(&pub, 64);
	buf_init(&boxed, 4096);
	assert_int_equal(b64_decode(&pub, B64_URL_PAD, key64, strlen(key64)), 0);
	assert_int_equal(buf_len(&pub), 32);
	if (edge.says)
		str_copy(text, sizeof text, edge.says);
	else
		snprintf(text, sizeof text, "{\"app_token\":\"%s\",\"org_token\":\"%s\"}", edge.token, edge.token);
	box_key_generate(&mine);
	assert_int_equal(box(&mine, buf_ptr(&pub), slice_str(text), &boxed), 0);
	if (edge.spoil)
		boxed.d[boxed.r + 30] ^= 1;
	uint8_t wide[33] = {0};
	memcpy(wide, mine.pub, 32);
	assert_int_equal(b64_encode_str(service, sizeof service, B64_URL_PAD, wide, edge.pub_len), 0);
	header(r, "service-public-key", service);
	assert_int_equal(b64_encode(&r->body, B64_STD, buf_ptr(&boxed), buf_len(&boxed)), 0);
	r->status = 200;
	box_key_release(&mine);
	buf_release(&pub);
	buf_release(&boxed);
}

int
cli_http(const struct cli *c, const char *method, const char *url, const char *const *headers, const void *body,
         size_t n, int64_t deadline_ms, struct cli_response *ret)
{
	static const char path[] = "https://team.example.test:443/cdn-cgi/access/transfer/";

	buf_init(&ret->body, 8192);
	if (!strcmp(method, "HEAD")) {
		edge.nhead++;
		assert_string_equal(url, "https://ssh.example.test/");
		ret->status = 302;
		header(ret, "location", edge.location);
		return 0;
	}
	edge.npoll++;
	if (!str_starts(url, path))
		fail_msg("polls %s", url);
	transfer(url + sizeof path - 1, ret);
	return 0;
}

const char *
cli_response_header(const struct cli_response *r, const char *name)
{
	for (size_t i = 0; i < r->nh; i++)
		if (!strcmp(r->h[i].name, name))
			return r->h[i].value;
	return NULL;
}

void
cli_response_release(struct cli_response *r)
{
	for (size_t i = 0; i < r->nh; i++) {
		free(r->h[i].name);
		free(r->h[i].value);
	}
	buf_release(&r->body);
	*r = (struct cli_response){0};
}

/* --- a client's home */

static struct cli c;
static struct app a;
static const struct login_options asked = {.no_browser = true, .explicit_ = true};

static void
make_token(char *out, size_t n, int64_t exp, const char *who)
{
	char claims[128], b64[200];

	snprintf(claims, sizeof claims, "{\"exp\":%lld,\"email\":\"%s\"}", (long long)exp, who);
	assert_int_equal(b64_encode_str(b64, sizeof b64, B64_URL, claims, strlen(claims)), 0);
	snprintf(out, n, "e30.%s.AAAA", b64);
}

static int
begin(void **state)
{
	char home[] = "/tmp/sp-test-login-XXXXXX";

	memset(&edge, 0, sizeof edge);
	edge.location = "https://team.example.test" LOGIN AUD;
	edge.pub_len = 32;
	make_token(edge.token, sizeof edge.token, clock_wall() + 3600, "jdoe@example.test");
	c = (struct cli){0};
	if (!mkdtemp(home) || str_copy(c.home, sizeof c.home, home) < 0)
		return -1;
	setenv("SALLYPORT_LOGIN_TIMEOUT", "20s", 1);
	return app_parse("https://ssh.example.test", &a);
}

static int
finish(void **state)
{
	static const char *const names[] = {"ssh.example.test.app",
	                                    "ssh.example.test.lock",
	                                    "ssh.example.test-cf_key",
	                                    "ssh.example.test-cf_key.pub",
	                                    "ssh.example.test-cf_key-cert.pub",
	                                    "ssh.example.test-" AUD "-token",
	                                    "team.example.test-org-token"};
	char path[4400];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", c.home, names[i]);
		unlink(path);
	}
	return rmdir(c.home); /* nothing else was left there */
}

static bool
there(const char *suffix, mode_t *ret_mode)
{
	char path[4400];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", c.home, suffix);
	if (stat(path, &st) < 0)
		return false;
	if (ret_mode)
		*ret_mode = st.st_mode & 07777;
	return true;
}

static void
expect_nothing_stored(void)
{
	assert_false(there("ssh.example.test-" AUD "-token", NULL));
	assert_false(there("ssh.example.test-cf_key", NULL));
	assert_false(there("team.example.test-org-token", NULL));
}

static int
log_in(const struct login_options *o, struct secret *ret_token)
{
	secret_release(ret_token);
	assert_int_equal(app_parse("https://ssh.example.test", &a), 0);
	return login_token(&c, &a, o, ret_token);
}

static void
what_a_login_leaves(void **state)
{
	static const char *const names[] = {"ssh.example.test-" AUD "-token", "ssh.example.test-cf_key",
	                                    "ssh.example.test-cf_key.pub", "team.example.test-org-token",
	                                    "ssh.example.test.app"};
	struct secret t = {0};
	mode_t mode = 0;
	char path[4400];

	snprintf(path, sizeof path, "%s/ssh.example.test-cf_key-cert.pub", c.home);
	assert_int_equal(file_write_new(path, 0600, "old", 3), 0);
	assert_int_equal(log_in(&asked, &t), 0);
	assert_true(secret_eq(secret_slice(&t), slice_str(edge.token)));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_true(there(names[i], &mode));
		assert_int_equal(mode, 0600);
	}
	assert_false(there("ssh.example.test-cf_key-cert.pub", NULL)); /* it was of another key */

	/* what is stored answers without an edge, unless the edge refused that very token */
	assert_int_equal(log_in(&asked, &t), 0);
	assert_int_equal(edge.nhead + edge.npoll, 2);
	struct secret old = {0};
	assert_int_equal(secret_set_str(&old, edge.token), 0);
	make_token(edge.token, sizeof edge.token, clock_wall() + 3600, "again@example.test");
	struct login_options o = asked;
	o.refused = &old;
	assert_int_equal(log_in(&o, &t), 0);
	assert_true(secret_eq(secret_slice(&t), slice_str(edge.token)));
	assert_int_equal(edge.npoll, 2);
	secret_release(&old);
	secret_release(&t);
}

static void
answers_that_are_refused(void **state)
{
	static const struct {
		const char *says;
		size_t pub_len;
		bool spoil;
		int want;
	} rows[] = {
	    {NULL, 31, false, E_FORMAT},
	    {NULL, 33, false, E_FORMAT},
	    {NULL, 0, false, E_FORMAT},
	    {NULL, 32, true, E_CRYPTO},
	    {"[]", 32, false, 0},
	    {"{}", 32, false, E_FORMAT},
	    {"{\"app_token\":\"\"}", 32, false, E_FORMAT},
	    {"{\"error\":{\"code\":\"SP-1203\",\"message\":\"blocked\"}}", 32, false, E_DENIED},
	    {"{\"error\":{\"code\":\"SP-1203\"},\"app_token\":\"e30.e30.AAAA\"}", 32, false, E_DENIED},
	};
	struct secret t = {0};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		edge.says = rows[i].says;
		edge.pub_len = rows[i].pub_len;
		edge.spoil = rows[i].spoil;
		int r = log_in(&asked, &t);
		if (rows[i].want ? r != rows[i].want : r >= 0)
			fail_msg("row %zu gives %d", i, r);
		assert_null(t.d);
		expect_nothing_stored();
	}
}

/* Only an edge's redirect names the application; and once a team was named it is not exchanged silently. */
static void
who_guards_the_application(void **state)
{
	static const char *const bad[] = {
	    "http://team.example.test" LOGIN AUD, "https://team.example.test" LOGIN "aaaa",
	    "https://team.example.test" LOGIN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	    "https://team.example.test/elsewhere?kid=" AUD, "/cdn-cgi/access/login/x?kid=" AUD};
	struct secret t = {0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		edge.location = bad[i];
		assert_true(log_in(&asked, &t) < 0);
	}
	assert_int_equal(edge.npoll, 0);
	edge.location = "https://team.example.test" LOGIN AUD;
	assert_int_equal(log_in(&asked, &t), 0);
	app_token_drop(&c, &a);
	unsigned polls = edge.npoll;
	edge.location = "https://evil.example.test" LOGIN AUD;
	assert_int_equal(log_in(&asked, &t), E_DENIED);
	assert_int_equal(edge.npoll, polls);
	secret_release(&t);
}

static void
stored_tokens_that_do_not_count(void **state)
{
	struct secret t = {0};
	char path[4400], text[256];

	assert_int_equal(log_in(&asked, &t), 0);
	assert_int_equal(app_token_file(&c, &a, path, sizeof path), 0);
	assert_int_equal(chmod(path, 0640), 0); /* others may have read it */
	secret_release(&t);
	assert_true(app_token_load(&c, &a, &t) < 0);
	assert_null(t.d);
	static const int64_t left[] = {-10, 0, 29, 60};
	for (size_t i = 0; i < 4; i++) {
		make_token(text, sizeof text, clock_wall() + left[i], "jdoe@example.test");
		assert_int_equal(file_write_atomic(path, 0600, text, strlen(text)), 0);
		assert_int_equal(app_token_load(&c, &a, &t), i == 3 ? 0 : E_NOENT);
		assert_int_equal(access(path, F_OK) == 0, i == 3);
	}
	secret_release(&t);
}

/* Without a person to ask, nobody is asked. */
static void
no_login_by_surprise(void **state)
{
	struct login_options o = {.no_browser = true};
	struct secret t = {0};

	setenv("SALLYPORT_NO_LOGIN", "1", 1);
	assert_int_equal(log_in(&o, &t), E_DENIED);
	assert_int_equal(edge.nhead + edge.npoll, 0);
	o.explicit_ = true;
	assert_int_equal(log_in(&o, &t), 0);
	unsetenv("SALLYPORT_NO_LOGIN");
	secret_release(&t);
}

static void
names_that_are_refused(void **state)
{
	static const char *const bad[] = {"http://ssh.example.test",
	                                  "ssh://ssh.example.test",
	                                  "10.0.0.1",
	                                  "[::1]",
	                                  "-oX",
	                                  "https://-oX",
	                                  "https://10.0.0.1/",
	                                  "",
	                                  "a b"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(app_parse(bad[i], &a) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_a_login_leaves, begin, finish),
	    cmocka_unit_test_setup_teardown(answers_that_are_refused, begin, finish),
	    cmocka_unit_test_setup_teardown(who_guards_the_application, begin, finish),
	    cmocka_unit_test_setup_teardown(stored_tokens_that_do_not_count, begin, finish),
	    cmocka_unit_test_setup_teardown(no_login_by_surprise, begin, finish),
	    cmocka_unit_test_setup_teardown(names_that_are_refused, begin, finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
