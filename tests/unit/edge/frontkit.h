/*
 * frontkit: a real sallyport-front with a scripted parent, judge and connector around it, all on one loop of the test.
 *
 * The parent end speaks parent_role over the child's fd 3; the judge ends answer what the test tells them to; the
 * connector is h2link and control_client over real TLS; users are TLS connections that collect what they hear.
 */
#ifndef TEST_FRONTKIT_H
#define TEST_FRONTKIT_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* each test uses some of it */
#include "../io/tlskit.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"
#include "io/conn.h"
#include "io/ipc.h"
#include "io/net_listen.h"
#include "msg/front_judge.h"
#include "msg/parent_role.h"
#include "wire/control.h"
#include "wire/h2link.h"
#include "wire/websocket.h"

#define KIT_THREADS 2
#define KIT_TUNNEL "11111111-2222-4333-8444-555555555555"
#define KIT_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define KIT_WAIT 15000

struct seen { /* what judge heard, newest last */
	uint64_t link, down_link, leaving_link, config_link, began, ended, up, down, live, link_up;
	char down_why[128], ended_why[128], local[4096], method[17], host[254], target[256], ip[64], headers[4096],
	    body[256];
	char register_account[65], register_tunnel[37], register_version[65], register_arch[65], register_features[256],
	    register_origin[64];
	char live_tunnel[37], live_assertion[256], live_ip[64], up_tunnel[37];
	uint8_t secret[64];
	size_t nsecret;
	unsigned requests, registers, index, config_version, downs, leavings, configs, locals, begans, endeds, lives,
	    ups;
	bool config_ok, websocket, replace;
};

struct kit {
	struct loop *loop;
	pid_t pid;
	int exit_status;
	bool exited;
	struct ipc *parent, *judge[KIT_THREADS];
	bool ready, lost_parent;
	int port[3];
	EVP_PKEY *ca_key;
	X509 *ca;
	char ca_file[64];
	struct tls_ctx *user_tls, *tunnel_tls;
	struct seen seen;
	/* what judge says */
	struct fj_answer answer;
	const char *refuse, *config;
	uint32_t config_version;
	bool silent, retry, ready_says;
	struct loop_timer poll;
	int64_t deadline;
	bool (*until)(void *);
	void *until_arg;
	bool met;
	unsigned leaves;
};

static struct kit kit;

/* --- waiting */

static void
kit_look(void *arg)
{
	(void)arg;
	kit.met = kit.until(kit.until_arg);
	if (kit.met || clock_mono_ms() > kit.deadline)
		loop_stop(kit.loop);
}

static bool
kit_wait(bool (*until)(void *), void *arg)
{
	kit.until = until;
	kit.until_arg = arg;
	kit.deadline = clock_mono_ms() + KIT_WAIT;
	kit.met = until(arg);
	if (kit.met)
		return true;
	timer_repeat(kit.loop, &kit.poll, 2, kit_look, NULL);
	loop_run(kit.loop);
	timer_stop(&kit.poll);
	return kit.met;
}

static bool
kit_flag(void *arg)
{
	return *(bool *)arg;
}

static bool
kit_nonzero(void *arg)
{
	return *(unsigned *)arg != 0;
}

#define WAIT_FLAG(f) assert_true(kit_wait(kit_flag, &(f)))
#define WAIT_SOME(n) assert_true(kit_wait(kit_nonzero, &(n)))

/* --- judge */

static void
kit_strs(char *out, size_t size, const struct strs *s, const char *sep)
{
	out[0] = '\0';
	for (size_t i = 0; i < s->n; i++)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", s->v[i], sep);
}

static void
kit_on_request(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_request *m = mv;
	struct seen *s = &kit.seen;

	(void)fd, (void)arg;
	s->requests++;
	snprintf(s->method, sizeof s->method, "%s", m->method);
	snprintf(s->host, sizeof s->host, "%s", m->host);
	snprintf(s->target, sizeof s->target, "%s", m->target);
	snprintf(s->ip, sizeof s->ip, "%s", m->client_ip);
	snprintf(s->body, sizeof s->body, "%.*s", (int)m->body.n, (const char *)m->body.p);
	kit_strs(s->headers, sizeof s->headers, &m->headers, "|");
	s->websocket = m->websocket;
	if (!kit.silent)
		ipc_reply(c, id, &fj_answer_def, &kit.answer);
}

