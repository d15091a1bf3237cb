#include "edge/parent/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/secret.h"
#include "core/str.h"
#include "edge/parent/role_proc.h"
#include "io/file.h"
#include "io/ipc.h"
#include "msg/signer_init.h"

#define SETUP_TTL_S 86400
#define INIT_DEADLINE_MS 120000

struct init {
	struct edge_conf conf;
	struct loop *loop;
	struct ipc *ch;
	int err; /* 1 = pending */
	char why[256];
};

static int
fail(const char *what, const char *why)
{
	fprintf(stderr, "sallyportd init: %s: %s\n", what, why);
	return 1;
}

int
node_passphrase(const char *cmd, const char *text, int *ret_fd)
{
	uint64_t fd;
	int r = str_u64(text, 65535, &fd);

	if (r == 0)
		r = passphrase_keep((int)fd, ret_fd);
	if (r < 0)
		fprintf(stderr,
		        "sallyportd %s: --node-passphrase-fd %s: expected the number of a descriptor from which one "
		        "line of 12 to 1024 "
		        "characters can be read\n",
		        cmd, text);
	return r;
}

static int
random_hex(char *out, size_t nbytes)
{
	uint8_t b[32];

	if (nbytes > sizeof b || getrandom(b, nbytes, 0) != (ssize_t)nbytes)
		return E_IO;
	return hex_encode_str(out, 2 * nbytes + 1, b, nbytes);
}

static int
path_in(const struct init *in, const char *sub, char *out, size_t n)
{
	int w = snprintf(out, n, "%s/%s", in->conf.dir, sub);
	return w > 0 && (size_t)w < n ? 0 : E_LIMIT;
}

static int
write_in(const struct init *in, const char *sub, mode_t mode, const void *p, size_t n, enum role owner)
{
	char path[4200];
	struct role_ids ids;

	if (path_in(in, sub, path, sizeof path) < 0 || file_write_new(path, mode, p, n) < 0)
		return E_IO;
	if (owner == ROLE_PARENT || geteuid() != 0)
		return 0;
	role_ids(&in->conf, owner, &ids);
	return chown(path, ids.uid, ids.gid) < 0 ? E_IO : 0;
}

/* --- arguments into a configuration ------------------------------------------------------------------------------ */

static int
conf_fill(struct init *in, const struct init_args *a)
{
	struct edge_conf *c = &in->conf;
	struct hostport lp;
	uint8_t u[16];

	str_copy(c->listen, sizeof c->listen, a->listen ? a->listen : "0.0.0.0:8443");
	str_copy(c->tunnel_listen, sizeof c->tunnel_listen, a->tunnel_listen ? a->tunnel_listen : "0.0.0.0:7844");
	str_copy(c->metrics_listen, sizeof c->metrics_listen, a->metrics_listen ? a->metrics_listen : "127.0.0.1:9090");
	if (hostport_parse(c->listen, 0, &lp) < 0 || !lp.is_ip || !lp.port)
		return fail("--listen", "expected ADDR:PORT, for example 0.0.0.0:8443");
	if (hostport_parse(a->team, lp.port, &c->team) < 0 || c->team.is_ip)
		return fail(a->team,
		            "--team wants a host name and perhaps a port, for example access.example.com:8443");
	if (a->store && (!edge_conf_store_ok(a->store) || str_copy(c->store, sizeof c->store, a->store) < 0))
		return fail("--store",
		            "expected sqlite or postgres://USER:PASSWORD@HOST:5432/DATABASE, with %XX for what a URL "
		            "cannot hold");
	if (a->admin && (!strchr(a->admin, '@') || str_copy(c->admin, sizeof c->admin, a->admin) < 0))
		return fail(a->admin, "--admin wants an e-mail address");
	c->passphrase_fd = -1;
	if (a->passphrase_fd && node_passphrase("init", a->passphrase_fd, &c->passphrase_fd) < 0)
		return 1;
	c->uid_first = 64100;
	c->uid_last = 64109;
	c->edge_no = 1;
	str_copy(c->log_level_text, sizeof c->log_level_text, "info");
	if (!a->store)
		str_copy(c->store, sizeof c->store, "sqlite");
	if (random_hex(c->account, 16) < 0 || random_hex(c->zone, 16) < 0 || getrandom(u, 16, 0) != 16)
		return fail("getrandom", strerror(errno));
	uuid_v4_bits(u);
	uuid_format(u, c->local_idp);
	return 0;
}

