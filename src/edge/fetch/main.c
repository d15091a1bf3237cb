/* fetch: start order and tables of its channels; what it does is in job.c. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/secret.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/fetch/fetch.h"
#include "edge/fetch/http.h"
#include "edge/role/role.h"
#include "io/sandbox.h"

/* --- judge --------------------------------------------------------------------------------------------------- */

static void
on_fetch(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	job_start(arg, id, m);
}

static void
on_ping(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct jh_pong pong = {0};

	ipc_reply(c, id, &jh_pong_def, &pong);
}

static void
on_judge_closed(struct ipc *c, const char *why, void *arg)
{
	struct fetch *f = arg;

	log_warn("judge_gone", "why", why, NULL);
	if (f->judge == c)
		f->judge = NULL; /* answers on their way are dropped by ipc_reply */
}

static void
on_forget(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct jh_forget *m = mv;
	struct fetch *f = arg;

	if (vault_drop(&f->vault, m->handle) < 0)
		log_error("vault", "why", "a sign-in that is over could not be removed from disk", NULL);
}

static void
on_asked(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	mail_asked(arg, m);
}

static const struct ipc_row judge_rows[] = {
    {&jh_fetch_def, 1, IPC_REQUEST, on_fetch},
    {&jh_ping_def, 1, IPC_REQUEST, on_ping},
    {&jh_forget_def, 1, 0, on_forget},
    {&jh_asked_def, 1, 0, on_asked},
};
static const struct ipc_ops judge_ops = {judge_rows, sizeof judge_rows / sizeof *judge_rows, on_judge_closed};

/* --- signer -------------------------------------------------------------------------------------------------- */

static void
on_provider(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct sf_provider *m = mv;

	int r = provider_put(arg, m->id, m->record);
	if (r < 0)
		log_error("provider_refused", "provider", m->id, "why", err_str(r), NULL);
}

static void
on_signer_closed(struct ipc *c, const char *why, void *arg)
{
	struct fetch *f = arg;

	log_warn("signer_gone", "why", why, NULL);
	if (f->signer == c)
		f->signer = NULL;
}

static void
on_mail(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	mail_send(arg, m);
}

static void
on_evaluate(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	evaluate_start(arg, id, m);
}

/* The key is the node's: a signer that was restarted brings the same. */
static void
on_key(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct sf_key *m = mv;
	struct fetch *f = arg;
	size_t lost = 0;

	if (f->vault.open || f->vault_fd[0] < 0 || f->vault_fd[1] < 0 || m->key.n != VAULT_KEY_LEN)
		return;
	int e = vault_open(&f->vault, f->vault_fd[0], f->vault_fd[1], m->key.p, random_u64(), &lost);
	f->vault_fd[0] = f->vault_fd[1] = -1;
	if (e < 0)
		log_error("vault", "why", err_str(e), NULL);
	if (lost)
		log_error("vault_damaged", "lost_bytes", log_num((long long)lost), NULL);
	log_info("vault", "sign_ins", log_num((long long)map_len(&f->vault.entries)), NULL);
	timer_repeat(f->loop, &f->sweep, FETCH_SWEEP_MS, refresh_sweep, f);
}

static const struct ipc_row signer_rows[] = {
    {&sf_key_def, 1, 0, on_key},
    {&sf_provider_def, 1, 0, on_provider},
    {&sf_mail_def, 1, 0, on_mail},
    {&sf_evaluate_def, 1, IPC_REQUEST, on_evaluate},
};
static const struct ipc_ops signer_ops = {signer_rows, sizeof signer_rows / sizeof *signer_rows, on_signer_closed};

/* --- life ---------------------------------------------------------------------------------------------------- */

static int
start(struct role_run *r, const struct pr_start *m, void *arg)
{
	struct fetch *f = arg;
	struct reason why = {0};

	f->loop = role_loop(r);
	map_init(&f->providers, FETCH_PROVIDERS_MAX, 0, provider_drop);
	if (guard_init(&f->guard, &m->allow_private, &why) < 0)
		return role_fatal(r, "%s", why.text);
	if (mail_start(f, m, &why) < 0 || evaluate_origins(f, &m->evaluation_origins, &why) < 0)
		return role_fatal(r, "%s", why.text);
	return str_copy(f->ca_file, sizeof f->ca_file, m->ca_file);
}

/* The password of the mail server: one line. */
static int
mail_file(struct role_run *r, const char *name, int fd, struct fetch *f)
{
	char text[1024];
	ssize_t n = read(fd, text, sizeof text - 1);

	close(fd);
	if (n < 0)
		return role_fatal(r, "%s could not be read", name);
	text[n] = 0;
	text[strcspn(text, "\r\n")] = 0;
	int e = secret_set_str(&f->mail.password, text);
	mem_wipe(text, sizeof text);
	return e;
}

static int
file(struct role_run *r, const char *name, int fd, void *arg)
{
	struct fetch *f = arg;
	int *slot = !strcmp(name, "vault-a") ? &f->vault_fd[0] : !strcmp(name, "vault-b") ? &f->vault_fd[1] : NULL;

	if (!strcmp(name, "mail-password"))
		return mail_file(r, name, fd, f);
	if (!slot || *slot >= 0 || f->vault.open) {
		close(fd);
		return slot ? 0 : E_STATE;
	}
	*slot = fd;
	return 0;
}

static int
peer(struct role_run *r, enum role who, unsigned index, int fd, void *arg)
{
	struct fetch *f = arg;
	struct ipc **slot = who == ROLE_JUDGE ? &f->judge : who == ROLE_SIGNER ? &f->signer : NULL;

	if (!slot) {
		close(fd);
		return E_STATE;
	}
	if (*slot)
		ipc_close(*slot);
	*slot = NULL;
	return ipc_new(f->loop, fd, role_name(who), who == ROLE_JUDGE ? &judge_ops : &signer_ops, f, slot);
}

static int
go(struct role_run *r, void *arg)
{
	struct sandbox_limits lim = {.nofile = 1024};
	struct fetch *f = arg;

	if (http_start(f->loop, &f->guard, f->ca_file) < 0)
		return role_fatal(r, "libcurl could not be started");
	if (sandbox_enter(SANDBOX_FETCH, &lim) < 0)
		return role_fatal(r, "the sandbox could not be entered");
	return 0;
}

static void
wipe_free(void *p)
{
	if (p)
		mem_wipe(p, malloc_usable_size(p));
	free(p);
}

int
main(void)
{
	static const struct role_ops ops = {.start = start, .file = file, .peer = peer, .go = go};
	static struct fetch f = {.vault_fd = {-1, -1}};

	json_set_alloc_funcs(malloc, wipe_free); /* answers and records hold tokens and secrets */
	int status = role_main("fetch", &ops, &f);
	timer_stop(&f.sweep);
	vault_release(&f.vault);
	map_release(&f.providers);
	secret_release(&f.mail.password);
	for (size_t i = 0; i < f.norigins; i++)
		free(f.origins[i]);
	http_stop();
	return status;
}
