/* main of the signer: configuration in, descriptors in, thread made, sandbox on; only then files and neighbours are
 * read. */
#include "edge/signer/main.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "edge/role/role.h"
#include "io/sandbox.h"

#define SIGNER_NOFILE 64
#define NODE_PASSPHRASE_MIN 12

int
signer_configure(struct signer *s, const struct pr_start *m)
{
	if (str_copy(s->issuer, sizeof s->issuer, m->issuer) < 0 || !str_starts(s->issuer, "https://"))
		return E_FORMAT;
	s->edge_no = m->edge_no;
	s->ring.interval_fixed = m->token_rotate_s;
	s->ring.overlap = m->token_overlap_s;
	if (str_copy(s->account, sizeof s->account, m->account) < 0)
		return E_FORMAT;
	return str_copy(s->team_host, sizeof s->team_host, m->team_host);
}

/* 32 bytes, or the same as 64 hex digits with or without a line end (a systemd credential made by hand). */
static int
take_node_key(struct signer *s, int fd)
{
	uint8_t raw[128];
	ssize_t n = pread(fd, raw, sizeof raw, 0);
	struct buf b;
	int e = 0;

	close(fd);
	if (n == 32) {
		memcpy(s->node_key, raw, 32);
	} else {
		if (n == 65 && raw[64] == '\n')
			n = 64;
		buf_init_secret(&b, 64);
		e = n == 64 ? hex_decode(&b, (const char *)raw, 64) : E_FORMAT;
		if (e == 0)
			memcpy(s->node_key, buf_ptr(&b), 32);
		buf_release(&b);
	}
	mem_wipe(raw, sizeof raw);
	s->have_key = e == 0;
	return e;
}

/* A passphrase of one line instead: the key is derived from it, salted by the account's number, which is this edge's
 * alone. */
static int
take_node_passphrase(struct signer *s, int fd)
{
	static const char label[] = "sallyport node key";
	uint8_t raw[PASSWORD_MAX + 1], salt[SHA256_LEN];
	char text[sizeof label + sizeof s->account];
	ssize_t n = pread(fd, raw, sizeof raw, 0);
	int e = E_FORMAT;

	close(fd);
	while (n > 0 && (raw[n - 1] == '\n' || raw[n - 1] == '\r'))
		n--;
	if (n >= NODE_PASSPHRASE_MIN && n <= PASSWORD_MAX) {
		snprintf(text, sizeof text, "%s%s", label, s->account);
		sha256(text, strlen(text), salt);
		e = password_derive((struct slice){raw, (size_t)n}, salt, s->node_key);
	}
	mem_wipe(raw, sizeof raw);
	s->have_key = e == 0;
	return e;
}

int
signer_take_file(struct signer *s, const char *name, int fd)
{
	int *slot = strcmp(name, "store") == 0 ? &s->store_fd : strcmp(name, "journal") == 0 ? &s->journal_fd : NULL;

	if (strcmp(name, "node-key") == 0 && !s->have_key)
		return take_node_key(s, fd);
	if (strcmp(name, "node-passphrase") == 0 && !s->have_key)
		return take_node_passphrase(s, fd);
	if (!slot || *slot >= 0) {
		close(fd);
		return E_STATE;
	}
	*slot = fd;
	return 0;
}

/* --- the role --------------------------------------------------------------------------------------------------------
 */

struct started {
	struct signer *s;
	struct role_run *run;
	bool running;
};

static int
start(struct role_run *r, const struct pr_start *m, void *arg)
{
	struct started *st = arg;

	st->run = r;
	st->s->loop = role_loop(r);
	return signer_configure(st->s, m);
}

static int
file(struct role_run *r, const char *name, int fd, void *arg)
{
	struct started *st = arg;

	if (st->running) { /* a reload sends them again; the signer keeps what it has */
		close(fd);
		return 0;
	}
	return signer_take_file(st->s, name, fd);
}

static int
open_judge(struct signer *s, int fd)
{
	if (s->judge)
		ipc_close(s->judge);
	s->judge = NULL;
	s->judge_gen++;
	signer_held_drop(s);
	return ipc_new(s->loop, fd, "judge", &signer_judge_ops, s, &s->judge);
}

