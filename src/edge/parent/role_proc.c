#include "edge/parent/role_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.h"
#include "core/secret.h"
#include "core/str.h"
#include "io/file.h"

void
role_ids(const struct edge_conf *c, enum role r, struct role_ids *ret)
{
	char name[64];
	struct passwd *pw;

	ret->uid = geteuid();
	ret->gid = getegid();
	if (ret->uid != 0)
		return;
	snprintf(name, sizeof name, "_sallyport-%s", role_name(r));
	pw = getpwnam(name);
	if (pw) {
		ret->uid = pw->pw_uid;
		ret->gid = pw->pw_gid;
		return;
	}
	ret->uid = c->uid_first + (uint32_t)r - 1;
	ret->gid = ret->uid;
}

/* Where our own programs are: beside us in a build tree, under libexec when installed. */
static int
role_path(enum role r, char *out, size_t n)
{
	static const char *const forms[] = {"%s/libexec/sallyport-%s", "%s/../libexec/sallyport/sallyport-%s",
	                                    "%s/../lib/sallyport/sallyport-%s"};
	char self[4096];
	ssize_t k = readlink("/proc/self/exe", self, sizeof self - 1);

	if (k <= 0)
		return E_IO;
	self[k] = 0;
	char *slash = strrchr(self, '/');
	if (!slash)
		return E_IO;
	*slash = 0;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		int w = snprintf(out, n, forms[i], self, role_name(r));
		if (w > 0 && (size_t)w < n && access(out, X_OK) == 0)
			return 0;
	}
	return E_NOENT;
}

static void
child_exec(const char *path, const char *arg, int fd, const struct role_ids *ids)
{
	char argv0[32];
	char *argv[] = {argv0, NULL, NULL};
	static char path_env[] = "PATH=/usr/bin:/bin", lang_env[] = "LANG=C.UTF-8";
	char *envp[] = {path_env, lang_env, NULL};
	const char *base = strrchr(path, '/');
	int nul = open("/dev/null", O_RDWR);
	sigset_t none;

	str_copy(argv0, sizeof argv0, base ? base + 1 : path);
	if (arg)
		argv[1] = (char *)(uintptr_t)arg;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (nul < 0 || dup2(nul, 0) < 0)
		_exit(127);
	if (fd == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(fd, 3) < 0)
		_exit(127);
	if (syscall(SYS_close_range, 4u, ~0u, 0u) < 0)
		_exit(127);
	if (geteuid() == 0 && ids->uid != 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(ids->gid, ids->gid, ids->gid) < 0 ||
	     setresuid(ids->uid, ids->uid, ids->uid) < 0))
		_exit(126);
	execve(path, argv, envp);
	_exit(127);
}

int
role_spawn(const struct edge_conf *c, enum role r, const char *extra_arg, pid_t *ret_pid, int *ret_fd,
           struct reason *why)
{
	char path[4200];
	struct role_ids ids;
	int sv[2];

	if (role_path(r, path, sizeof path) < 0)
		return reason_set(why, E_NOENT, SP_CONFIG,
		                  "sallyport-%s not found beside sallyportd; build or install it", role_name(r));
	role_ids(c, r, &ids);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return reason_set(why, E_IO, SP_INTERNAL, "socketpair: %s", strerror(errno));
	pid_t pid = fork();
	if (pid < 0) {
		close(sv[0]);
		close(sv[1]);
		return reason_set(why, E_IO, SP_INTERNAL, "fork: %s", strerror(errno));
	}
	if (pid == 0)
		child_exec(path, extra_arg, sv[1], &ids);
	close(sv[1]);
	*ret_pid = pid;
	*ret_fd = sv[0];
	return 0;
}

/* One row a thing that is opened for a role. */
struct role_file {
	enum role role;
	const char *name, *path;
	int flags;
};
static const struct role_file role_file_table[] = {
    {ROLE_SIGNER, "store", "keys/store", O_RDWR | O_APPEND},
    {ROLE_SIGNER, "journal", "keys/journal", O_RDWR | O_APPEND},
    {ROLE_SIGNER, "node-key", "node.key", O_RDONLY},
    {ROLE_FETCH, "vault-a", "fetch/vault-a", O_RDWR},
    {ROLE_FETCH, "vault-b", "fetch/vault-b", O_RDWR},
    {ROLE_JUDGE, "state", "state", O_RDONLY | O_DIRECTORY},
    {ROLE_JUDGE, "audit", "audit", O_RDONLY | O_DIRECTORY},
};

