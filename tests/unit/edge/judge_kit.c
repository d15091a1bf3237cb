#include "judge_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "core/json.h"
#include "core/str.h"
#include "core/url.h"
#include "crypto/seal.h"
#include "msg/parent_role.h"

#define JK_DEADLINE 30000

const char jk_document[] =
    "{\"identity_providers\":[{\"name\":\"local\",\"type\":\"local\",\"users\":["
    "{\"email\":\"jdoe@example.test\",\"password\":\"correct horse\",\"groups\":[\"ops\"]},"
    "{\"email\":\"eve@elsewhere.test\",\"password\":\"battery staple\"}]}],"
    "\"groups\":[{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"example.test\"}}]}],"
    "\"tunnels\":[{\"name\":\"pool\"}],"
    "\"apps\":[{\"name\":\"ssh\",\"domain\":\"ssh.localhost\",\"type\":\"ssh\",\"session_duration\":\"8h\",\"tunnel\":"
    "\"pool\","
    "\"service\":\"ssh://"
    "localhost:22\",\"policies\":[{\"name\":\"staff\",\"decision\":\"allow\",\"include\":[{\"group\":{\"name\":"
    "\"staff\"}}]}]},"
    "{\"name\":\"jump\",\"domain\":\"jump.localhost\",\"type\":\"self_hosted\",\"tunnel\":\"pool\",\"service\":"
    "\"bastion\","
    "\"default_destination\":\"localhost:22\",\"destinations\":[\"10.0.0.0/8:22\",\"db.internal:2222\"],"
    "\"policies\":[{\"name\":\"all\",\"decision\":\"allow\",\"include\":[{\"group\":{\"name\":\"staff\"}}]}]},"
    "{\"name\":\"bare\",\"domain\":\"bare.localhost\",\"type\":\"ssh\"}]}";

/* --- life
 * ------------------------------------------------------------------------------------------------------------- */

static void
on_ready(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct jk *k = arg;
	k->ready = true;
	loop_stop(k->s.loop);
}

static void
on_fatal(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct jk *k = arg;
	str_copy(k->fatal, sizeof k->fatal, ((const struct pr_fatal *)m)->why);
	loop_stop(k->s.loop);
}

static void
on_parent_gone(struct ipc *c, const char *why, void *arg)
{
	struct jk *k = arg;
	k->parent = NULL;
	k->gone = true;
	loop_stop(k->s.loop);
}

static void
on_front_gone(struct ipc *c, const char *why, void *arg)
{
	struct jk *k = arg;
	if (k->front == c)
		k->front = NULL;
}

static void
on_cut(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_cut *m = mv;
	struct jk *k = arg;
	if (k->ncuts < 64)
		k->cuts[k->ncuts++] = m->ticket;
	str_copy(k->last_cut_why, sizeof k->last_cut_why, m->why);
}

static void
on_push(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_push *m = mv;
	struct jk *k = arg;
	k->npush++;
	if (k->await_push)
		loop_stop(k->s.loop);
	k->push_version = m->version;
	str_copy(k->push_tunnel, sizeof k->push_tunnel, m->tunnel);
	str_copy(k->push_config, sizeof k->push_config, m->config);
}

static void
on_probe(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct jk *k = arg;

	k->probed = ((const struct fj_probe *)m)->link;
}

static void
on_unlink(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	((struct jk *)arg)->nunlink++;
}

static void
on_names(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
}

static void
on_clients(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_clients *m = mv;
	struct jk *k = arg;

	k->nclients = m->v.n / 2;
	str_copy(k->client_host, sizeof k->client_host, m->v.n ? m->v.v[0] : "");
}

static const struct ipc_row parent_rows[] = {{&pr_ready_def, 1, 0, on_ready}, {&pr_fatal_def, 1, 0, on_fatal}};
static const struct ipc_ops parent_ops = {parent_rows, 2, on_parent_gone};
static const struct ipc_row front_rows[] = {
    {&fj_cut_def, 1, 0, on_cut},     {&fj_push_def, 1, 0, on_push},           {&fj_unlink_def, 1, 0, on_unlink},
    {&fj_probe_def, 1, 0, on_probe}, {&fj_names_changed_def, 1, 0, on_names}, {&fj_clients_def, 1, 0, on_clients}};
