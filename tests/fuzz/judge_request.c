/*
 * A whole request through judge's router with nobody beside it: no front, signer or fetch. Every request must end in an
 * answer (here: nowhere) or in a waiting list. In headers and bodies "@api@", "@org@" and "@app@" stand for valid
 * tokens, so that what lies behind them is reached. The audit chain is closed: nothing is ever committed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"
#include "edge/role/role.h"
#include "fuzz.h"

#define HEADERS_MAX 32

static struct judge j;
static struct front f;
static char *api, *org, *app;

void
judge_open_fronts(struct judge *judge)
{
}

/* Never called: there is no role to run. */
int
role_fatal(struct role_run *run, const char *fmt, ...)
{
	abort();
}

static char *
mint(struct key *key, struct token *t, enum token_type type, const char *aud)
{
	struct buf b;

	t->type = type;
	t->iss = j.issuer;
	t->aud = aud;
	t->iat = t->nbf = judge_now() - 10;
	t->exp = judge_now() + 80000;
	char kid[65];

	MUST(key_kid(key, kid) == 0);
	buf_init(&b, 65536);
	MUST(token_mint(key, kid, t, &b) == 0);
	return buf_take_str(&b);
}

static void
put(const char *kind, const char *id, const char *json)
{
	MUST(store_put(j.store, kind, id, STORE_ANY, json, NULL, 0, NULL, NULL) == 0);
}

#define AUD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID(n) #n #n #n #n #n #n #n #n "-1111-4111-8111-111111111111"

static void
world(void)
{
	put("idp", ID(1), "{\"id\":\"" ID(1) "\",\"name\":\"local\",\"type\":\"local\"}");
	put("group", ID(2),
	    "{\"id\":\"" ID(2) "\",\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"example.test\"}}]}");
	put("tunnel", ID(3),
	    "{\"id\":\"" ID(
	        3) "\",\"name\":\"pool\",\"tunnel_secret\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}");
	put("app", ID(4),
	    "{\"id\":\"" ID(
	        4) "\",\"aud\":\"" AUD
	           "\",\"name\":\"ssh\",\"domain\":\"ssh.localhost\",\"type\":\"ssh\",\"tunnel\":\"pool\","
	           "\"service\":\"bastion\",\"default_destination\":\"localhost:22\",\"destinations\":[\"10.0.0.0/"
	           "8:22\"],\"policies\":[{\"id\":\"" ID(
	               5) "\",\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"group\":{\"name\":\"staff\"}}]}]}");
}

static void
sign_in(struct key *key)
{
	struct token t = {.sub = ID(6),
	                  .email = "jdoe@example.test",
	                  .idp_id = ID(1),
	                  .idp_type = "local",
	                  .idp_iss = "i",
	                  .idp_sub = "s",
	                  .session = "0123456789abcdef0123456789abcdef"};
	struct session *s = calloc(1, sizeof *s);

	MUST(s);
	s->id = str_dup(t.session);
	s->person = str_dup(t.sub);
	s->sub = str_dup(t.sub);
	s->iss = str_dup("i");
	s->subject = str_dup("s");
	s->email = str_dup(t.email);
	s->idp = str_dup(ID(1));
	s->idp_type = str_dup("local");
	s->created_at = judge_now();
	s->expires_at = judge_now() + 80000;
	MUST(map_put(&j.sessions, s->id, s) == 0);
	org = mint(key, &t, TOKEN_ORG, j.issuer);
	app = mint(key, &t, TOKEN_APP, AUD);
	struct token a = {.sub = "api:fuzz", .scopes = {{"read", "write"}, 2}, .jti = "1"};
	api = mint(key, &a, TOKEN_API, "https://team.localhost/api");
}

static void
once(void)
{
	static bool done;
	char dir[] = "/tmp/fuzz-judge-XXXXXX", text[128];
	struct key *key = NULL;
	struct snapshot *s = NULL;
	struct model_error err = {{0}};

	if (done)
		return;
	done = true;
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	MUST(mkdtemp(dir) && loop_new(&j.loop) == 0);
	judge_state_init(&j);
	j.state_fd = j.audit_fd = -1;
	str_copy(j.team_host, sizeof j.team_host, "team.localhost");
	str_copy(j.issuer, sizeof j.issuer, "https://team.localhost");
	str_copy(j.account, sizeof j.account, "a");
	str_copy(j.zone, sizeof j.zone, "z");
	str_copy(j.local_idp, sizeof j.local_idp, ID(1));
	MUST(store_open(dir, &j.store, NULL) == 0);
	world();
	MUST(snapshot_build(&j, false, &s, &err) == 0);
	snapshot_swap(&j, s);
	MUST(key_generate(KEY_RSA, 2048, &key) == 0);
	sign_in(key);
	MUST(jwks_add(&j.jwks, NULL, key) == 0);
	f = (struct front){.j = &j, .waiting_fd = -1};
	list_init(&f.reqs);
	static const char *const made[] = {"sallyport.db", "sallyport.db-wal", "sallyport.db-shm", "lock"};
	for (size_t i = 0; i < 4; i++) {
		snprintf(text, sizeof text, "%s/%s", dir, made[i]);
		unlink(text); /* the store's handles stay open */
	}
	rmdir(dir);
}

/* The text with its tokens put in; malloc'ed. */
static char *
filled(const char *s)
{
	struct buf b;

	buf_init(&b, 4u << 20);
	while (*s) {
		const char *t = !strncmp(s, "@api@", 5)   ? api
		                : !strncmp(s, "@org@", 5) ? org
		                : !strncmp(s, "@app@", 5) ? app
		                                          : NULL;
		if (t)
			buf_put_str(&b, t);
		else
			buf_put(&b, s, 1);
		s += t ? 5 : 1;
	}
	return buf_take_str(&b);
}

/* "[W]METHOD HOST TARGET", then "name: value" lines, an empty line, the body. Cuts s up. */
static bool
request_of(char *s, struct fj_request *m, const char *headers[2 * HEADERS_MAX])
{
	char *end = strchr(s, '\n'), *host, *target;

	if (!end)
		return false;
	*end++ = '\0';
	m->websocket = *s == 'W';
	m->method = s + m->websocket;
	if (!(host = strchr(s, ' ')) || !(target = strchr(host + 1, ' ')))
		return false;
	*host++ = *target++ = '\0';
	m->host = host;
	m->target = target;
	m->client_ip = "192.0.2.7";
	m->headers.v = headers;
	while (*end && *end != '\n') {
		char *line = end, *colon = strstr(line, ": ");
		if (!(end = strchr(line, '\n')) || !colon || colon > end || m->headers.n >= 2 * HEADERS_MAX)
			return false;
		*end++ = *colon = '\0';
		headers[m->headers.n++] = line;
		headers[m->headers.n++] = colon + 2;
	}
	m->body = slice_str(*end ? end + 1 : end);
	return strlen(m->host) <= 253 && strlen(m->target) <= 8192 && strlen(m->method) <= 16;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *headers[2 * HEADERS_MAX];
	struct fj_request m = {0};
	struct req *r = NULL;

	once();
	char *text = fuzz_text(p, n), *full = filled(text);
	MUST(full);
	if (request_of(full, &m, headers) && req_new(&j, &f, 1, &m, &r) == 0)
		route_dispatch(r);
	list_foreach (it, &f.reqs) {
		struct req *left = list_entry(it, struct req, link);
		MUST(left->waits); /* neither answered nor waiting: it would hang for ever */
		req_drop(left);
	}
	MUST(j.nreqs == 0);
	free(full);
	free(text);
	return 0;
}