static void
kit_on_register(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_register *m = mv;
	struct seen *s = &kit.seen;
	struct fj_registered r = {.cause = kit.refuse ? kit.refuse : "",
	                          .retry = kit.retry,
	                          .conn_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
	                          .location = "edge1",
	                          .remote = kit.config != NULL,
	                          .version = kit.config_version,
	                          .config = kit.config ? kit.config : ""};

	(void)fd, (void)arg;
	s->registers++;
	s->link = m->link;
	s->index = m->index;
	s->replace = m->replace;
	snprintf(s->register_account, sizeof s->register_account, "%s", m->account);
	snprintf(s->register_tunnel, sizeof s->register_tunnel, "%s", m->tunnel);
	snprintf(s->register_version, sizeof s->register_version, "%s", m->version);
	snprintf(s->register_arch, sizeof s->register_arch, "%s", m->arch);
	snprintf(s->register_origin, sizeof s->register_origin, "%s", m->origin_ip);
	kit_strs(s->register_features, sizeof s->register_features, &m->features, ",");
	s->nsecret = m->secret.n < sizeof s->secret ? m->secret.n : sizeof s->secret;
	memcpy(s->secret, m->secret.p, s->nsecret);
	if (!kit.silent)
		ipc_reply(c, id, &fj_registered_def, &r);
}

static void
kit_on_leaf(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_leaf *m = mv;
	const unsigned char *p = m->spki.p;
	EVP_PKEY *pub = d2i_PUBKEY(NULL, &p, (long)m->spki.n);
	X509 *leaf = kit_cert(pub, "edge", kit.ca, kit.ca_key, "DNS:app.localhost,DNS:h2.cftunnel.com");
	BIO *b = BIO_new(BIO_s_mem());
	char *pem;

	(void)fd, (void)arg;
	PEM_write_bio_X509(b, leaf);
	pem = kit_pem_end(b);
	ipc_reply(c, id, &fj_leaf_chain_def, &(struct fj_leaf_chain){.chain = pem});
	kit.leaves++;
	free(pem);
	X509_free(leaf);
	EVP_PKEY_free(pub);
}

static void
kit_on_status(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	(void)m, (void)fd, (void)arg;
	ipc_reply(c, id, &fj_status_is_def,
	          &(struct fj_status_is){
	              .ready = kit.ready_says, .roles = "judge=up", .metrics = "sallyport_judge_test 1\n"});
}

static void
kit_on_note(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	(void)c, (void)id, (void)mv, (void)fd, (void)arg;
}

static void
kit_on_began(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.begans++;
	kit.seen.began = ((const struct fj_ticket_began *)mv)->ticket;
}

static void
kit_on_ended(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_ticket_ended *m = mv;

	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.endeds++;
	kit.seen.ended = m->ticket;
	kit.seen.up = m->bytes_up;
	kit.seen.down = m->bytes_down;
	snprintf(kit.seen.ended_why, sizeof kit.seen.ended_why, "%s", m->why);
}

static void
kit_on_down(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_link_down *m = mv;

	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.downs++;
	kit.seen.down_link = m->link;
	snprintf(kit.seen.down_why, sizeof kit.seen.down_why, "%s", m->why);
}

static void
kit_on_leaving(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.leavings++;
	kit.seen.leaving_link = ((const struct fj_link_leaving *)mv)->link;
}

static void
kit_on_config(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_link_config *m = mv;

	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.configs++;
	kit.seen.config_link = m->link;
	kit.seen.config_version = m->version;
	kit.seen.config_ok = m->ok;
}

static void
kit_on_local(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.locals++;
	snprintf(kit.seen.local, sizeof kit.seen.local, "%s", ((const struct fj_local_config *)mv)->config);
}

static void
kit_on_link_up(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_link_up *m = mv;

	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.ups++;
	kit.seen.link_up = m->link;
	snprintf(kit.seen.up_tunnel, sizeof kit.seen.up_tunnel, "%s", m->tunnel);
}