/* A folder that holds something else would get our mode, and its files company: init --dir /etc. */
static bool
holds_other(const char *dir)
{
	static const char *const mine[] = {".", "..", "lost+found", "state", "audit", "keys", "fetch", "tls"};
	DIR *d = opendir(dir);
	bool other = false;

	for (const struct dirent *f; d && !other && (f = readdir(d));) {
		size_t i = 0;
		while (i < sizeof mine / sizeof *mine && strcmp(mine[i], f->d_name))
			i++;
		other = i == sizeof mine / sizeof *mine;
	}
	if (d)
		closedir(d);
	return other;
}

/* Absolute, because the roles and the unit file must not depend on where init was typed. */
static int
dir_make(struct init *in, const char *dir)
{
	char yml[4200];

	if (file_mkdirs(dir, 0711) < 0)
		return fail(dir, strerror(errno));
	char *abs = realpath(dir, NULL);
	if (!abs || str_copy(in->conf.dir, sizeof in->conf.dir, abs) < 0) {
		free(abs);
		return fail(dir, "cannot be resolved to an absolute path");
	}
	free(abs);
	if (path_in(in, "sallyportd.yml", yml, sizeof yml) < 0)
		return fail(dir, "path too long");
	if (access(yml, F_OK) == 0)
		return fail(
		    yml,
		    "there is an edge here already; nothing was changed (choose another --dir, or remove this one)");
	if (holds_other(in->conf.dir))
		return fail(in->conf.dir, "the folder holds other files; expected a new or an empty one");
	return chmod(in->conf.dir, 0711) < 0 ? fail(in->conf.dir, strerror(errno)) : 0;
}

/* --- the signer's part ------------------------------------------------------------------------------------------- */

static int
keys_make_files(struct init *in)
{
	uint8_t key[32];
	struct reason why = {0};

	if (role_dirs(&in->conf, &why) < 0)
		return fail(in->conf.dir, why.text);
	if (getrandom(key, sizeof key, 0) != sizeof key)
		return fail("getrandom", strerror(errno));
	int r = in->conf.passphrase_fd >= 0 ? 0 : write_in(in, "node.key", 0600, key, sizeof key, ROLE_PARENT);
	mem_wipe(key, sizeof key);
	if (r == 0)
		r = write_in(in, "keys/store", 0600, "", 0, ROLE_SIGNER);
	if (r == 0)
		r = write_in(in, "keys/journal", 0600, "", 0, ROLE_SIGNER);
	return r == 0 ? 0 : fail(in->conf.dir, strerror(errno));
}

static int
pem_put(struct buf *out, const char *label, const void *p, size_t n)
{
	struct buf b64;
	int r;

	buf_init_secret(&b64, 65536);
	r = b64_encode(&b64, B64_STD, p, n);
	if (r == 0)
		r = buf_putf(out, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; r == 0 && i < buf_len(&b64); i += 64) {
		size_t k = buf_len(&b64) - i < 64 ? buf_len(&b64) - i : 64;
		r = buf_put(out, buf_ptr(&b64) + i, k);
		if (r == 0)
			r = buf_put_u8(out, '\n');
	}
	if (r == 0)
		r = buf_putf(out, "-----END %s-----\n", label);
	buf_release(&b64);
	return r;
}

/* cert.pem in the form that stock cloudflared reads: one ARGO TUNNEL TOKEN block (facts/cloudflared-wire.md c.1). */
static int
write_cert_pem(struct init *in, struct slice token)
{
	struct buf json, pem;
	int r;

	buf_init_secret(&json, 65536);
	buf_init_secret(&pem, 131072);
	r = buf_putf(&json, "{\"zoneID\":\"%s\",\"accountID\":\"%s\",\"apiToken\":\"%.*s\"}", in->conf.zone,
	             in->conf.account, (int)token.n, (const char *)token.p);
	if (r == 0)
		r = pem_put(&pem, "ARGO TUNNEL TOKEN", buf_ptr(&json), buf_len(&json));
	if (r == 0)
		r = write_in(in, "cert.pem", 0600, buf_ptr(&pem), buf_len(&pem), ROLE_PARENT);
	buf_release(&json);
	buf_release(&pem);
	return r;
}