/* The node key: a systemd credential where there is one, else DIR/node.key (0600). Never read here, only opened. */
static int
open_row(const struct edge_conf *c, const struct role_file *f, char *path, size_t npath)
{
	const char *cred = getenv("CREDENTIALS_DIRECTORY");

	if (cred && !strcmp(f->name, "node-key")) {
		snprintf(path, npath, "%s/sallyport-node-key", cred);
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			return fd;
	}
	snprintf(path, npath, "%s/%s", c->dir, f->path);
	return open(path, f->flags | O_CLOEXEC | O_NOFOLLOW);
}

static int
give_certs(const struct edge_conf *c, int (*give)(const char *, int, void *), void *arg, struct reason *why)
{
	for (size_t i = 0; i < c->ncerts; i++) {
		for (int k = 0; k < 2; k++) {
			const char *path = k ? c->certs[i].key : c->certs[i].cert;
			char name[32];
			int fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0) {
				/* Given empty, it is a pair that cannot be used: told, and the rest is served. */
				log_error("certificate_missing", "path", path, "why", strerror(errno), NULL);
				fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
			}
			if (fd < 0)
				return reason_set(why, E_IO, SP_CONFIG, "/dev/null: %s", strerror(errno));
			snprintf(name, sizeof name, "%s:%zu", k ? "tls-key" : "tls-chain", i);
			int r = give(name, fd, arg);
			close(fd);
			if (r < 0)
				return reason_set(why, r, SP_INTERNAL, "%s: %s", name, err_str(r));
		}
	}
	return 0;
}

static int
give_mail(const struct edge_conf *c, int (*give)(const char *, int, void *), void *arg, struct reason *why)
{
	if (!c->mail.password_file)
		return 0;
	int fd = open(c->mail.password_file, O_RDONLY | O_CLOEXEC), e;
	if (fd < 0)
		return reason_set(why, E_IO, SP_CONFIG, "mail: password_file %s: %s", c->mail.password_file,
		                  strerror(errno));
	e = give("mail-password", fd, arg);
	close(fd);
	return e < 0 ? reason_set(why, e, SP_INTERNAL, "mail-password: %s", err_str(e)) : 0;
}

/* Absent is not fatal: rules about countries are then false, and judge says so. */
int
role_give_country(const struct edge_conf *c, int (*give)(const char *, int, void *), void *arg)
{
	int fd = *c->country_file ? open(c->country_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1, e;
	struct stat st;

	if (fd < 0)
		return 0;
	e = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? give("country", fd, arg) : 0;
	close(fd);
	return e;
}

static int
give_row(const struct edge_conf *c, const struct role_file *f, int (*give)(const char *, int, void *), void *arg,
         struct reason *why)
{
	bool phrase = c->passphrase_fd >= 0 && !strcmp(f->name, "node-key");
	char path[4400] = "the passphrase";
	int fd = phrase ? dup(c->passphrase_fd) : open_row(c, f, path, sizeof path);

	if (fd < 0 && errno == ENOENT && f->role == ROLE_FETCH)
		return 0; /* of a folder that was restored: 'run' makes them */
	if (fd < 0)
		return reason_set(why, E_IO, SP_CONFIG, "%s: %s; was this folder made by 'sallyportd init'?", path,
		                  strerror(errno));
	int e = give(phrase ? "node-passphrase" : f->name, fd, arg);
	close(fd);
	return e < 0 ? reason_set(why, e, SP_INTERNAL, "%s: %s", f->name, err_str(e)) : 0;
}

int
role_files(const struct edge_conf *c, enum role r, int (*give)(const char *, int, void *), void *arg,
           struct reason *why)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof role_file_table / sizeof *role_file_table; i++)
		if (role_file_table[i].role == r)
			e = give_row(c, &role_file_table[i], give, arg, why);
	if (e == 0 && r == ROLE_JUDGE)
		e = role_give_country(c, give, arg);
	if (e == 0 && r == ROLE_FETCH)
		e = give_mail(c, give, arg, why);
	return e == 0 && r == ROLE_FRONT ? give_certs(c, give, arg, why) : e;
}

static int
give_nobody(const char *name, int fd, void *arg)
{
	return 0;
}

int
role_files_check(const struct edge_conf *c, struct reason *why)
{
	int e = 0;

	/* A role that is started again does without a certificate that has gone; a configuration that names none is
	 * wrong. */
	for (size_t i = 0; i < c->ncerts; i++)
		for (int k = 0; k < 2; k++) {
			const char *path = k ? c->certs[i].key : c->certs[i].cert;
			if (access(path, R_OK) < 0)
				return reason_set(why, E_IO, SP_CONFIG, "%s: %s", path, strerror(errno));
		}
	for (enum role r = ROLE_FRONT; r <= ROLE_SIGNER && e == 0; r++)
		e = role_files(c, r, give_nobody, NULL, why);
	return e;
}