static const struct ipc_ops front_ops = {front_rows, sizeof front_rows / sizeof *front_rows, on_front_gone};

struct handed {
	struct ipc *judge;
	uint32_t id;
};

static void
on_jwks_taken(int err, const void *m, void *arg)
{
	struct handed *h = arg;
	struct jh_fetched a = {.code = err ? 1104 : 0, .status = 200};

	ipc_reply(h->judge, h->id, &jh_fetched_def, &a);
	free(h);
}

/* Keys go straight to the signer; judge hears only that they did. */
static void
hand_jwks(struct jk *k, struct ipc *c, uint32_t id)
{
	struct sf_jwks m = {.provider = k->jwks_provider, .issuer = "https://idp.localhost", .jwks = k->jwks};
	struct handed *h = calloc(1, sizeof *h);

	*h = (struct handed){c, id};
	assert_int_equal(ipc_request(k->s.fetch, &sf_jwks_def, &m, &sf_jwks_taken_def, JK_DEADLINE, on_jwks_taken, h),
	                 0);
}

static void
on_fetch(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct jh_fetch *m = mv;
	struct jk *k = arg;
	const char *body = m->kind == FETCH_DISCOVERY  ? k->discovery
	                   : m->kind == FETCH_TOKEN    ? k->token_answer
	                   : m->kind == FETCH_REFRESH  ? k->refresh_answer
	                   : m->kind == FETCH_USERINFO ? k->userinfo
	                                               : "";
	struct jh_fetched a = {.code = body ? 0 : 1104, .status = body ? 200 : 502, .body = body ? body : ""};

	k->nfetched[m->kind]++;
	if (m->kind == FETCH_TOKEN && m->keep_until) {
		a.handle = k->handle;
		k->keep_until = m->keep_until;
	}
	if (m->kind == FETCH_REFRESH || m->kind == FETCH_USERINFO) {
		str_copy(k->last_handle, sizeof k->last_handle, m->handle);
		a.gone = m->kind == FETCH_REFRESH ? k->refresh_gone : k->userinfo_gone;
		if (a.gone)
			a.code = 1104;
		else if (m->kind == FETCH_USERINFO && !body)
			a.code = 1011;
		if (m->kind == FETCH_REFRESH && k->refresh_hangs)
			return;
	}
	if (m->kind == FETCH_JWKS && k->jwks) {
		hand_jwks(k, c, id);
		return;
	}
	str_copy(k->last_code, sizeof k->last_code, m->code);
	str_copy(k->last_verifier, sizeof k->last_verifier, m->verifier);
	ipc_reply(c, id, &jh_fetched_def, &a);
}

static void
on_fetch_gone(struct ipc *c, const char *why, void *arg)
{
	((struct jk *)arg)->fetch = NULL;
}

static void
on_forget(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	struct jk *k = arg;
	str_copy(k->forgotten, sizeof k->forgotten, ((const struct jh_forget *)mv)->handle);
}

static const struct ipc_row fetch_rows[] = {{&jh_fetch_def, 1, IPC_REQUEST, on_fetch},
                                            {&jh_forget_def, 1, 0, on_forget}};
static const struct ipc_ops fetch_ops = {fetch_rows, 2, on_fetch_gone};

