/* init: `sallyport-signer --init`, once in an edge's life: keys, TLS authority, local provider, first tokens, setup
 * code. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/signer/main.h"
#include "io/sandbox.h"
#include "msg/parent_role.h"
#include "msg/signer_init.h"

#define CHANNEL_FD 3
#define API_TTL 31536000

struct init {
	struct signer *s;
	struct ipc *parent;
	int status;
};

static int
make_provider(struct signer *s, const char *id, struct reason *r)
{
	struct buf b;

	buf_init(&b, 512);
	buf_putf(&b, "{\"id\":\"%s\",\"name\":\"local\",\"type\":\"local\"}", id);
	int e = provider_store(s, id, buf_slice(&b), "init", r);
	buf_release(&b);
	return e;
}

static int
make_all(struct signer *s, const struct si_init *m, struct buf *admin, struct buf *cert, char code[static 41],
         struct reason *r)
{
	static const char *const all[] = {"read", "write", "idp:write", "principals:write", "tokens:write"};
	uint8_t u[16];
	int e;

	if (uuid_parse(m->local_idp, u) < 0)
		return reason_set(r, E_FORMAT, SP_CONFIG, "local_idp is not a UUID");
	if ((e = signer_load(s, r)) < 0)
		return e;
	if (s->ks.seq || s->jn.n)
		return reason_set(r, E_EXIST, SP_CONFIG, "keys/ holds keys already; nothing was changed");
	if ((e = signer_note(s, r, "begin", "issuer", s->issuer, NULL)) < 0 || (e = tokens_make_key(s, r)) < 0 ||
	    (e = leaf_make_ca(s, r)) < 0 || (e = make_provider(s, m->local_idp, r)) < 0)
		return e;
	if ((e = tokens_mint_api(s, "admin", all, 5, API_TTL, "init", admin, r)) < 0 ||
	    (e = tokens_mint_api(s, "cert.pem", all, 2, API_TTL, "init", cert, r)) < 0)
		return e;
	if (m->admin_email[0] && (e = setup_make(s, m->admin_email, m->local_idp, m->setup_ttl, code, r)) < 0)
		return e;
	return signer_commit(s);
}

static void
on_init(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct init *in = arg;
	struct si_inited a = {0};
	struct reason r = {0};
	struct sandbox_limits lim = {.nofile = 64};
	struct buf admin, cert;
	char code[41] = "";

	buf_init_secret(&admin, 16384);
	buf_init_secret(&cert, 16384);
	int e = sandbox_enter(SANDBOX_SIGNER, &lim);
	if (e < 0)
		reason_set(&r, e, SP_CONFIG, "the sandbox could not be entered");
	else
		e = make_all(in->s, m, &admin, &cert, code, &r);
	signer_result(e, &r, &a.code, &a.why);
	if (e == 0) {
		a.admin_token = buf_slice(&admin);
		a.cert_token = buf_slice(&cert);
		a.setup_code = slice_str(code);
		a.tls_ca = in->s->tls_pem;
	}
	in->status = e < 0;
	ipc_reply(c, id, &si_inited_def, &a);
	ipc_flush(c);
	mem_wipe(code, sizeof code);
	buf_release(&admin);
	buf_release(&cert);
	loop_stop(in->s->loop);
}

static void
on_start(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct init *in = arg;

	ipc_phase(c, 2);
	if (signer_configure(in->s, m) < 0)
		loop_stop(in->s->loop);
}

static void
on_file(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct init *in = arg;

	if (signer_take_file(in->s, ((const struct pr_file *)m)->name, fd) < 0)
		loop_stop(in->s->loop);
}

static void
on_gone(struct ipc *c, const char *why, void *arg)
{
	struct init *in = arg;

	in->parent = NULL;
	log_error("parent_gone", "why", why, NULL);
	loop_stop(in->s->loop);
}

static void
on_fatal(void *arg, const char *why)
{
	struct init *in = arg;

	log_error("fatal", "why", why, NULL);
	in->status = 1;
}

int
signer_init_main(struct signer *s)
{
	static const struct ipc_row rows[] = {
	    {&pr_start_def, 1, IPC_ONCE, on_start},
	    {&pr_file_def, 2, IPC_FD, on_file},
	    {&si_init_def, 2, IPC_ONCE | IPC_REQUEST, on_init},
	};
	static const struct ipc_ops ops = {rows, sizeof rows / sizeof *rows, on_gone};
	struct init in = {.s = s, .status = 1};

	log_init("signer", LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	if (loop_new(&s->loop) < 0)
		return 1;
	s->fatal = on_fatal;
	s->fatal_arg = &in;
	if (ipc_new(s->loop, CHANNEL_FD, "parent", &ops, &in, &in.parent) < 0) {
		fprintf(stderr, "sallyport-signer is started by sallyportd, not by hand\n");
		return 2;
	}
	loop_run(s->loop);
	signer_release(s);
	return in.status;
}