static void
kit_on_live(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_ticket_live *m = mv;

	(void)c, (void)id, (void)fd, (void)arg;
	kit.seen.lives++;
	kit.seen.live = m->ticket;
	snprintf(kit.seen.live_tunnel, sizeof kit.seen.live_tunnel, "%s", m->tunnel);
	snprintf(kit.seen.live_assertion, sizeof kit.seen.live_assertion, "%s", m->assertion);
	snprintf(kit.seen.live_ip, sizeof kit.seen.live_ip, "%s", m->client_ip);
}

static const struct ipc_row kit_judge_rows[] = {
    {&fj_request_def, 1, IPC_REQUEST, kit_on_request},
    {&fj_register_def, 1, IPC_REQUEST, kit_on_register},
    {&fj_leaf_def, 1, IPC_REQUEST, kit_on_leaf},
    {&fj_status_def, 1, IPC_REQUEST, kit_on_status},
    {&fj_ticket_began_def, 1, 0, kit_on_began},
    {&fj_ticket_ended_def, 1, 0, kit_on_ended},
    {&fj_link_down_def, 1, 0, kit_on_down},
    {&fj_link_leaving_def, 1, 0, kit_on_leaving},
    {&fj_link_config_def, 1, 0, kit_on_config},
    {&fj_local_config_def, 1, 0, kit_on_local},
    {&fj_link_up_def, 1, 0, kit_on_link_up},
    {&fj_ticket_live_def, 1, 0, kit_on_live},
    {&pr_ping_def, 1, 0, kit_on_note},
};

static void
kit_judge_closed(struct ipc *c, const char *why, void *arg)
{
	(void)why, (void)arg;
	for (int i = 0; i < KIT_THREADS; i++)
		if (kit.judge[i] == c)
			kit.judge[i] = NULL;
}

static const struct ipc_ops kit_judge_ops = {kit_judge_rows, sizeof kit_judge_rows / sizeof *kit_judge_rows,
                                             kit_judge_closed};

/* Gives front a fresh channel to judge for thread i. */
static void
kit_new_judge(uint32_t i)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	assert_int_equal(ipc_new(kit.loop, sv[0], "front", &kit_judge_ops, NULL, &kit.judge[i]), 0);
	assert_int_equal(
	    ipc_send_fd(kit.parent, &pr_peer_def, &(struct pr_peer){.role = ROLE_JUDGE, .index = i}, sv[1]), 0);
	close(sv[1]);
}

static void
kit_judge_all(const struct msg_def *d, const void *m)
{
	for (int i = 0; i < KIT_THREADS; i++)
		ipc_send(kit.judge[i], d, m);
}

/* --- parent */

static void
kit_on_ready(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	(void)c, (void)id, (void)m, (void)fd, (void)arg;
	kit.ready = true;
}

static void
kit_on_fatal(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	(void)c, (void)id, (void)fd, (void)arg;
	print_error("front: %s\n", ((const struct pr_fatal *)m)->why);
}

static const struct ipc_row kit_parent_rows[] = {{&pr_ready_def, 1, 0, kit_on_ready},
                                                 {&pr_fatal_def, 1, 0, kit_on_fatal}};

static void
kit_parent_closed(struct ipc *c, const char *why, void *arg)
{
	(void)c, (void)why, (void)arg;
	kit.parent = NULL;
	kit.lost_parent = true;
}

static const struct ipc_ops kit_parent_ops = {kit_parent_rows, 2, kit_parent_closed};

static void
kit_spawn(void)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	kit.pid = fork();
	if (kit.pid == 0) {
		if (dup2(sv[1], 3) != 3)
			_exit(126);
		if (sv[1] == 3)
			fcntl(3, F_SETFD, 0);
		execl(FRONT_EXE, "sallyport-front", (char *)NULL);
		_exit(127);
	}
	close(sv[1]);
	assert_int_equal(ipc_new(kit.loop, sv[0], "front", &kit_parent_ops, NULL, &kit.parent), 0);
}

static void
kit_listen(uint32_t kind)
{
	struct reason why;
	char text[64];
	int fd;

	assert_int_equal(listen_open("127.0.0.1:0", &fd, text, &why), 0);
	kit.port[kind] = atoi(strrchr(text, ':') + 1);
	assert_int_equal(
	    ipc_send_fd(kit.parent, &pr_listener_def, &(struct pr_listener){.kind = kind, .addr = text}, fd), 0);
	close(fd);
}