static int
write_conf(const struct init *in)
{
	const struct edge_conf *c = &in->conf;
	struct buf b;
	char team[300];
	int r;

	hostport_format(&c->team, team, sizeof team);
	buf_init(&b, 65536);
	r = buf_putf(
	    &b,
	    "# The edge's configuration. 'sallyportd check --dir %s' says what is wrong with it.\n"
	    "team: %s                 # the host name users sign in at, with the port they reach it by\n"
	    "listen: %s               # users\n"
	    "tunnel_listen: %s        # connectors\n"
	    "metrics_listen: %s       # /metrics /healthz /readyz, plain HTTP\n"
	    "store: %s\n"
	    "account: %s\n"
	    "zone: %s\n"
	    "local_idp: %s\n"
	    "%s%s%s"
	    "# tls: {certificates: [{cert: /etc/ssl/edge.pem, key: /etc/ssl/edge.key}]}   # instead of the private CA\n"
	    "# allow_private: [10.0.0.0/8]     # identity providers at private addresses\n"
	    "# evaluation_origins: [https://eval.example.com]   # of external_evaluation rules\n"
	    "# mail: {url: smtp://mail.example.com:587, from: sallyport@example.com, user: u, password_file: /etc/x}\n"
	    "# deadlines: {handshake: 10s, head: 10s, body: 30s, drain: 30s}\n",
	    c->dir, team, c->listen, c->tunnel_listen, c->metrics_listen, c->store, c->account, c->zone, c->local_idp,
	    c->admin[0] ? "admin: " : "", c->admin, c->admin[0] ? "\n" : "");
	if (r == 0)
		r = write_in(in, "sallyportd.yml",
		             strcmp(c->store, "sqlite") ? 0600 : 0644, /* a password is in the URL */
		             buf_ptr(&b), buf_len(&b), ROLE_PARENT);
	buf_release(&b);
	return r;
}

static int
results_write(struct init *in, const struct si_inited *m)
{
	struct buf tok;
	char tls[4200];
	int r;

	buf_init_secret(&tok, 32768);
	r = buf_put_slice(&tok, m->admin_token);
	if (r == 0)
		r = buf_put_u8(&tok, '\n');
	if (r == 0)
		r = path_in(in, "tls", tls, sizeof tls);
	if (r == 0)
		r = file_mkdirs(tls, 0755);
	if (r == 0)
		r = write_in(in, "tls/ca.pem", 0644, m->tls_ca, strlen(m->tls_ca), ROLE_PARENT);
	if (r == 0)
		r = write_in(in, "admin.token", 0600, buf_ptr(&tok), buf_len(&tok), ROLE_PARENT);
	if (r == 0)
		r = write_cert_pem(in, m->cert_token);
	if (r == 0)
		r = write_conf(in);
	buf_release(&tok);
	return r;
}

static void
results_say(const struct init *in, const struct si_inited *m)
{
	const char *dir = in->conf.dir;
	char issuer[300];

	edge_conf_issuer(&in->conf, issuer, sizeof issuer);
	printf("Made an edge in %s\n"
	       "  %s/sallyportd.yml   configuration\n"
	       "  %s/admin.token      API token of the administrator (keep it secret)\n"
	       "  %s/cert.pem         operator credential for 'sallyport tunnel' and stock cloudflared\n"
	       "  %s/tls/ca.pem       the private CA that clients and connectors are told to trust\n\n"
	       "Start it:   sallyportd run --dir %s\n",
	       dir, dir, dir, dir, dir, dir);
	if (in->conf.admin[0])
		printf("Then open this link once, within 24 hours, to set the password of %s:\n  "
		       "%s/cdn-cgi/access/setup/%.*s\n",
		       in->conf.admin, issuer, (int)m->setup_code.n, (const char *)m->setup_code.p);
	else
		printf("No --admin was given: the API token is the only way in.\n");
	fflush(stdout);
}

