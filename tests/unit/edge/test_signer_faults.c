/* The signer under a hostile judge, after a crash, and with damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "edge/signer/keys.h"
#include "identity/token.h"
#include "signer_kit.h"

static uint64_t rng = 0x9e3779b97f4a7c15u;

static uint32_t
rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 32) % n;
}

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	kit_new(k);
	assert_true(kit_start(k));
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	kit_free(*state);
	free(*state);
	return 0;
}

static void
ca(struct kit *k, const char *aud)
{
	struct js_ca_create m = {.aud = aud, .kind = "ed25519"};
	struct js_ca_is a;

	assert_int_equal(kit_ask(k, &js_ca_create_def, &m, &js_ca_is_def, &a), 0);
	assert_int_equal(a.code, 0);
}

struct person {
	struct kit_key key;
	char *org, *app;
};

static void
person_make(struct kit *k, const char *email, struct person *p)
{
	kit_key(&p->key);
	assert_int_equal(kit_account(k, email, "correct horse", ""), 0);
	p->org = kit_org(k, email, "correct horse");
	p->app = kit_app(k, p->org, KIT_AUD, p->key.cnf);
	assert_non_null(p->app);
}

static void
person_free(struct person *p)
{
	free(p->org);
	free(p->app);
}

/* --- a hostile judge
 * -------------------------------------------------------------------------------------------------- */

static const struct {
	const struct msg_def *ask, *reply;
} pairs[] = {
    {&js_cert_sign_def, &js_cert_is_def},
    {&js_app_token_def, &js_text_def},
    {&js_ca_create_def, &js_ca_is_def},
    {&js_ca_get_def, &js_ca_is_def},
    {&js_ca_delete_def, &js_done_def},
    {&js_principals_def, &js_text_def},
    {&js_principal_bind_def, &js_done_def},
    {&js_principal_release_def, &js_done_def},
    {&js_provider_put_def, &js_done_def},
    {&js_provider_delete_def, &js_done_def},
    {&js_account_put_def, &js_done_def},
    {&js_account_delete_def, &js_done_def},
    {&js_setup_begin_def, &js_setup_is_def},
    {&js_setup_finish_def, &js_setup_done_def},
    {&js_api_mint_def, &js_text_def},
    {&js_tunnel_token_def, &js_text_def},
    {&js_api_tokens_def, &js_text_def},
    {&js_api_revoke_def, &js_done_def},
    {&js_login_oidc_def, &js_login_done_def},
    {&js_leaf_def, &js_text_def},
    {&js_ping_def, &js_pong_def},
};

#define WORDS_MAX 24
static const char *words[WORDS_MAX];
static size_t nwords;

static const char *
word(uint64_t max)
{
	static char noise[8][96];
	static unsigned turn;

	if (rnd(5)) {
		const char *w = words[rnd((uint32_t)nwords)];
		if (strlen(w) <= max)
			return w;
	}
	char *n = noise[turn++ % 8];
	size_t len = rnd(max < 90 ? (uint32_t)max + 1 : 90);
	for (size_t i = 0; i < len; i++)
		n[i] = (char)(1 + rnd(255));
	n[len] = 0;
	return n;
}

/* Fills every field with something that the table permits. */
static void
fill(const struct msg_def *d, char *m, const char **list)
{
	for (size_t i = 0; i < d->nf; i++) {
		const struct msg_field *f = &d->f[i];
		char *at = m + f->off;
		switch (f->kind) {
		case MSG_BOOL:
			*(bool *)at = rnd(2);
			break;
		case MSG_U32:
			*(uint32_t *)(void *)at = (uint32_t)(f->max ? rnd(UINT32_MAX) % f->max : 0);
			break;
		case MSG_U64:
			*(uint64_t *)(void *)at = rng;
			break;
		case MSG_I64:
			*(int64_t *)(void *)at = rnd(2) ? 180 : (int64_t)(rng % f->max);
			break;
		case MSG_STR:
			*(const char **)(void *)at = word(f->max);
			break;
		case MSG_DATA:
		case MSG_SECRET:
			*(struct slice *)(void *)at = slice_str(word(f->max));
			break;
		case MSG_STRS:
			for (int k = 0; k < 4; k++)
				list[k] = word(f->max);
			*(struct strs *)(void *)at = (struct strs){list, rnd(5)};
			break;
		}
	}
}