static void
kit_tls(void)
{
	struct reason why;

	kit.ca_key = EVP_EC_gen("P-256");
	kit.ca = kit_cert(kit.ca_key, "test ca", NULL, NULL, NULL);
	kit_save(kit.ca_file, kit.ca);
	assert_int_equal(tls_client_new(kit.ca_file, true, &kit.user_tls, &why), 0);
	assert_int_equal(tls_client_alpn(kit.user_tls, "http/1.1"), 0);
	assert_int_equal(tls_client_new(kit.ca_file, true, &kit.tunnel_tls, &why), 0);
}

static bool
kit_has_leaf(void *arg)
{
	(void)arg;
	return kit.leaves > 0 && kit.ready;
}

static void
kit_start(void)
{
	struct pr_start start = {.team_host = "team.localhost",
	                         .location = "edge1",
	                         .log_level = getenv("FRONT_LOG") ? getenv("FRONT_LOG") : "error",
	                         .threads = KIT_THREADS,
	                         .handshake_ms = 2000,
	                         .head_ms = 2000,
	                         .body_ms = 2000,
	                         .drain_ms = 3000};

	memset(&kit, 0, sizeof kit);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_new(&kit.loop), 0);
	kit_tls();
	kit_spawn();
	assert_int_equal(ipc_send(kit.parent, &pr_start_def, &start), 0);
	for (uint32_t k = LISTEN_USERS; k <= LISTEN_METRICS; k++)
		kit_listen(k);
	for (uint32_t i = 0; i < KIT_THREADS; i++)
		kit_new_judge(i);
	assert_int_equal(ipc_send(kit.parent, &pr_go_def, &(struct pr_go){0}), 0);
	kit.ready_says = true;
	assert_true(kit_wait(kit_has_leaf, NULL));
}

static bool
kit_gone(void *arg)
{
	int st;

	(void)arg;
	if (!kit.exited && waitpid(kit.pid, &st, WNOHANG) == kit.pid) {
		kit.exited = true;
		kit.exit_status = st;
	}
	return kit.exited;
}

/* Drains front and demands an orderly exit. */
static void
kit_stop(void)
{
	if (!kit.exited && kit.parent)
		ipc_send(kit.parent, &pr_drain_def, &(struct pr_drain){0});
	if (!kit_wait(kit_gone, NULL))
		kill(kit.pid, SIGKILL);
	assert_true(kit.exited);
	assert_int_equal(kit.exit_status, 0);
	for (int i = 0; i < KIT_THREADS; i++)
		ipc_close(kit.judge[i]);
	ipc_close(kit.parent);
	tls_ctx_unref(kit.user_tls);
	tls_ctx_unref(kit.tunnel_tls);
	EVP_PKEY_free(kit.ca_key);
	X509_free(kit.ca);
	unlink(kit.ca_file);
}

/* --- users */

struct user {
	struct conn *c;
	struct buf in;
	uint64_t got; /* all bytes heard */
	bool opened, closed, eof, discard;
	enum conn_why why;
	void (*on_data)(struct user *u, uint8_t *d, size_t n);
	void (*on_drained)(struct user *u);
	char error[128];
};

static void
user_opened(struct conn *c, void *arg)
{
	(void)c;
	((struct user *)arg)->opened = true;
}

static void
user_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct user *u = arg;

	(void)c;
	u->got += n;
	if (u->on_data)
		u->on_data(u, d, n);
	else if (!u->discard)
		assert_int_equal(buf_put(&u->in, d, n), 0);
}

static void
user_drained(struct conn *c, void *arg)
{
	struct user *u = arg;

	(void)c;
	if (u->on_drained)
		u->on_drained(u);
}

static void
user_eof(struct conn *c, void *arg)
{
	struct user *u = arg;

	u->eof = true;
	conn_shutdown(c);
}

static void
user_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct user *u = arg;

	u->closed = true;
	u->why = why;
	snprintf(u->error, sizeof u->error, "%s", conn_error_text(c));
	u->c = NULL;
}

static const struct conn_ops user_ops = {user_opened, user_data, user_drained, user_eof, user_closed};

static struct sockaddr_in
kit_addr(int kind)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	                            .sin_port = htons((uint16_t)kit.port[kind]),
	                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void