static void
on_inited(int err, const void *mv, void *arg)
{
	struct init *in = arg;
	const struct si_inited *m = mv;

	in->err = err;
	if (err < 0)
		str_copy(in->why, sizeof in->why, err_str(err));
	else if (m->code) {
		in->err = E_DENIED;
		str_copy(in->why, sizeof in->why, m->why);
	} else if (results_write(in, m) < 0) {
		in->err = E_IO;
		snprintf(in->why, sizeof in->why, "cannot write the results: %s", strerror(errno));
	} else {
		results_say(in, m);
	}
	loop_stop(in->loop);
}

static void
on_fatal(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_fatal *m = mv;
	struct init *in = arg;

	str_copy(in->why, sizeof in->why, m->why);
}

static void
on_closed(struct ipc *c, const char *why, void *arg)
{
	struct init *in = arg;

	in->ch = NULL;
	if (!in->why[0])
		str_copy(in->why, sizeof in->why, why);
	if (in->err == 1)
		in->err = E_CLOSED;
	loop_stop(in->loop);
}

static int
give_file(const char *name, int fd, void *arg)
{
	struct init *in = arg;
	struct pr_file m = {.name = name};

	return ipc_send_fd(in->ch, &pr_file_def, &m, fd);
}

static int
signer_ask(struct init *in)
{
	struct pr_start start;
	struct reason why = {0};
	struct si_init m = {.admin_email = in->conf.admin, .local_idp = in->conf.local_idp, .setup_ttl = SETUP_TTL_S};

	role_start_msg(&in->conf, 1, &start);
	int r = ipc_send(in->ch, &pr_start_def, &start);
	if (r == 0)
		r = role_files(&in->conf, ROLE_SIGNER, give_file, in, &why);
	if (r == 0)
		r = ipc_request(in->ch, &si_init_def, &m, &si_inited_def, INIT_DEADLINE_MS, on_inited, in);
	if (r < 0)
		str_copy(in->why, sizeof in->why, why.text[0] ? why.text : err_str(r));
	return r;
}

static int
signer_run(struct init *in)
{
	static const struct ipc_row rows[] = {{&pr_fatal_def, 1, 0, on_fatal}};
	static const struct ipc_ops ops = {rows, 1, on_closed};
	struct reason why = {0};
	pid_t pid;
	int fd;

	if (loop_new(&in->loop) < 0)
		return fail("event loop", strerror(errno));
	if (role_spawn(&in->conf, ROLE_SIGNER, "--init", &pid, &fd, &why) < 0) {
		loop_free(in->loop);
		return fail("signer", why.text);
	}
	in->err = ipc_new(in->loop, fd, "signer", &ops, in, &in->ch);
	if (in->err == 0 && (in->err = signer_ask(in)) == 0) {
		in->err = 1;
		loop_run(in->loop);
	}
	if (in->ch)
		ipc_close(in->ch);
	kill(pid, SIGTERM); /* it has nothing more to do; it may be gone already */
	waitpid(pid, NULL, 0);
	loop_free(in->loop);
	return in->err == 0 ? 0 : fail("signer", in->why[0] ? in->why : err_str(in->err));
}

static void
undo(const struct init *in)
{
	static const char *const made[] = {"node.key",    "keys/store", "keys/journal",
	                                   "admin.token", "cert.pem",   "tls/ca.pem"};
	char path[4200];

	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		if (path_in(in, made[i], path, sizeof path) == 0)
			unlink(path);
}

int
edge_init(const struct init_args *a)
{
	struct init *in = calloc(1, sizeof *in);
	int status = 1;

	if (!in)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (conf_fill(in, a) == 0 && dir_make(in, a->dir) == 0) {
		status = keys_make_files(in);
		if (status == 0)
			status = signer_run(in);
		if (status)
			undo(in);
	}
	free(in);
	return status;
}
