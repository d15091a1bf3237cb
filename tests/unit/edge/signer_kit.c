#include "signer_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/str.h"
#include "msg/parent_role.h"
#include "ssh/sshkey.h"

#define KIT_DEADLINE 20000

void
kit_path(const struct kit *k, const char *name, char out[static 128])
{
	snprintf(out, 128, "%s/%s", k->dir, name);
}

char *
kit_read(const struct kit *k, const char *name, size_t *ret_n)
{
	char path[128];
	struct stat st;
	kit_path(k, name, path);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	char *p = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	close(fd);
	if (ret_n)
		*ret_n = (size_t)st.st_size;
	return p;
}

void
kit_write(const struct kit *k, const char *name, const void *p, size_t n)
{
	char path[128];
	kit_path(k, name, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/* --- the parent's side -----------------------------------------------------------------------------------------------
 */

static void
on_ready(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct kit *k = arg;

	k->ready = true;
	loop_stop(k->loop);
}

static void
on_fatal(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct kit *k = arg;

	str_copy(k->fatal, sizeof k->fatal, ((const struct pr_fatal *)m)->why);
	loop_stop(k->loop);
}

static void
on_parent_gone(struct ipc *c, const char *why, void *arg)
{
	struct kit *k = arg;

	k->parent = NULL;
	k->gone = true;
	loop_stop(k->loop);
}

static void
on_judge_gone(struct ipc *c, const char *why, void *arg)
{
	struct kit *k = arg;

	k->judge = NULL;
	k->judge_gone = true;
	loop_stop(k->loop);
}

static void
on_fetch_gone(struct ipc *c, const char *why, void *arg)
{
	((struct kit *)arg)->fetch = NULL;
}

static void
on_provider(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct sf_provider *m = mv;
	struct kit *k = arg;

	str_copy(k->provider_id, sizeof k->provider_id, m->id);
	str_copy_n(k->provider_record, sizeof k->provider_record, m->record.p, m->record.n);
}

static void
on_mail(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct sf_mail *m = mv;
	struct kit *k = arg;

	str_copy(k->mail_to, sizeof k->mail_to, m->to);
	str_copy_n(k->mail_pin, sizeof k->mail_pin, m->pin.p, m->pin.n);
}

static const struct ipc_row parent_rows[] = {{&pr_ready_def, 1, 0, on_ready}, {&pr_fatal_def, 1, 0, on_fatal}};
static const struct ipc_ops parent_ops = {parent_rows, 2, on_parent_gone};
static void
on_keys_changed(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
}

static const struct ipc_row judge_rows[] = {{&sj_keys_changed_def, 1, 0, on_keys_changed}};
static const struct ipc_ops judge_ops = {judge_rows, 1, on_judge_gone};
static void
on_key(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct sf_key *m = mv;
	struct kit *k = arg;

	assert_int_equal(m->key.n, sizeof k->fetch_key);
	memcpy(k->fetch_key, m->key.p, sizeof k->fetch_key);
}

static const struct ipc_row fetch_rows[] = {
    {&sf_key_def, 1, 0, on_key}, {&sf_provider_def, 1, 0, on_provider}, {&sf_mail_def, 1, 0, on_mail}};
static const struct ipc_ops fetch_ops = {fetch_rows, 3, on_fetch_gone};

static void
spawn(struct kit *k, const char *arg)
{
	int sv[2];
	const char *exe = getenv("SALLYPORT_SIGNER");
	assert_non_null(exe);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	k->pid = fork();
	if (k->pid == 0) {
		int log = open(getenv("SIGNER_LOG") ? getenv("SIGNER_LOG") : "/dev/null", O_WRONLY | O_CREAT | O_APPEND,
		               0600);
		dup2(log, 2);
		if (sv[1] == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(sv[1], 3);
		closefrom(4);
		execl(exe, "sallyport-signer", arg, (char *)NULL);
		_exit(127);
	}
	close(sv[1]);
	k->ready = k->gone = k->judge_gone = false;
	k->fatal[0] = 0;
	assert_int_equal(loop_new(&k->loop), 0);
	assert_int_equal(ipc_new(k->loop, sv[0], "signer", &parent_ops, k, &k->parent), 0);
}

static void
give(struct kit *k, const char *name, int flags)
{
	char path[128];
	struct pr_file m = {.name = name};
	kit_path(k, name, path);
	int fd = open(path, flags | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ipc_send_fd(k->parent, &pr_file_def, &m, fd), 0);
	close(fd);
}

static void
configure(struct kit *k)
{
	struct pr_start m = {.dir = k->dir,
	                     .team_host = "team.localhost",
	                     .team_port = 8443,
	                     .issuer = KIT_ISSUER,
	                     .edge_no = 7,
	                     .log_level = "info",
	                     .handshake_ms = 1000,
	                     .head_ms = 1000,
	                     .body_ms = 1000,
	                     .drain_ms = 1000};

	assert_int_equal(ipc_send(k->parent, &pr_start_def, &m), 0);
	give(k, "store", O_RDWR | O_APPEND);
	give(k, "journal", O_RDWR | O_APPEND);
	give(k, "node-key", O_RDONLY);
}

static void
on_reply(int err, const void *m, void *arg)
{
	struct kit *k = arg;
	struct buf b;

	k->err = err;
	k->done = true;
	if (err == 0) { /* a copy that outlives the callback */
		buf_init(&b, MSG_BYTES_MAX);
		assert_int_equal(msg_encode(k->reply_def, m, &b), 0);
		uint8_t *p = arena_alloc(&k->arena, buf_len(&b) + 1);
		assert_non_null(p);
		memcpy(p, buf_ptr(&b), buf_len(&b));
		assert_int_equal(msg_decode(k->reply_def, (struct slice){p, buf_len(&b)}, &k->arena, k->reply), 0);
		buf_release(&b);
	}
	loop_stop(k->loop);
}

static int
ask_on(struct kit *k, struct ipc *c, const struct msg_def *d, const void *m, const struct msg_def *reply, void *ret)
{
	arena_release(&k->arena);
	arena_init(&k->arena, 8u << 20);
	k->reply_def = reply;
	k->reply = ret;
	k->done = false;
	int e = ipc_request(c, d, m, reply, KIT_DEADLINE, on_reply, k);
	if (e < 0)
		return e;
	while (!k->done)
		loop_run(k->loop);
	return k->err;
}

int
kit_ask(struct kit *k, const struct msg_def *d, const void *m, const struct msg_def *reply, void *ret)
{
	return ask_on(k, k->judge, d, m, reply, ret);
}

static int
reap(struct kit *k)
{
	int status = 0;

	if (k->judge)
		ipc_close(k->judge);
	if (k->fetch)
		ipc_close(k->fetch);
	if (k->parent)
		ipc_close(k->parent);
	k->judge = k->fetch = k->parent = NULL;
	if (k->raw && k->judge_raw >= 0)
		close(k->judge_raw);
	k->raw = false;
	if (k->pid > 0)
		waitpid(k->pid, &status, 0);
	k->pid = 0;
	if (k->loop)
		loop_free(k->loop);
	k->loop = NULL;
	return status;
}

void
kit_new(struct kit *k)
{
	struct si_init m = {.admin_email = KIT_ADMIN, .local_idp = KIT_IDP, .setup_ttl = 3600};
	struct si_inited a;
	uint8_t node[32];

	memset(k, 0, sizeof *k);
	arena_init(&k->arena, 8u << 20);
	str_copy(k->dir, sizeof k->dir, "/tmp/signer-test-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	for (int i = 0; i < 32; i++)
		node[i] = (uint8_t)(i * 7);
	kit_write(k, "node-key", node, 32);
	kit_write(k, "store", "", 0);
	kit_write(k, "journal", "", 0);
	spawn(k, "--init");
	configure(k);
	assert_int_equal(ask_on(k, k->parent, &si_init_def, &m, &si_inited_def, &a), 0);
	assert_string_equal(a.why, "");
	assert_int_equal(a.code, 0);
	k->admin_token = str_dup_n(a.admin_token.p, a.admin_token.n);
	k->cert_token = str_dup_n(a.cert_token.p, a.cert_token.n);
	k->tls_ca = str_dup(a.tls_ca);
	str_copy_n(k->setup_code, sizeof k->setup_code, a.setup_code.p, a.setup_code.n);
	assert_int_equal(reap(k), 0);
}

static void
peer(struct kit *k, enum role role, const struct ipc_ops *ops, struct ipc **ret)
{
	struct pr_peer m = {.role = role};
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(ipc_send_fd(k->parent, &pr_peer_def, &m, sv[1]), 0);
	close(sv[1]);
	if (k->raw && role == ROLE_JUDGE)
		k->judge_raw = sv[0];
	else
		assert_int_equal(ipc_new(k->loop, sv[0], "signer", ops, k, ret), 0);
}

void
kit_judge(struct kit *k, bool raw)
{
	if (k->judge)
		ipc_close(k->judge);
	if (k->raw)
		close(k->judge_raw);
	k->judge = NULL;
	k->raw = raw;
	k->judge_gone = false;
	peer(k, ROLE_JUDGE, &judge_ops, &k->judge);
	assert_int_equal(ipc_flush(k->parent), 0);
}

bool
kit_start(struct kit *k)
{
	struct pr_go go = {0};

	spawn(k, NULL);
	configure(k);
	peer(k, ROLE_JUDGE, &judge_ops, &k->judge);
	peer(k, ROLE_FETCH, &fetch_ops, &k->fetch);
	assert_int_equal(ipc_send(k->parent, &pr_go_def, &go), 0);
	while (!k->ready && !k->gone && !k->fatal[0])
		loop_run(k->loop);
	if (!k->ready)
		reap(k);
	return k->ready;
}

bool
kit_alive(struct kit *k)
{
	return k->pid > 0 && waitpid(k->pid, NULL, WNOHANG) == 0;
}

void
kit_stop(struct kit *k)
{
	struct pr_drain m = {0};

	if (k->parent) {
		ipc_send(k->parent, &pr_drain_def, &m);
		ipc_flush(k->parent);
		while (k->parent)
			loop_run(k->loop); /* it ends by itself, in order */
	}
	assert_int_equal(reap(k), 0);
}

void
kit_kill(struct kit *k)
{
	kill(k->pid, SIGKILL);
	reap(k);
}

void
kit_free(struct kit *k)
{
	static const char *const names[] = {"store", "journal", "node-key", "cert.pub"};
	char path[128];

	kit_stop(k);
	for (size_t i = 0; i < 4; i++) {
		kit_path(k, names[i], path);
		unlink(path);
	}
	rmdir(k->dir);
	free(k->admin_token);
	free(k->cert_token);
	free(k->tls_ca);
	arena_release(&k->arena);
}

/* --- frequent requests -------------------------------------------------------------------------------------------- */

static struct slice
text(const char *s)
{
	return slice_str(s ? s : "");
}

int
kit_account(struct kit *k, const char *email, const char *password, const char *totp)
{
	struct js_account_put m = {.admin_token = k->admin_token,
	                           .idp = KIT_IDP,
	                           .email = email,
	                           .password = text(password),
	                           .totp = text(totp)};
	struct js_done a;

	assert_int_equal(kit_ask(k, &js_account_put_def, &m, &js_done_def, &a), 0);
	return (int)a.code;
}

int
kit_login(struct kit *k, const char *email, const char *password, const char *code, struct js_login_done *ret)
{
	struct js_login_local m = {.idp = KIT_IDP,
	                           .email = email,
	                           .password = text(password),
	                           .code = text(code),
	                           .session = "sess-1",
	                           .ttl = 86400,
	                           .client_ip = "127.0.0.1"};

	assert_int_equal(kit_ask(k, &js_login_local_def, &m, &js_login_done_def, ret), 0);
	return (int)ret->code;
}

char *
kit_org(struct kit *k, const char *email, const char *password)
{
	struct js_login_done a;

	assert_int_equal(kit_login(k, email, password, "", &a), 0);
	return str_dup(a.org_token);
}

char *
kit_app(struct kit *k, const char *org, const char *aud, const char *cnf)
{
	struct js_app_token m = {.org_token = org, .aud = aud, .cnf = cnf, .country = "FR", .ttl = 3600};
	struct js_text a;

	assert_int_equal(kit_ask(k, &js_app_token_def, &m, &js_text_def, &a), 0);
	return a.code == 0 ? str_dup(a.text) : NULL;
}

int
kit_sign(struct kit *k, const char *app, const char *aud, const char *key, const char *principal,
         struct js_cert_is *ret)
{
	static const char *ext[] = {"permit-pty", "permit-port-forwarding", "permit-user-rc"};
	struct js_cert_sign m = {.app_token = app,
	                         .aud = aud,
	                         .public_key = key,
	                         .principal = principal,
	                         .ttl = 180,
	                         .extensions = {ext, 3}};

	assert_int_equal(kit_ask(k, &js_cert_sign_def, &m, &js_cert_is_def, ret), 0);
	return (int)ret->code;
}

void
kit_key(struct kit_key *ret)
{
	struct key *key = NULL;
	struct sshkey pub = {0};
	struct buf b;

	buf_init(&b, sizeof ret->line);
	assert_int_equal(key_generate(KEY_ED25519, 0, &key), 0);
	assert_int_equal(sshkey_from_key(key, "u@h", &pub), 0);
	assert_int_equal(sshkey_format_line(&pub, &b), 0);
	str_copy_n(ret->line, sizeof ret->line, buf_ptr(&b), buf_len(&b));
	sshkey_cnf(sshkey_blob(&pub), ret->cnf);
	sshkey_release(&pub);
	key_free(key);
	buf_release(&b);
}