static int
open_fetch(struct signer *s, int fd)
{
	if (s->fetch)
		ipc_close(s->fetch);
	s->fetch = NULL;
	int e = ipc_new(s->loop, fd, "fetch", &signer_fetch_ops, s, &s->fetch);
	if (e == 0)
		providers_send_all(s);
	return e;
}

/* Neighbours that come before go wait: nothing untrusted is read outside the sandbox. */
static int
peer(struct role_run *r, enum role who, unsigned index, int fd, void *arg)
{
	struct started *st = arg;
	int *slot = who == ROLE_JUDGE ? &st->s->judge_fd : who == ROLE_FETCH ? &st->s->fetch_fd : NULL;

	if (!slot) {
		close(fd);
		return E_STATE;
	}
	if (st->running)
		return who == ROLE_JUDGE ? open_judge(st->s, fd) : open_fetch(st->s, fd);
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	return 0;
}

static void
on_fatal(void *arg, const char *why)
{
	struct started *st = arg;

	role_fatal(st->run, "%s", why);
}

static int
go(struct role_run *r, void *arg)
{
	struct sandbox_limits lim = {.nofile = SIGNER_NOFILE};
	struct started *st = arg;
	struct signer *s = st->s;
	struct reason why = {0};
	int e = 0;

	s->fatal = on_fatal;
	s->fatal_arg = st;
	if (worker_start(&s->worker, s->loop) < 0)
		return role_fatal(r, "the password thread could not be started");
	if (sandbox_enter(SANDBOX_SIGNER, &lim) < 0)
		return role_fatal(r, "the sandbox could not be entered");
	if (signer_load(s, &why) < 0)
		return role_fatal(r, "%s", why.text);
	if (s->ring.n == 0 || !s->tls_key)
		return role_fatal(r, "keys/store is empty: run 'sallyportd init', or restore keys/ from a backup");
	st->running = true;
	tokens_turn(s);
	if (s->judge_fd >= 0)
		e = open_judge(s, s->judge_fd);
	if (e == 0 && s->fetch_fd >= 0)
		e = open_fetch(s, s->fetch_fd);
	if (e == 0)
		log_info("keys_open", "cas", log_num((long long)map_len(&s->cas)), "accounts",
		         log_num((long long)keystore_count(&s->ks, KS_ACCOUNT)), "certificates",
		         log_num((long long)s->ncerts), NULL);
	return e;
}

/* What was journaled is answered before the end. */
static void
drain(struct role_run *r, void *arg)
{
	struct started *st = arg;

	if (signer_commit(st->s) == 0 && st->s->judge)
		ipc_flush(st->s->judge);
	role_exit(r);
}

/* Libraries open their configuration on first use: that use is here, before the sandbox. */
static void
signer_warm_up(void)
{
	struct key *k = NULL;
	struct buf sig;

	setenv("TZ", "UTC0", 1); /* else the library looks at /etc/localtime again and again */
	tzset();
	json_object_seed(0); /* reads /dev/urandom */
	buf_init(&sig, KEY_SIG_MAX);
	if (key_generate(KEY_ED25519, 0, &k) == 0)
		key_sign(k, SIG_EDDSA, slice_str("warm"), &sig);
	key_free(k);
	k = NULL;
	if (key_generate(KEY_P256, 0, &k) == 0)
		key_sign(k, SIG_ES256, slice_str("warm"), &sig);
	key_free(k);
	buf_release(&sig);
}

static void
wipe_free(void *p)
{
	if (p)
		mem_wipe(p, malloc_usable_size(p));
	free(p);
}

int
main(int argc, char **argv)
{
	static const struct role_ops ops = {.start = start, .file = file, .peer = peer, .go = go, .drain = drain};
	static struct signer s = {.judge_fd = -1, .fetch_fd = -1, .store_fd = -1, .journal_fd = -1};
	struct started st = {.s = &s};

	signer_warm_up();
	json_set_alloc_funcs(malloc, wipe_free); /* provider records hold secrets */
	if (argc == 2 && strcmp(argv[1], "--init") == 0)
		return signer_init_main(&s);
	int status = role_main("signer", &ops, &st);
	signer_release(&s);
	return status;
}
