/* Client certificates at the judge: front's word is not taken for one, each host has its own authorities, and what was
 * let in ends with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/str.h"
#include "judge_kit.h"

#define CERTS JK_API "access/certificates"

static struct buf
file(const char *name)
{
	char path[512];
	struct buf b;
	FILE *f;
	int c;

	snprintf(path, sizeof path, VECTORS "/%s", name);
	buf_init(&b, 1u << 20);
	f = fopen(path, "rb");
	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		assert_int_equal(buf_put_u8(&b, (uint8_t)c), 0);
	fclose(f);
	return b;
}

static int
setup(void **state)
{
	struct jk *k = calloc(1, sizeof *k);

	jk_new(k);
	jk_apply(k, jk_document);
	jk_apply(k,
	         "{\"apps\":["
	         "{\"name\":\"any\",\"domain\":\"any.localhost\",\"policies\":[{\"name\":\"c\",\"decision\":\"non_"
	         "identity\",\"include\":[{\"certificate\":{}}]}],\"service\":\"ssh://localhost:22\",\"tunnel\":"
	         "\"pool\"},"
	         "{\"name\":\"seven\",\"domain\":\"seven.localhost\",\"policies\":[{\"name\":\"c\",\"decision\":\"non_"
	         "identity\",\"include\":[{\"common_name\":{\"common_name\":\"robot-7\"}}]}],\"service\":\"ssh://"
	         "localhost:22\",\"tunnel\":\"pool\"}]}");
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	jk_free(*state);
	free(*state);
	return 0;
}

/* The status of a request that shows this file, "" = nothing. */
static unsigned
get(struct jk *k, const char *host, const char *name)
{
	struct buf b = {0};
	struct reply r;

	if (*name) {
		b = file(name);
		k->cert = buf_slice(&b);
	}
	jk_ask(k, "GET", host, "/", NULL, NULL, &r);
	k->cert = (struct slice){0};
	unsigned status = r.status;
	jk_reply_free(&r);
	buf_release(&b);
	return status;
}

static void
put_ca(struct jk *k, const char *pem, const char *hosts, char id[static 40])
{
	struct buf b = file(pem);
	struct reply r;
	json_t *doc = json_pack("{s:s, s:s, s:o}", "name", pem, "certificate", buf_cstr(&b), "associated_hostnames",
	                        json_loads(hosts, 0, NULL));
	char *text = json_dump_str(doc);
	json_t *j = jk_api(k, "POST", CERTS, text, &r);

	assert_int_equal(r.status, 201);
	assert_int_equal(strlen(json_str_or(j, "fingerprint", "")), 64);
	assert_non_null(json_object_get(j, "expires_on"));
	str_copy(id, 40, json_str_or(j, "id", ""));
	jk_reply_free(&r);
	free(text);
	json_decref(doc);
	buf_release(&b);
}

static unsigned
change(struct jk *k, const char *method, const char *id, const char *body)
{
	struct reply r;
	char path[160];

	snprintf(path, sizeof path, CERTS "/%s", id);
	jk_api(k, method, path, body, &r);
	unsigned status = r.status;
	jk_reply_free(&r);
	return status;
}

static void
test_who_gets_in(void **state)
{
	struct jk *k = *state;
	char ca[40], other[40];

	assert_int_equal(get(k, "any.localhost", "good.der"), 403); /* no authority yet: front may say what it likes */
	put_ca(k, "ca.pem", "[\"any.localhost\", \"Seven.localhost\"]", ca);
	assert_int_equal(k->nclients, 2);
	assert_int_equal(get(k, "any.localhost", ""), 403);
	assert_int_equal(get(k, "any.localhost", "good.der"), 200);
	assert_int_equal(get(k, "any.localhost", "chain.der"), 200);
	assert_int_equal(get(k, "any.localhost", "foreign.der"), 403);
	assert_int_equal(get(k, "any.localhost", "server.der"), 403);
	assert_int_equal(get(k, "any.localhost", "weak.der"), 403);
	assert_int_equal(get(k, "any.localhost", "forged-chain.der"), 403);
	assert_int_equal(get(k, "seven.localhost", "good.der"), 200);
	assert_int_equal(get(k, "seven.localhost", "chain.der"), 403); /* robot-8 */
	assert_int_equal(get(k, "seven.localhost", "nocn.der"), 403);
	assert_int_equal(get(k, "seven.localhost", "twocn.der"), 403);
	/* another authority, for one host only */
	put_ca(k, "other.pem", "[\"any.localhost\"]", other);
	assert_int_equal(get(k, "any.localhost", "foreign.der"), 200);
	assert_int_equal(get(k, "seven.localhost", "foreign.der"), 403);
	/* the person's application has no authority: a certificate says nothing there */
	assert_int_equal(get(k, "ssh.localhost", "good.der"), 302);
	assert_int_equal(change(k, "DELETE", other, NULL), 200);
	assert_int_equal(get(k, "any.localhost", "foreign.der"), 403);
	assert_int_equal(change(k, "PUT", ca, "{\"associated_hostnames\":[\"seven.localhost\"]}"), 200);
	assert_int_equal(k->nclients, 1);
	assert_string_equal(k->client_host, "seven.localhost");
	assert_int_equal(get(k, "any.localhost", "good.der"), 403);
	assert_int_equal(get(k, "seven.localhost", "good.der"), 200);
	assert_int_equal(change(k, "DELETE", ca, NULL), 200);
	assert_int_equal(k->nclients, 0);
}