/* A good request of one person with some fields taken from elsewhere. */
static void
near_miss(struct js_cert_sign *m, const struct person *p, const struct js_cert_sign *noise)
{
	static const char *ext[] = {"permit-pty"};

	*m = (struct js_cert_sign){.app_token = p->app,
	                           .aud = KIT_AUD,
	                           .public_key = p->key.line,
	                           .principal = "",
	                           .ttl = 180,
	                           .extensions = {ext, 1}};
	for (int i = (int)rnd(3); i > 0; i--) {
		switch (rnd(6)) {
		case 0:
			m->app_token = noise->app_token;
			break;
		case 1:
			m->aud = noise->aud;
			break;
		case 2:
			m->public_key = noise->public_key;
			break;
		case 3:
			m->principal = noise->principal;
			break;
		case 4:
			m->ttl = noise->ttl;
			break;
		default:
			m->source_address = noise->source_address;
		}
	}
}

static void
test_hostile_fields(void **state)
{
	struct kit *k = *state;
	struct person a, b;
	struct kit_key evil;
	int certs = 0;

	ca(k, KIT_AUD);
	ca(k, KIT_AUD2);
	person_make(k, "jdoe@example.test", &a);
	person_make(k, "mary@example.test", &b);
	kit_key(&evil);
	char *half = str_dup_n(a.app, strlen(a.app) / 2);
	char *swap = str_fmt("%.*s%s", (int)(strrchr(a.app, '.') - a.app), a.app, strrchr(b.app, '.'));
	const char *w[] = {a.app,
	                   b.app,
	                   a.org,
	                   half,
	                   swap,
	                   a.key.line,
	                   b.key.line,
	                   evil.line,
	                   KIT_AUD,
	                   KIT_AUD2,
	                   "",
	                   "root",
	                   "jdoe",
	                   "mary",
	                   "permit-pty",
	                   "10.0.0.0/8",
	                   KIT_IDP,
	                   a.key.cnf,
	                   evil.cnf,
	                   "ed25519",
	                   "jdoe@example.test",
	                   "{\"type\":\"local\"}",
	                   "permit-agent-forwarding",
	                   "sess-1"};
	nwords = sizeof w / sizeof *w;
	memcpy(words, w, sizeof w);
	for (int i = 0; i < 3000; i++) {
		size_t which = rnd(3) ? 0 : rnd(sizeof pairs / sizeof *pairs);
		union {
			char m[1024];
			max_align_t align;
		} m = {0}, r = {0};
		const char *list[4];
		fill(pairs[which].ask, m.m, list);
		if (which == 0 && rnd(3)) {
			struct js_cert_sign near;
			near_miss(&near, rnd(2) ? &a : &b, (const void *)m.m);
			memcpy(m.m, &near, sizeof near);
		}
		assert_int_equal(kit_ask(k, pairs[which].ask, &m, pairs[which].reply, &r), 0);
		if (which == 0) {
			const struct js_cert_is *c = (const void *)r.m;
			const struct js_cert_sign *q = (const void *)m.m;
			if (c->certificate[0] == 0)
				continue;
			certs++; /* only what its owner consented to: that identity, its key, its name */
			bool is_a = strcmp(q->app_token, a.app) == 0, is_b = strcmp(q->app_token, b.app) == 0;
			assert_true(is_a || is_b);
			assert_string_equal(q->public_key, is_a ? a.key.line : b.key.line);
			assert_string_equal(c->principal, is_a ? "jdoe" : "mary");
			assert_string_equal(q->aud, KIT_AUD);
		} else if (pairs[which].ask == &js_login_oidc_def || pairs[which].ask == &js_api_mint_def) {
			uint32_t code;
			memcpy(&code, r.m, sizeof code);
			assert_int_not_equal(code, 0);
		}
	}
	printf("%d permitted certificates among 3000 hostile requests\n", certs);
	assert_in_range(certs, 100, 2000);
	assert_true(kit_alive(k));
	free(half);
	free(swap);
	person_free(&a);
	person_free(&b);
}

static void
test_hostile_bytes(void **state)
{
	struct kit *k = *state;
	struct js_ping ping = {0};
	struct js_pong pong;
	uint8_t frame[512];

	for (int i = 0; i < 400; i++) {
		kit_judge(k, true);
		size_t n = 12 + rnd(200), len = n - 4;
		for (size_t j = 0; j < n; j++)
			frame[j] = (uint8_t)rnd(256);
		if (rnd(4)) { /* a plausible head */
			uint8_t head[] = {
			    0, 0, (uint8_t)(len >> 8), (uint8_t)len, 3, (uint8_t)(1 + rnd(0x1d)), 0, (uint8_t)rnd(4), 0,
			    0, 0, (uint8_t)rnd(3)};
			memcpy(frame, head, sizeof head);
		}
		(void)!send(k->judge_raw, frame, n, MSG_NOSIGNAL);
		shutdown(k->judge_raw, SHUT_WR);
		struct pollfd p = {.fd = k->judge_raw, .events = POLLIN};
		while (poll(&p, 1, 10000) > 0) {
			uint8_t back[4096];
			if (read(k->judge_raw, back, sizeof back) <= 0)
				break;
		}
		assert_true(p.revents != 0); /* it closed the channel */
	}
	kit_judge(k, false);
	assert_int_equal(kit_ask(k, &js_ping_def, &ping, &js_pong_def, &pong), 0);
	assert_int_equal(pong.certificates, 0);
	assert_true(kit_alive(k));
}