user_dial(struct user *u, int kind)
{
	struct sockaddr_in a = kit_addr(kind);

	memset(u, 0, sizeof *u);
	buf_init(&u->in, 16u << 20);
	assert_int_equal(conn_new_client(kit.loop, &a, sizeof a, kind == LISTEN_METRICS ? NULL : kit.user_tls,
	                                 kind == LISTEN_METRICS ? NULL : "app.localhost", &user_ops, u, &u->c),
	                 0);
	WAIT_FLAG(u->opened);
}

static void
user_say(struct user *u, const char *text)
{
	assert_int_equal(conn_write(u->c, text, strlen(text)), 0);
}

struct heard {
	struct user *u;
	const char *what;
};

static bool
user_has(void *arg)
{
	struct heard *h = arg;
	const char *text = buf_cstr(&h->u->in);

	return text && strstr(text, h->what);
}

static void
user_hear(struct user *u, const char *what)
{
	struct heard h = {u, what};

	if (!kit_wait(user_has, &h)) {
		print_error("waited for: %s\nheard: %s\n", what, buf_cstr(&u->in));
		fail();
	}
}

static void
user_end(struct user *u)
{
	if (u->c)
		conn_close(u->c);
	if (!u->closed)
		WAIT_FLAG(u->closed);
	buf_release(&u->in);
}

/* --- connector */

struct connector;
struct origin { /* one stream at the connector */
	struct connector *k;
	struct h2stream *s;
	char head[8192];
	struct buf in;
	uint64_t got;
	bool ended, closed, control, config, hold, discard;
	uint64_t send, sent; /* a flood of the pattern */
	bool end_after;
	uint32_t error;
	void (*on_data)(struct origin *o, uint8_t *d, size_t n);
};

struct connector {
	struct conn *c;
	struct h2link *h;
	struct control_client *rpc;
	struct h2stream *control;
	struct loop_defer flush;
	bool registered, refused, unregistered, config_taken, closed, opened, control_closed;
	enum conn_why why;
	struct control_error error;
	struct control_details details;
	uint8_t index;
	bool manual;                                 /* do not register by itself */
	const char *status, *config_reply, *version; /* what streams are answered */
	bool mute, bad_accept;
	struct origin *last; /* newest session stream */
	unsigned streams;
	bool has_stream;
	char pushed[4096];
	unsigned pushes;
	bool (*pump)(struct origin *o);
};

static void
connector_flush(void *arg)
{
	struct connector *k = arg;
	const uint8_t *d;
	size_t n;

	while (k->h && k->c && conn_queued(k->c) < (1u << 20)) {
		assert_int_equal(h2link_pull(k->h, &d, &n), 0);
		if (n == 0 || conn_write(k->c, d, n) < 0)
			return;
	}
}

static void
connector_kick(struct connector *k)
{
	defer_arm(kit.loop, &k->flush, connector_flush, k);
}

static void
connector_register(struct connector *k)
{
	struct control_register r = {.account = "acct0123",
	                             .secret = {(const uint8_t *)"0123456789abcdef0123456789abcdef", 32},
	                             .index = k->index,
	                             .features = {"allow_remote_config", "serialized_headers"},
	                             .nfeatures = 2,
	                             .version = k->version ? k->version : "2026.1.0",
	                             .arch = "linux_amd64",
	                             .replace = true,
	                             .attempts = 3};
	static const uint8_t ip[4] = {192, 0, 2, 7};
	struct buf out;

	uuid_parse(KIT_TUNNEL, r.tunnel);
	memset(r.client_id, 7, sizeof r.client_id);
	r.origin_ip = (struct slice){ip, 4};
	buf_init(&out, CONTROL_MSG_MAX);
	assert_int_equal(control_client_register(k->rpc, &r, &out), 0);
	assert_int_equal(h2stream_write(k->control, buf_ptr(&out), buf_len(&out)), 0);
	buf_release(&out);
	connector_kick(k);
}

static const char *
head_value(const struct h2_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(h[i].name, name) == 0)
			return h[i].value;
	return "";
}