static void
test_api(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char ca[40];
	json_t *j;

	put_ca(k, "ca.pem", "[\"any.localhost\"]", ca);
	j = jk_api(k, "GET", CERTS, NULL, &r);
	assert_int_equal(json_array_size(j), 1);
	assert_null(json_object_get(json_array_get(j, 0), "certificate"));
	jk_reply_free(&r);
	assert_int_equal(change(k, "PUT", ca, "{\"name\":\"robots\"}"), 200);
	assert_int_equal(change(k, "PUT", ca, "{\"certificate\":\"none\"}"), 400);
	assert_int_equal(change(k, "PUT", ca, "{\"associated_hostnames\":[\"*.localhost\"]}"), 400);
	assert_int_equal(change(k, "PUT", ca, "{\"hostnames\":[\"x.localhost\"]}"), 400);
	j = jk_api(k, "GET", CERTS "/settings", NULL, &r);
	assert_string_equal(json_str_or(json_array_get(j, 0), "hostname", ""), "any.localhost");
	jk_reply_free(&r);
	jk_api(k, "PUT", CERTS "/settings",
	       "{\"settings\":[{\"hostname\":\"any.localhost\",\"client_certificate_forwarding\":true}]}", &r);
	assert_int_equal(r.status, 400);
	jk_reply_free(&r);
	/* a new front and a new judge are told */
	k->nclients = 99;
	jk_front_again(k);
	assert_int_equal(get(k, "any.localhost", "good.der"), 200);
	assert_int_equal(k->nclients, 1);
	jk_judge_restart(k);
	assert_int_equal(get(k, "any.localhost", "good.der"), 200);
	/* a leaf's PEM is no authority, and the place is named */
	struct buf leaf = file("good.pem");
	json_t *doc = json_pack("{s:[{s:s, s:s, s:[s]}]}", "certificates", "name", "x", "certificate", buf_cstr(&leaf),
	                        "associated_hostnames", "any.localhost");
	char *text = json_dump_str(doc);
	jk_api(k, "POST", "sallyport/apply", text, &r);
	assert_int_equal(r.status, 400);
	assert_non_null(strstr(r.body, "/certificates/0/certificate"));
	jk_reply_free(&r);
	free(text);
	json_decref(doc);
	buf_release(&leaf);
	assert_int_equal(change(k, "DELETE", ca, NULL), 200);
	assert_int_equal(change(k, "DELETE", ca, NULL), 404);
}

/* What a certificate opened ends with its authority, or with the host's name in it; and not by another's change. */
static void
test_live(void **state)
{
	struct jk *k = *state;
	char ca[40], other[40];
	struct reply live, r;
	struct buf b = file("good.der");

	jk_connect(k);
	for (int how = 0; how < 3; how++) {
		put_ca(k, "ca.pem", "[\"any.localhost\"]", ca);
		k->cert = buf_slice(&b);
		jk_socket(k, "any.localhost",
		          (const char *const[]){"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==", NULL}, &live);
		assert_int_equal(live.action, 1);
		assert_true(live.until > 0); /* no longer than the certificate */
		k->cert = (struct slice){0};
		size_t before = k->ncuts;
		put_ca(k, "other.pem", "[\"any.localhost\"]", other);
		assert_int_equal(change(k, "DELETE", other, NULL), 200);
		assert_int_equal(k->ncuts, before);
		if (how == 0) { /* taken up again by a new judge, which verifies by itself */
			struct fj_ticket_live m = {.ticket = live.ticket,
			                           .tunnel = live.tunnel,
			                           .authority = "any.localhost:8443",
			                           .client_ip = "192.0.2.7",
			                           .cert = buf_slice(&b)};
			jk_judge_restart(k);
			jk_connect(k);
			assert_int_equal(ipc_send(k->front, &fj_ticket_live_def, &m), 0);
			assert_int_equal(get(k, "any.localhost", "good.der"), 200);
			assert_int_equal(k->ncuts, before);
			assert_int_equal(change(k, "DELETE", ca, NULL), 200);
		} else if (how == 1) {
			assert_int_equal(change(k, "PUT", ca, "{\"associated_hostnames\":[\"seven.localhost\"]}"), 200);
		} else { /* the same record, another authority */
			struct buf pem = file("other.pem");
			json_t *doc = json_pack("{s:s}", "certificate", buf_cstr(&pem));
			char *text = json_dump_str(doc), path[160];
			snprintf(path, sizeof path, CERTS "/%s", ca);
			jk_api(k, "PUT", path, text, &r);
			assert_int_equal(r.status, 200);
			jk_reply_free(&r);
			json_decref(doc);
			free(text);
			buf_release(&pem);
		}
		assert_int_equal(k->ncuts, before + 1);
		assert_int_equal(k->cuts[before], live.ticket);
		jk_reply_free(&live);
		if (how)
			assert_int_equal(change(k, "DELETE", ca, NULL), 200);
	}
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_gets_in),
	    cmocka_unit_test(test_api),
	    cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