static void
spawn(struct jk *k)
{
	int sv[2];
	const char *exe = getenv("SALLYPORT_JUDGE");

	assert_non_null(exe);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	k->pid = fork();
	if (k->pid == 0) {
		int log =
		    open(getenv("JUDGE_LOG") ? getenv("JUDGE_LOG") : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(log, 2);
		if (sv[1] == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(sv[1], 3);
		closefrom(4);
		execl(exe, "sallyport-judge", (char *)NULL);
		_exit(127);
	}
	close(sv[1]);
	k->ready = k->gone = false;
	assert_int_equal(ipc_new(k->s.loop, sv[0], "judge", &parent_ops, k, &k->parent), 0);
}

static void
give_folder(struct jk *k, const char *name, const char *path)
{
	struct pr_file m = {.name = name};
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ipc_send_fd(k->parent, &pr_file_def, &m, fd), 0);
	close(fd);
}

static void
give_peer(struct jk *k, enum role role, int fd)
{
	struct pr_peer m = {.role = role};
	assert_int_equal(ipc_send_fd(k->parent, &pr_peer_def, &m, fd), 0);
	close(fd);
}

void
jk_front_again(struct jk *k)
{
	int sv[2];

	if (k->front)
		ipc_close(k->front);
	k->front = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	give_peer(k, ROLE_FRONT, sv[1]);
	assert_int_equal(ipc_new(k->s.loop, sv[0], "judge", &front_ops, k, &k->front), 0);
	assert_int_equal(ipc_flush(k->parent), 0);
}

static void
fetch_again(struct jk *k)
{
	int sv[2];

	if (k->fetch)
		ipc_close(k->fetch);
	k->fetch = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	give_peer(k, ROLE_FETCH, sv[1]);
	assert_int_equal(ipc_new(k->s.loop, sv[0], "judge", &fetch_ops, k, &k->fetch), 0);
}

void
jk_signer_again(struct jk *k)
{
	kit_judge(&k->s, true);
	give_peer(k, ROLE_SIGNER, k->s.judge_raw);
	k->s.raw = false; /* its end is the judge's now */
	assert_int_equal(ipc_flush(k->parent), 0);
}

static void
start(struct jk *k)
{
	struct pr_start m = {.dir = k->s.dir,
	                     .team_host = JK_TEAM,
	                     .team_port = 8443,
	                     .issuer = KIT_ISSUER,
	                     .account = JK_ACCOUNT,
	                     .zone = JK_ZONE,
	                     .location = "edge1",
	                     .edge_no = 7,
	                     .log_level = "info",
	                     .threads = 1,
	                     .store = "sqlite",
	                     .admin_email = KIT_ADMIN,
	                     .local_idp = KIT_IDP,
	                     .handshake_ms = 1000,
	                     .head_ms = 1000,
	                     .body_ms = 1000,
	                     .drain_ms = 1000};
	struct pr_go go = {0};

	spawn(k);
	assert_int_equal(ipc_send(k->parent, &pr_start_def, &m), 0);
	give_folder(k, "state", k->state);
	give_folder(k, "audit", k->audit);
	jk_signer_again(k);
	fetch_again(k);
	jk_front_again(k);
	assert_int_equal(ipc_send(k->parent, &pr_go_def, &go), 0);
	while (!k->ready && !k->gone && !k->fatal[0])
		loop_run(k->s.loop);
	if (!k->ready)
		print_message("judge: %s\n", k->fatal);
	assert_true(k->ready);
}

void
jk_new(struct jk *k)
{
	memset(k, 0, sizeof *k);
	kit_new(&k->s);
	assert_true(kit_start(&k->s));
	kit_path(&k->s, "state", k->state);
	kit_path(&k->s, "audit", k->audit);
	assert_int_equal(mkdir(k->state, 0700), 0);
	assert_int_equal(mkdir(k->audit, 0700), 0);
	start(k);
}

static int
stop(struct jk *k, bool hard)
{
	struct pr_drain m = {0};
	int status = 0;

	if (hard)
		kill(k->pid, SIGKILL);
	else if (k->parent)
		ipc_send(k->parent, &pr_drain_def, &m);
	while (k->parent)
		loop_run(k->s.loop);
	if (k->front)
		ipc_close(k->front);
	if (k->fetch)
		ipc_close(k->fetch);
	k->front = k->fetch = NULL;
	waitpid(k->pid, &status, 0);
	k->pid = 0;
	return status;
}

void
jk_judge_restart(struct jk *k)
{
	stop(k, true);
	start(k);
}

static void
empty_folder(const char *path)
{
	char cmd[300];
	snprintf(cmd, sizeof cmd, "%s", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	static const char *const names[] = {"sallyport.db", "sallyport.db-wal", "sallyport.db-shm", "lock",
	                                    "000000000001.log"};
	for (size_t i = 0; fd >= 0 && i < sizeof names / sizeof *names; i++)
		unlinkat(fd, names[i], 0);
	if (fd >= 0)
		close(fd);
	rmdir(path);
}

void
jk_wait_push(struct jk *k)
{
	k->await_push = true;
	while (!k->npush)
		loop_run(k->s.loop);
	k->await_push = false;
}

void
jk_free(struct jk *k)
{
	int status = stop(k, false);

	empty_folder(k->state);
	empty_folder(k->audit);
	kit_free(&k->s);
	assert_int_equal(status, 0);
}

/* --- requests
 * ------------------------------------------------------------------------------------------------------------ */

static void
on_answer(int err, const void *mv, void *arg)
{
	struct reply *r = arg;
	const struct fj_answer *m = mv;

	r->err = err;
	r->done = true;
	loop_stop(r->k->s.loop);
	if (err)
		return;
	r->action = m->action;
	r->status = m->status;
	for (size_t i = 0; i < m->headers.n && r->nheaders < 80; i++)
		r->headers[r->nheaders++] = str_dup(m->headers.v[i]);
	r->body = str_dup_n(m->body.p ? m->body.p : (const uint8_t *)"", m->body.n);
	r->nbody = m->body.n;
	str_copy(r->tunnel, sizeof r->tunnel, m->tunnel);
	str_copy(r->authority, sizeof r->authority, m->authority);
	str_copy(r->path, sizeof r->path, m->path);
	r->ticket = m->ticket;
	r->until = m->until;
	if (r->body && (r->body[0] == '{' || r->body[0] == '['))
		json_load_strict(r->body, r->nbody, 1u << 20, &r->json);
}

static void
begin(struct jk *k, const char *method, const char *host, const char *target, const char *const *headers,
      const char *body, bool ws, struct reply *ret)
{
	struct fj_request m = {.method = method,
	                       .host = host,
	                       .port = 8443,
	                       .target = target,
	                       .client_ip = "192.0.2.7",
	                       .websocket = ws,
	                       .body = slice_str(body ? body : ""),
	                       .cert = k->cert};

	memset(ret, 0, sizeof *ret);
	ret->k = k;
	while (headers && headers[m.headers.n])
		m.headers.n++;
	m.headers.v = (const char **)(uintptr_t)headers;
	assert_int_equal(ipc_request(k->front, &fj_request_def, &m, &fj_answer_def, JK_DEADLINE * 2, on_answer, ret),
	                 0);
}

void
jk_begin(struct jk *k, const char *method, const char *host, const char *target, const char *const *headers,
         const char *body, struct reply *ret)
{
	begin(k, method, host, target, headers, body, false, ret);
}

void
jk_wait(struct jk *k, struct reply *r)
{
	while (!r->done)
		loop_run(k->s.loop);
	assert_int_equal(r->err, 0);
}

void
jk_ask(struct jk *k, const char *method, const char *host, const char *target, const char *const *headers,
       const char *body, struct reply *ret)
{
	jk_begin(k, method, host, target, headers, body, ret);
	jk_wait(k, ret);
}

void
jk_websocket(struct jk *k, const char *host, const char *token, const char *destination, struct reply *ret)
{
	const char *h[10];
	size_t n = 0;

	h[n++] = "sec-websocket-key";
	h[n++] = "dGhlIHNhbXBsZSBub25jZQ==";
	if (token) {
		h[n++] = "cf-access-token";
		h[n++] = token;
	}
	if (destination) {
		h[n++] = "cf-access-jump-destination";
		h[n++] = destination;
	}
	h[n] = NULL;
	begin(k, "GET", host, "/", h, NULL, true, ret);
	jk_wait(k, ret);
}

void
jk_socket(struct jk *k, const char *host, const char *const *headers, struct reply *ret)
{
	begin(k, "GET", host, "/", headers, NULL, true, ret);
	jk_wait(k, ret);
}

void
jk_reply_free(struct reply *r)
{
	for (size_t i = 0; i < r->nheaders; i++)
		free(r->headers[i]);
	free(r->body);
	json_decref(r->json);
	memset(r, 0, sizeof *r);
}

const char *
jk_header(const struct reply *r, const char *name)
{
	for (size_t i = 0; i + 1 < r->nheaders; i += 2)
		if (!strcmp(r->headers[i], name))
			return r->headers[i + 1];
	return NULL;
}

/* --- browser
 * ----------------------------------------------------------------------------------------------------------------- */

static char *
jar_find(struct jk *k, const char *host, const char *name)
{
	char key[512];

	snprintf(key, sizeof key, "%s %s", host, name);
	for (size_t i = 0; i < JK_JAR; i++)
		if (!strcmp(k->jar[i][0], key))
			return k->jar[i][1];
	return NULL;
}

static void
jar_put(struct jk *k, const char *host, const char *set)
{
	char name[64], *slot;
	size_t n = strcspn(set, "="), v = strcspn(set + n + 1, ";");

	assert_int_equal(str_copy_n(name, sizeof name, set, n), 0);
	if (!(slot = jar_find(k, host, name))) {
		for (size_t i = 0; i < JK_JAR && !slot; i++)
			if (!k->jar[i][0][0]) {
				snprintf(k->jar[i][0], sizeof k->jar[i][0], "%s %s", host, name);
				slot = k->jar[i][1];
			}
	}
	assert_non_null(slot);
	assert_int_equal(str_copy_n(slot, sizeof k->jar[0][1], set + n + 1, v), 0);
}

const char *
jk_cookie(struct jk *k, const char *host, const char *name)
{
	return jar_find(k, host, name);
}

void
jk_cookies_clear(struct jk *k)
{
	memset(k->jar, 0, sizeof k->jar);
}

void
jk_browse(struct jk *k, const char *method, const char *host, const char *target, const char *body, struct reply *ret)
{
	char cookies[16384] = "", prefix[300];
	size_t n = 0;

	snprintf(prefix, sizeof prefix, "%s ", host);
	for (size_t i = 0; i < JK_JAR; i++)
		if (str_starts(k->jar[i][0], prefix) && k->jar[i][1][0])
			n += (size_t)snprintf(cookies + n, sizeof cookies - n, "%s%s=%s", n ? "; " : "",
			                      k->jar[i][0] + strlen(prefix), k->jar[i][1]);
	const char *h[] = {"accept", "text/html,*/*", "cookie", cookies, NULL};
	if (!n)
		h[2] = NULL;
	jk_ask(k, method, host, target, h, body, ret);
	for (size_t i = 0; i + 1 < ret->nheaders; i += 2)
		if (!strcmp(ret->headers[i], "set-cookie"))
			jar_put(k, host, ret->headers[i + 1]);
}

char *
jk_between(const char *text, const char *from, const char *to)
{
	const char *a = strstr(text, from), *b;

	assert_non_null(a);
	a += strlen(from);
	b = strstr(a, to);
	assert_non_null(b);
	return str_dup_n(a, (size_t)(b - a));
}

/* "&amp;" of an attribute back to what it says. */
static void
unescape(char *s)
{
	char *w = s;

	for (; *s; s++) {
		*w++ = *s;
		if (!strncmp(s, "&amp;", 5))
			s += 4;
	}
	*w = '\0';
}

unsigned
jk_sign_in(struct jk *k, const char *host, const char *email, const char *password)
{
	struct reply r;
	char target[300], *csrf, *action, form[1024];
	struct buf b;
	unsigned status;

	snprintf(target, sizeof target, "/cdn-cgi/access/login/%s?redirect_url=%%2F", host);
	jk_browse(k, "GET", JK_TEAM, target, NULL, &r);
	assert_int_equal(r.status, 200);
	csrf = jk_between(r.body, "name=\"csrf\" value=\"", "\"");
	action = jk_between(r.body, "action=\"", "\"");
	unescape(action);
	jk_reply_free(&r);
	buf_init(&b, 1024);
	url_escape(&b, password);
	snprintf(form, sizeof form, "csrf=%s&email=%s&password=%s&code=", csrf, email, buf_cstr(&b));
	buf_release(&b);
	jk_browse(k, "POST", JK_TEAM, action, form, &r);
	status = r.status;
	free(csrf);
	free(action);
	jk_reply_free(&r);
	return status;
}

char *
jk_app_token(struct jk *k, const char *host)
{
	struct reply r;
	char *path;

	jk_browse(k, "GET", host, "/", NULL, &r);
	assert_int_equal(r.status, 302);
	path = str_dup(strstr(jk_header(&r, "location"), "/cdn-cgi/"));
	jk_reply_free(&r);
	jk_browse(k, "GET", JK_TEAM, path, NULL, &r);
	free(path);
	if (r.status != 302) {
		jk_reply_free(&r);
		return NULL;
	}
	path = str_dup(strstr(jk_header(&r, "location"), "/cdn-cgi/"));
	jk_reply_free(&r);
	jk_browse(k, "GET", host, path, NULL, &r);
	assert_int_equal(r.status, 302);
	free(path);
	jk_reply_free(&r);
	return str_dup(jk_cookie(k, host, "CF_Authorization"));
}

/* --- a client
 * ------------------------------------------------------------------------------------------------------------ */

/* The app token of a sealed answer; malloc'ed, NULL when it is a refusal. */
static char *
unseal(const struct reply *r, const struct box_key *key)
{
	const char *service = jk_header(r, "service-public-key");
	struct buf pub, boxed, plain;
	json_t *o = NULL;

	buf_init(&pub, 64);
	buf_init(&boxed, 65536);
	buf_init(&plain, 65536);
	assert_non_null(service);
	assert_int_equal(b64_decode(&pub, B64_URL_PAD, service, strlen(service)), 0);
	assert_int_equal(b64_decode(&boxed, B64_STD, r->body, r->nbody), 0);
	assert_int_equal(box_open(key, buf_ptr(&pub), buf_slice(&boxed), &plain), 0);
	assert_int_equal(json_load_strict(buf_ptr(&plain), buf_len(&plain), 65536, &o), 0);
	char *token = str_dup(json_str_or(o, "app_token", NULL));
	json_decref(o);
	buf_release(&pub);
	buf_release(&boxed);
	buf_release(&plain);
	return token;
}

char *
jk_client_token(struct jk *k, const char *host, const char *cnf)
{
	char name[65], path[160], *page, *csrf, form[128];
	struct box_key key;
	struct reply poll, r;
	struct buf esc;

	box_key_generate(&key);
	assert_int_equal(b64_encode_str(name, sizeof name, B64_URL_PAD, key.pub, 32), 0);
	buf_init(&esc, 256);
	assert_int_equal(url_escape(&esc, name), 0);
	page = str_fmt("/cdn-cgi/access/cli?token=%s&cnf=%s&app=%s", buf_cstr(&esc), cnf, host);
	buf_release(&esc);
	snprintf(path, sizeof path, "/cdn-cgi/access/transfer/%s", name);
	jk_begin(k, "GET", JK_TEAM, path, NULL, NULL, &poll);
	jk_browse(k, "GET", JK_TEAM, page, NULL, &r);
	if (r.status == 200) {
		csrf = jk_between(r.body, "name=\"csrf\" value=\"", "\"");
		snprintf(form, sizeof form, "csrf=%s", csrf);
		free(csrf);
		jk_reply_free(&r);
		jk_browse(k, "POST", JK_TEAM, page, form, &r);
	}
	jk_wait(k, &poll);
	char *token = unseal(&poll, &key);
	jk_reply_free(&poll);
	jk_reply_free(&r);
	free(page);
	box_key_release(&key);
	return token;
}

/* --- administrator
 * -------------------------------------------------------------------------------------------------------------- */

json_t *
jk_api(struct jk *k, const char *method, const char *path, const char *body, struct reply *ret)
{
	char target[1024], bearer[8192];

	snprintf(target, sizeof target, "%s%s", path[0] == '/' ? "" : JK_API, path);
	snprintf(bearer, sizeof bearer, "Bearer %s", k->s.admin_token);
	const char *h[] = {"authorization", bearer, "content-type", "application/json", NULL};
	jk_ask(k, method, JK_TEAM, target, h, body, ret);
	return ret->json ? json_object_get(ret->json, "result") : NULL;
}

void
jk_apply(struct jk *k, const char *json)
{
	struct reply r;

	jk_api(k, "POST", "sallyport/apply", json, &r);
	if (r.status != 200)
		print_message("apply: %u %s\n", r.status, r.body);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
}

struct registered {
	struct jk *k;
	bool done;
	char *cause, *config;
};

static void
on_registered(int err, const void *mv, void *arg)
{
	struct registered *r = arg;
	const struct fj_registered *m = mv;

	assert_int_equal(err, 0);
	r->done = true;
	str_copy(r->cause, 128, m->cause);
	str_copy(r->config, 4096, m->config);
	loop_stop(r->k->s.loop);
}

void
jk_register(struct jk *k, uint64_t link, const char *tunnel, struct slice secret, unsigned index,
            char cause[static 128], char config[static 4096])
{
	char client[37]; /* each link another connector's: one index of one connector is taken once */
	struct registered r = {.k = k, .cause = cause, .config = config};
	snprintf(client, sizeof client, "99999999-8888-4777-8666-%012llx", (unsigned long long)link);
	struct fj_register m = {.link = link,
	                        .account = JK_ACCOUNT,
	                        .tunnel = tunnel,
	                        .secret = secret,
	                        .index = index,
	                        .client_id = client,
	                        .version = "2026.7.3",
	                        .arch = "linux_amd64",
	                        .address = "192.0.2.9:4711",
	                        .origin_ip = "10.1.2.3"};

	assert_int_equal(
	    ipc_request(k->front, &fj_register_def, &m, &fj_registered_def, JK_DEADLINE, on_registered, &r), 0);
	while (!r.done)
		loop_run(k->s.loop);
}

void
jk_connect(struct jk *k)
{
	char cause[128], config[4096];
	struct reply r;
	json_t *t = json_array_get(jk_api(k, "GET", JK_API "cfd_tunnel", NULL, &r), 0);
	char id[40];
	str_copy(id, sizeof id, json_str_or(t, "id", ""));
	jk_reply_free(&r);
	char path[200];
	snprintf(path, sizeof path, JK_API "cfd_tunnel/%s/token", id);
	struct buf tok, raw;
	json_t *tj = NULL;
	buf_init(&tok, 4096);
	buf_init(&raw, 4096);
	const char *text = json_string_value(jk_api(k, "GET", path, NULL, &r));
	assert_int_equal(b64_decode(&tok, B64_STD, text, strlen(text)), 0);
	assert_int_equal(json_load_strict(buf_ptr(&tok), buf_len(&tok), 4096, &tj), 0);
	const char *s = json_str_or(tj, "s", "");
	assert_int_equal(b64_decode(&raw, B64_STD, s, strlen(s)), 0);
	jk_register(k, 1, id, buf_slice(&raw), 0, cause, config);
	assert_string_equal(cause, "");
	json_decref(tj);
	buf_release(&tok);
	buf_release(&raw);
	jk_reply_free(&r);
}