/* A pipe can be read once, but a signer that is restarted needs the passphrase again: it is kept in a memory file that
   is sealed against changes and never looked at here. */
int
passphrase_keep(int from, int *ret_fd)
{
	char piece[1100];
	size_t n = 0;
	int fd = memfd_create("node-passphrase", MFD_CLOEXEC | MFD_ALLOW_SEALING), e = fd < 0 ? E_IO : 0;

	while (e == 0 && n < sizeof piece) {
		ssize_t k = read(from, piece + n, sizeof piece - n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			e = E_IO;
		if (k <= 0)
			break;
		n += (size_t)k;
	}
	if (e == 0)
		e = n && n < sizeof piece ? fd_write_all(fd, piece, n) : E_LIMIT;
	mem_wipe(piece, sizeof piece);
	if (e == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		e = E_IO;
	if (e < 0) {
		if (fd >= 0)
			close(fd);
		return e;
	}
	*ret_fd = fd;
	return 0;
}

static int
own_dir(const struct edge_conf *c, const char *sub, enum role r, struct reason *why)
{
	char path[4200];
	struct role_ids ids;

	snprintf(path, sizeof path, "%s/%s", c->dir, sub);
	role_ids(c, r, &ids);
	if (file_mkdirs(path, 0700) < 0 || chmod(path, 0700) < 0)
		return reason_set(why, E_IO, SP_CONFIG, "%s: %s", path, strerror(errno));
	if (geteuid() == 0 && chown(path, ids.uid, ids.gid) < 0)
		return reason_set(why, E_IO, SP_CONFIG, "chown %s: %s", path, strerror(errno));
	return 0;
}

/* fetch keeps two files and makes none: they are there before it starts, empty at first. */
static int
own_vault(const struct edge_conf *c, const char *sub, struct reason *why)
{
	char path[4200];
	struct role_ids ids;

	snprintf(path, sizeof path, "%s/%s", c->dir, sub);
	role_ids(c, ROLE_FETCH, &ids);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int e = fd < 0 || (geteuid() == 0 && fchown(fd, ids.uid, ids.gid) < 0) ? E_IO : 0;
	if (e < 0)
		e = reason_set(why, e, SP_CONFIG, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return e;
}

int
role_dirs(const struct edge_conf *c, struct reason *why)
{
	static const struct {
		const char *sub;
		enum role role;
	} dirs[] = {{"state", ROLE_JUDGE},
	            {"audit", ROLE_JUDGE},
	            {"audit/recordings", ROLE_JUDGE},
	            {"keys", ROLE_SIGNER},
	            {"fetch", ROLE_FETCH}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof dirs / sizeof *dirs; i++)
		r = own_dir(c, dirs[i].sub, dirs[i].role, why);
	if (r == 0)
		r = own_vault(c, "fetch/vault-a", why);
	return r == 0 ? own_vault(c, "fetch/vault-b", why) : r;
}

static struct strs
list_of(char *const *v)
{
	struct strs s = {(const char **)(uintptr_t)v, 0};

	while (v[s.n])
		s.n++;
	return s;
}

void
role_start_msg(const struct edge_conf *c, unsigned threads, struct pr_start *m)
{
	static char issuer[300];

	edge_conf_issuer(c, issuer, sizeof issuer);
	*m = (struct pr_start){
	    .dir = c->dir,
	    .team_host = c->team.host,
	    .team_port = c->team.port,
	    .issuer = issuer,
	    .account = c->account,
	    .zone = c->zone,
	    .location = "edge1",
	    .edge_no = c->edge_no,
	    .log_level = c->log_level_text,
	    .threads = threads,
	    .store = c->store,
	    .admin_email = c->admin,
	    .local_idp = c->local_idp,
	    .version = SALLYPORT_VERSION,
	    .trusted_proxies = list_of(c->trusted_proxies),
	    .proxy_protocol = c->proxy_protocol,
	    .forwarded_header = c->forwarded ? "forwarded" : "x-forwarded-for",
	    .hsts = !c->no_hsts,
	    .allow_private = list_of(c->allow_private),
	    .ca_file = c->ca_file,
	    .country_file = c->country_file,
	    .token_rotate_s = c->token_rotate_ms / 1000,
	    .token_overlap_s = c->token_overlap_ms / 1000,
	    .evaluation_origins = list_of(c->evaluation_origins),
	    .mail_url = c->mail.url,
	    .mail_from = c->mail.from,
	    .mail_user = c->mail.user,
	    .people_ms = c->people_ms,
	    .handshake_ms = c->handshake_ms,
	    .head_ms = c->head_ms,
	    .body_ms = c->body_ms,
	    .drain_ms = c->drain_ms,
	};
}