static void
connector_answer(struct connector *k, struct h2stream *s, const struct h2_header *h, size_t n)
{
	char accept[29];
	struct h2_header user[3] = {
	    {"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-Websocket-Accept", accept}};
	struct h2_header head[3] = {{":status", k->status ? k->status : "200"},
	                            {"cf-cloudflared-response-headers", ""},
	                            {"cf-cloudflared-response-meta", "{\"src\":\"origin\"}"}};
	struct buf packed;

	ws_accept_value(head_value(h, n, "sec-websocket-key"), accept);
	if (k->bad_accept)
		accept[0] = accept[0] == 'A' ? 'B' : 'A';
	buf_init(&packed, 4096);
	h2_headers_pack(&packed, user, 3);
	head[1].value = buf_cstr(&packed);
	assert_int_equal(h2stream_respond(s, head, 3, strcmp(head[0].value, "200") != 0), 0);
	buf_release(&packed);
}

static void
connector_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	static const struct h2_header plain[] = {{":status", "200"}, {"content-type", "application/octet-stream"}};
	const char *kind = head_value(h, n, "cf-cloudflared-proxy-connection-upgrade");
	struct connector *k = arg;
	struct origin *o = calloc(1, sizeof *o);

	(void)end;
	o->k = k;
	o->s = s;
	buf_init(&o->in, 8u << 20);
	h2stream_set_arg(s, o);
	for (size_t i = 0; i < n; i++)
		snprintf(o->head + strlen(o->head), sizeof o->head - strlen(o->head), "%s: %s\n", h[i].name,
		         h[i].value);
	if (strcmp(kind, "control-stream") == 0) {
		o->control = true;
		k->control = s;
		assert_int_equal(h2stream_respond(s, plain, 2, false), 0);
		if (!k->manual)
			connector_register(k);
	} else if (strcmp(kind, "update-configuration") == 0) {
		o->config = true;
	} else {
		k->last = o;
		k->streams++;
		k->has_stream = true;
		if (!k->mute)
			connector_answer(k, s, h, n);
	}
	connector_kick(k);
}

static void
connector_rpc(struct connector *k, struct origin *o, const uint8_t *d, size_t n)
{
	enum control_answer a;
	struct reason why = {0};
	struct buf out;
	size_t used;

	buf_init(&out, CONTROL_MSG_MAX);
	while (n) {
		assert_int_equal(control_client_feed(k->rpc, d, n, &used, &a, &out, &why), 0);
		d += used;
		n -= used;
		if (a == CONTROL_REGISTERED) {
			k->details = *control_client_details(k->rpc);
			k->registered = true;
		} else if (a == CONTROL_REFUSED) {
			k->error = *control_client_error(k->rpc);
			k->refused = true;
		} else if (a == CONTROL_UNREGISTERED) {
			k->unregistered = true;
		} else if (a == CONTROL_CONFIG_TAKEN) {
			k->config_taken = true;
		}
	}
	if (buf_len(&out))
		h2stream_write(o->s, buf_ptr(&out), buf_len(&out));
	buf_release(&out);
}

static void
connector_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	o->got += n;
	if (o->control)
		connector_rpc(k, o, d, n);
	else if (o->on_data)
		o->on_data(o, d, n);
	else if (!o->discard)
		assert_int_equal(buf_put(&o->in, d, n), 0);
	if (!o->hold)
		h2stream_consume(s, n);
	connector_kick(k);
}

static void
connector_end(struct h2stream *s, void *arg)
{
	static const struct h2_header plain[] = {{":status", "200"}, {"content-type", "text/plain"}};
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	o->ended = true;
	if (o->config) {
		snprintf(k->pushed, sizeof k->pushed, "%s", buf_cstr(&o->in));
		k->pushes++;
		assert_int_equal(h2stream_respond(s, plain, 2, false), 0);
		h2stream_write(s, k->config_reply, strlen(k->config_reply));
		h2stream_end(s);
	} else if (!o->control) {
		h2stream_end(s); /* as the stock connector does (a.6) */
	}
	connector_kick(k);
}

static void
connector_drained(struct h2stream *s, void *arg)
{
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	if (k->pump && !o->control && !o->config)
		k->pump(o);
}

static void
connector_stream_closed(struct h2stream *s, uint32_t error, void *arg)
{
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	o->closed = true;
	o->error = error;
	o->s = NULL;
	if (o->control) {
		k->control = NULL;
		k->control_closed = true;
	}
	if (o != k->last) {
		buf_release(&o->in);
		free(o);
	}
}