/* --- tokens that the signer would not make
 * ------------------------------------------------------------------------------ */

static void
test_expired(void **state)
{
	struct kit *k = *state;
	struct keystore ks;
	struct reason r = {0};
	struct slice der;
	struct key *key = NULL, *foreign = NULL;
	struct js_cert_is cert;
	struct person a;
	struct buf out;
	char path[128], kid[65];
	int64_t now = clock_wall();

	ca(k, KIT_AUD);
	person_make(k, "jdoe@example.test", &a);
	kit_path(k, "store", path);
	char *node = kit_read(k, "node-key", NULL);
	assert_int_equal(keystore_open(&ks, open(path, O_RDWR | O_APPEND), (const uint8_t *)node, 1, &r), 0);
	assert_true(keystore_get(&ks, KS_TOKEN_KEY, "00000000", &der));
	assert_int_equal(key_import_private(kit_token_der(der), &key), 0);
	assert_int_equal(key_generate(KEY_RSA, 2048, &foreign), 0);
	assert_int_equal(key_kid(key, kid), 0);
	struct token t = {.type = TOKEN_APP,
	                  .iss = KIT_ISSUER,
	                  .aud = KIT_AUD,
	                  .sub = "11111111-2222-4333-8444-555555555555",
	                  .email = "jdoe@example.test",
	                  .idp_id = KIT_IDP,
	                  .idp_type = "local",
	                  .idp_iss = KIT_ISSUER "/idp/" KIT_IDP,
	                  .idp_sub = "x",
	                  .session = "s",
	                  .iat = now - 4000,
	                  .nbf = now - 4000,
	                  .exp = now - 100};
	buf_init(&out, 16384);
	assert_int_equal(token_mint(key, kid, &t, &out), 0);
	assert_int_equal(kit_sign(k, buf_cstr(&out), KIT_AUD, a.key.line, "", &cert), SP_TOKEN_EXPIRED);
	buf_clear(&out);
	t.exp = now + 1000;
	assert_int_equal(token_mint(foreign, kid, &t, &out), 0); /* right kid, wrong key */
	assert_int_equal(kit_sign(k, buf_cstr(&out), KIT_AUD, a.key.line, "", &cert), SP_TOKEN);
	buf_clear(&out);
	t.iss = "https://elsewhere.test";
	assert_int_equal(token_mint(key, kid, &t, &out), 0);
	assert_int_equal(kit_sign(k, buf_cstr(&out), KIT_AUD, a.key.line, "", &cert), SP_TOKEN);
	buf_release(&out);
	key_free(key);
	key_free(foreign);
	keystore_release(&ks);
	free(node);
	person_free(&a);
}

/* --- crash
 * ---------------------------------------------------------------------------------------------------------------- */

struct stream {
	struct kit *k;
	uint64_t got[512];
	int n, lost, stop_at;
};

static void
on_cert(int err, const void *m, void *arg)
{
	struct stream *s = arg;
	const struct js_cert_is *c = m;

	if (err < 0) {
		s->lost++;
		return;
	}
	assert_int_equal(c->code, 0);
	s->got[s->n++] = c->serial;
	if (s->n == s->stop_at)
		loop_stop(s->k->loop);
}

static void
test_kill_mid_stream(void **state)
{
	struct kit *k = *state;
	struct person a;
	struct js_pong pong;
	struct js_ping ping = {0};
	char hex[40];

	ca(k, KIT_AUD);
	person_make(k, "jdoe@example.test", &a);
	for (int round = 0; round < 3; round++) {
		struct stream s = {.k = k, .stop_at = 20 + 15 * round};
		struct js_cert_sign m = {.app_token = a.app, .aud = KIT_AUD, .public_key = a.key.line, .ttl = 60};
		for (int i = 0; i < 70; i++)
			assert_int_equal(
			    ipc_request(k->judge, &js_cert_sign_def, &m, &js_cert_is_def, 20000, on_cert, &s), 0);
		while (s.n < s.stop_at)
			loop_run(k->loop);
		kill(k->pid, SIGKILL);
		ipc_forget(k->judge, &s);
		kit_kill(k);
		char *jn = kit_read(k, "journal", NULL);
		for (int i = 0; i < s.n; i++) {
			snprintf(hex, sizeof hex, "\"serial\":\"%016llx\"", (unsigned long long)s.got[i]);
			assert_non_null(strstr(jn, hex));
			for (int j = 0; j < i; j++)
				assert_true(s.got[j] != s.got[i]);
		}
		free(jn);
		assert_true(kit_start(k));
		assert_int_equal(kit_ask(k, &js_ping_def, &ping, &js_pong_def, &pong), 0);
		assert_true(pong.certificates >= (uint64_t)s.n);
	}
	person_free(&a);
}

