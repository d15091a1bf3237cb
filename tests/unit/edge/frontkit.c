/* The process under test with its parent and its judge. */
#include "frontkit.h"

struct kit kit;

/* --- waiting */

static void
kit_look(void *arg)
{
	(void)arg;
	kit.met = kit.until(kit.until_arg);
	if (kit.met || clock_mono_ms() > kit.deadline)
		loop_stop(kit.loop);
}

void
kit_wait(bool (*until)(void *), void *arg, const char *what)
{
	kit.until = until;
	kit.until_arg = arg;
	kit.deadline = clock_mono_ms() + KIT_WAIT;
	kit.met = until(arg);
	if (kit.met)
		return;
	timer_repeat(kit.loop, &kit.poll, 2, kit_look, NULL);
	loop_run(kit.loop);
	timer_stop(&kit.poll);
	if (kit.met)
		return;
	/* The tests share one process: connections of this one would call back into frames that are gone. */
	fprintf(stderr, "[  FAILED  ] waited %d s for: %s\n", KIT_WAIT / 1000, what);
	_exit(1);
}

bool
kit_flag(void *arg)
{
	return *(bool *)arg;
}

bool
kit_nonzero(void *arg)
{
	return *(unsigned *)arg != 0;
}

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
	const char *names = m->page < kit.pages ? kit.names[m->page] : "";

	(void)fd, (void)arg;
	if (!*names || !strcmp(m->have, names)) {
		ipc_reply(c, id, &fj_leaf_chain_def, &(struct fj_leaf_chain){.names = names, .pages = kit.pages});
		return;
	}
	EVP_PKEY *pub = d2i_PUBKEY(NULL, &p, (long)m->spki.n);
	X509 *leaf = tlskit_cert(pub, "edge", kit.ca, kit.ca_key, names);
	BIO *b = BIO_new(BIO_s_mem());
	char *pem;

	PEM_write_bio_X509(b, leaf);
	pem = tlskit_pem_end(b);
	ipc_reply(c, id, &fj_leaf_chain_def, &(struct fj_leaf_chain){.chain = pem, .names = names, .pages = kit.pages});
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
void
kit_new_judge(uint32_t i)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	assert_int_equal(ipc_new(kit.loop, sv[0], "front", &kit_judge_ops, NULL, &kit.judge[i]), 0);
	assert_int_equal(
	    ipc_send_fd(kit.parent, &pr_peer_def, &(struct pr_peer){.role = ROLE_JUDGE, .index = i}, sv[1]), 0);
	close(sv[1]);
}

void
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
	kit.ca = tlskit_cert(kit.ca_key, "test ca", NULL, NULL, NULL);
	tlskit_save(kit.ca_file, kit.ca);
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

void
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
	kit.names[0] = "DNS:app.localhost,DNS:h2.cftunnel.com";
	kit.pages = 1;
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
	kit_wait(kit_has_leaf, NULL, "kit_has_leaf");
}

bool
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
void
kit_stop(void)
{
	if (!kit.exited && kit.parent)
		ipc_send(kit.parent, &pr_drain_def, &(struct pr_drain){0});
	kit_wait(kit_gone, NULL, "front's orderly exit");
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