static void
connector_pong(struct h2link *h, void *arg)
{
	(void)h, (void)arg;
}

static const struct h2link_ops connector_h2_ops = {connector_headers, connector_data,          connector_end,
                                                   connector_drained, connector_stream_closed, connector_pong};

static void
connector_opened(struct conn *c, void *arg)
{
	struct connector *k = arg;

	(void)c;
	k->opened = true;
	assert_int_equal(h2link_new(H2_CONNECTOR, 1000, &connector_h2_ops, k, &k->h), 0);
	connector_kick(k);
}

static void
connector_conn_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct connector *k = arg;
	struct reason why = {0};

	(void)c;
	if (h2link_feed(k->h, d, n, &why) < 0) {
		print_error("connector: %s\n", why.text);
		fail();
	}
	connector_kick(k);
}

static void
connector_conn_drained(struct conn *c, void *arg)
{
	(void)c;
	connector_flush(arg);
}

static void
connector_conn_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct connector *k = arg;

	(void)c;
	k->closed = true;
	k->why = why;
	k->c = NULL;
	defer_cancel(&k->flush);
	if (k->h)
		h2link_free(k->h);
	k->h = NULL;
	control_client_free(k->rpc);
	k->rpc = NULL;
}

static const struct conn_ops connector_ops = {.opened = connector_opened,
                                              .data = connector_conn_data,
                                              .drained = connector_conn_drained,
                                              .closed = connector_conn_closed};

static void
connector_dial(struct connector *k)
{
	struct sockaddr_in a = kit_addr(LISTEN_TUNNELS);

	assert_int_equal(control_client_new(&k->rpc), 0);
	if (!k->config_reply)
		k->config_reply = "{\"lastAppliedVersion\":7,\"err\":null}";
	assert_int_equal(
	    conn_new_client(kit.loop, &a, sizeof a, kit.tunnel_tls, "h2.cftunnel.com", &connector_ops, k, &k->c), 0);
}

static void
connector_end_all(struct connector *k)
{
	struct origin *o;

	if (k->c)
		conn_close(k->c);
	if (!k->closed)
		WAIT_FLAG(k->closed);
	o = k->last;
	if (o) {
		buf_release(&o->in);
		free(o);
	}
	k->last = NULL;
}

/* A judge that relays every request to the kit's tunnel. */
static void
kit_relay(uint64_t ticket)
{
	static const char *h[] = {"cf-cloudflared-proxy-connection-upgrade",
	                          "websocket",
	                          "sec-websocket-key",
	                          KIT_KEY,
	                          "sec-websocket-version",
	                          "13",
	                          "cf-access-jwt-assertion",
	                          "header.payload.signature",
	                          "cf-connecting-ip",
	                          "192.0.2.33"};

	kit.answer = (struct fj_answer){.action = ANSWER_RELAY,
	                                .headers = {h, 10},
	                                .tunnel = KIT_TUNNEL,
	                                .authority = "app.localhost",
	                                .path = "/",
	                                .ticket = ticket};
}

#define KIT_UPGRADE                                                                      \
	"GET / HTTP/1.1\r\nHost: app.localhost:8443\r\nConnection: Upgrade\r\nUpgrade: " \
	"websocket\r\nSec-WebSocket-Version: 13\r\n"                                     \
	"Sec-WebSocket-Key: " KIT_KEY "\r\n\r\n"

/* A connector that is registered and a user whose session is relayed over it. */
static void
kit_session(struct connector *k, struct user *u, uint64_t ticket)
{
	if (!k->registered) {
		connector_dial(k);
		WAIT_FLAG(k->registered);
	}
	kit_relay(ticket);
	k->has_stream = false;
	kit.seen.begans = 0;
	user_dial(u, LISTEN_USERS);
	user_say(u, KIT_UPGRADE);
	user_hear(u, "\r\n\r\n");
	WAIT_FLAG(k->has_stream);
	WAIT_SOME(kit.seen.begans);
	assert_int_equal(kit.seen.began, ticket);
	assert_non_null(strstr(buf_cstr(&u->in), "HTTP/1.1 101 "));
	buf_clear(&u->in);
}

#endif