/* --- damage
 * --------------------------------------------------------------------------------------------------------------- */

static void
refused(struct kit *k, const char *text)
{
	assert_false(kit_start(k));
	if (!strstr(k->fatal, text))
		fail_msg("said: %s", k->fatal);
}

static void
test_damage(void **state)
{
	struct kit *k = *state;
	size_t ns, nj;

	ca(k, KIT_AUD);
	kit_stop(k);
	char *store = kit_read(k, "store", &ns), *jn = kit_read(k, "journal", &nj);
	/* torn tails are cut */
	char *torn = malloc(ns + 100);
	memcpy(torn, store, ns);
	memset(torn + ns, 0, 100);
	kit_write(k, "store", torn, ns + 60);
	assert_true(kit_start(k));
	kit_stop(k);
	memcpy(torn + ns, "\0\0\2\0abcdefg", 11);
	kit_write(k, "store", torn, ns + 11);
	char *tj = malloc(nj + 100);
	memcpy(tj, jn, nj);
	memcpy(tj + nj, "{\"n\":99,\"t\"", 11);
	kit_write(k, "journal", tj, nj + 11);
	assert_true(kit_start(k));
	ca(k, KIT_AUD2);
	kit_stop(k);
	assert_true(kit_start(k));
	kit_stop(k);
	/* anything else is refused, with a text that says where */
	store[ns / 2] ^= 1;
	kit_write(k, "store", store, ns);
	kit_write(k, "journal", jn, nj);
	refused(k, "keys/store: record ");
	store[ns / 2] ^= 1;
	store[ns - 3] ^= 1; /* the last record, whole but changed */
	kit_write(k, "store", store, ns);
	refused(k, "keys/store: record ");
	store[ns - 3] ^= 1;
	kit_write(k, "store", store, ns);
	jn[nj / 2] ^= 1;
	kit_write(k, "journal", jn, nj);
	refused(k, "keys/journal: line ");
	jn[nj / 2] ^= 1;
	char *cut = strchr(jn, '\n');
	kit_write(k, "journal", jn, (size_t)(cut + 1 - jn));
	refused(k, "restore both from one backup");
	kit_write(k, "journal", cut + 1, nj - (size_t)(cut + 1 - jn));
	refused(k, "keys/journal: line 1 ");
	kit_write(k, "journal", jn, nj);
	kit_write(k, "store", store, 16);
	refused(k, "restore both from one backup");
	kit_write(k, "store", "", 0);
	refused(k, "restore both from one backup");
	kit_write(k, "store", "something else entirely", 23);
	refused(k, "not a keystore");
	kit_write(k, "store", store, ns);
	kit_write(k, "node-key", "0123456789abcdef0123456789abcdef", 32);
	refused(k, "node key");
	kit_write(k, "node-key", "short", 5);
	refused(k, "node-key");
	free(store);
	free(jn);
	free(torn);
	free(tj);
}

/* The journal says it is later than the clock does. */
static void
test_clock(void **state)
{
	struct kit *k = *state;
	struct js_cert_is cert;
	struct person a;
	size_t n;
	char prev[65];

	ca(k, KIT_AUD);
	person_make(k, "jdoe@example.test", &a);
	kit_stop(k);
	char *jn = kit_read(k, "journal", &n), *last = jn;
	for (char *p = jn; *p; p++)
		if (*p == '\n' && p[1])
			last = p + 1;
	sha256_hex(last, (size_t)(jn + n - 1 - last), prev);
	json_t *o = NULL;
	assert_int_equal(json_load_strict(last, (size_t)(jn + n - 1 - last), 65536, &o), 0);
	char *more = str_fmt("%s{\"n\":%lld,\"t\":%lld,\"prev\":\"%s\",\"ks\":%lld,\"ev\":\"x\"}\n", jn,
	                     (long long)json_i64_or(o, "n", 0) + 1, (long long)clock_wall() + 3600, prev,
	                     (long long)json_i64_or(o, "ks", 0));
	kit_write(k, "journal", more, strlen(more));
	json_decref(o);
	free(jn);
	free(more);
	assert_true(kit_start(k));
	assert_int_equal(kit_sign(k, a.app, KIT_AUD, a.key.line, "", &cert), SP_INTERNAL);
	assert_non_null(strstr(cert.why, "clock"));
	person_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_hostile_fields, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_expired, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_kill_mid_stream, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
	};
	return cmocka_run_group_tests_name("signer_faults", tests, NULL, NULL);
}
