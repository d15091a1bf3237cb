/* edge: is the edge of a folder well: configuration, readiness, processes and their confinement, certificates, names,
 * disk, clock. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "cli/doctor/proc.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/str.h"
#include "crypto/x509.h"
#include "io/conn.h"
#include "io/file.h"
#include "io/net_listen.h"

#define ANSWER_MAX (1u << 20)
#define ROLES_MAX 64
#define APPS_MAX 50 /* names asked for, one handshake each */
#define LEAF_DAYS_MIN 3

struct edge {
	struct cli *c;
	struct doctor d;
	const char *dir;
	char team[300], listen[80], tunnel_listen[80], metrics_listen[80], ca[4200];
	char real[4096]; /* dir, resolved */
	pid_t parent;
	unsigned nroles, loose; /* child processes; those of them that are not confined */
	char names[512], loose_names[256];
};

/* --- configuration ----------------------------------------------------------------------------------------------- */

static void
take(const struct conf_node *root, const char *key, const char *dflt, char *out, size_t n)
{
	const struct conf_node *v = conf_get(root, key);
	str_copy(out, n, v && v->kind == CONF_SCALAR ? v->text : dflt);
}

/* An address to dial for one that is listened on: "0.0.0.0" is every address, loopback among them. */
static void
to_dial(char *addr, size_t n)
{
	struct hostport hp;

	if (addr[0] == ':' && addr[1]) {
		char port[16];
		str_copy(port, sizeof port, addr + 1);
		snprintf(addr, n, "127.0.0.1:%s", port);
	} else if (hostport_parse(addr, 0, &hp) == 0 && (!strcmp(hp.host, "0.0.0.0") || !strcmp(hp.host, "::"))) {
		snprintf(addr, n, hp.is_v6 ? "[::1]:%u" : "127.0.0.1:%u", hp.port);
	}
}

static bool
check_config(struct edge *e)
{
	struct conf_node *root = NULL;
	struct conf_error err = {{0}};
	struct stat st;
	char file[4200];

	snprintf(file, sizeof file, "%s/sallyportd.yml", e->dir);
	snprintf(e->ca, sizeof e->ca, "%s/tls/ca.pem", e->dir);
	if (stat(file, &st) < 0) {
		doctor_step(&e->d, DOC_FAIL, "config", "%s: %s", file, strerror(errno));
		doctor_advise(errno == EACCES
		                  ? "run this as root or as the edge's own user"
		                  : "is it the right folder? 'sallyportd init --dir DIR --team HOST' makes one");
		return false;
	}
	if (conf_load(file, &root, &err) < 0) {
		doctor_step(&e->d, DOC_FAIL, "config", "%s", err.text);
		doctor_advise("'sallyportd check --dir %s' says more", e->dir);
		return false;
	}
	take(root, "team", "", e->team, sizeof e->team);
	take(root, "listen", "0.0.0.0:8443", e->listen, sizeof e->listen);
	take(root, "tunnel_listen", "0.0.0.0:7844", e->tunnel_listen, sizeof e->tunnel_listen);
	take(root, "metrics_listen", "127.0.0.1:9090", e->metrics_listen, sizeof e->metrics_listen);
	conf_free(root);
	to_dial(e->listen, sizeof e->listen);
	to_dial(e->tunnel_listen, sizeof e->tunnel_listen);
	to_dial(e->metrics_listen, sizeof e->metrics_listen);
	return doctor_step(&e->d, DOC_OK, "config", "team %s, users at %s, tunnels at %s", e->team, e->listen,
	                   e->tunnel_listen);
}

/* --- the metrics listener, plain HTTP on loopback --------------------------------------------------------------------
 */

static int
dial(const char *addr, int *ret_fd)
{
	struct timeval t = {.tv_sec = DOCTOR_NET_MS / 1000};
	struct resolved a = {0};
	struct hostport hp;
	int fd = -1, r = hostport_parse(addr, 0, &hp);

	if (r == 0)
		r = resolve_now(hp.host, hp.port, NULL, &a);
	if (r == 0 && !a.n)
		r = E_NOENT;
	if (r == 0 && (fd = socket(a.a[0].ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		r = E_IO;
	if (r == 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) < 0 ||
	               setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) < 0 ||
	               connect(fd, (struct sockaddr *)&a.a[0], a.len[0]) < 0))
		r = E_IO;
	if (r < 0 && fd >= 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	*ret_fd = fd;
	return r;
}

/* Status and body of one GET; the connection ends with the answer. */
static int
plain_get(const char *addr, const char *path, unsigned *ret_status, struct buf *body)
{
	char ask[256], chunk[4096];
	unsigned status = 0;
	ssize_t n;
	int fd, r = dial(addr, &fd);

	if (r < 0)
		return r;
	int w = snprintf(ask, sizeof ask, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, addr);
	r = fd_write_all(fd, ask, (size_t)w);
	while (r == 0 && (n = read(fd, chunk, sizeof chunk)) != 0)
		r = n < 0 ? E_IO : buf_put(body, chunk, (size_t)n);
	close(fd);
	const char *text = r == 0 ? buf_cstr(body) : NULL, *end = text ? strstr(text, "\r\n\r\n") : NULL;
	if (r == 0 && (!end || sscanf(text, "HTTP/1.1 %3u", &status) != 1))
		return E_FORMAT;
	if (r == 0) {
		buf_skip(body, (size_t)(end + 4 - text));
		*ret_status = status;
	}
	return r;
}

static void
check_roles(struct edge *e, const char *text)
{
	const char *at = strstr(text, "roles: "), *name;
	json_t *roles = NULL, *o;
	char list[512] = "", down[256] = "";

	if (!at || json_load_strict(at + 7, strcspn(at + 7, "\n"), 65536, &roles) < 0) {
		doctor_step(&e->d, DOC_SKIP, "roles", "judge does not say how they are");
		return;
	}
	json_object_foreach(roles, name, o)
	{
		bool up = !strcmp(json_str_or(o, "state", ""), "up");
		char *to = up ? list : down;
		size_t n = strlen(to), size = up ? sizeof list : sizeof down;
		snprintf(to + n, size - n, "%s%s (%lld restarts)", n ? ", " : "", name,
		         (long long)json_i64_or(o, "restarts", 0));
	}
	if (*down) {
		doctor_step(&e->d, DOC_FAIL, "roles", "down: %s", down);
		doctor_advise("the edge's log says why it ended: journalctl -u sallyportd");
	} else {
		doctor_step(&e->d, DOC_OK, "roles", "up: %s", list);
	}
	json_decref(roles);
}

static bool
check_ready(struct edge *e)
{
	struct buf body;
	unsigned status = 0;

	buf_init(&body, ANSWER_MAX);
	errno = 0;
	int r = plain_get(e->metrics_listen, "/readyz", &status, &body);
	const char *text = r == 0 ? buf_cstr(&body) : NULL;
	if (r < 0 || !text) {
		doctor_step(&e->d, DOC_FAIL, "ready", "no answer at %s: %s", e->metrics_listen,
		            errno ? strerror(errno) : err_str(r));
		doctor_advise("the edge does not run: 'systemctl start sallyportd', or 'sallyportd run --dir %s'",
		              e->dir);
		r = E_IO;
	} else if (status != 200) {
		doctor_step(&e->d, DOC_FAIL, "ready", "status %u: %s", status, text);
		doctor_advise("a role is still starting or has failed: journalctl -u sallyportd");
		check_roles(e, text);
	} else {
		doctor_step(&e->d, DOC_OK, "ready", "%s answers", e->metrics_listen);
		check_roles(e, text);
	}
	buf_release(&body);
	return r == 0;
}

static void
check_metrics(struct edge *e)
{
	struct buf body;
	unsigned status = 0;

	buf_init(&body, ANSWER_MAX);
	int r = plain_get(e->metrics_listen, "/metrics", &status, &body);
	const char *text = r == 0 ? buf_cstr(&body) : NULL;
	if (text && status == 200 && strstr(text, "sallyport_judge_up 1"))
		doctor_step(&e->d, DOC_OK, "metrics", "http://%s/metrics", e->metrics_listen);
	else {
		doctor_step(&e->d, DOC_FAIL, "metrics",
		            r < 0 ? "%s does not answer" : "%s answers without judge's numbers", e->metrics_listen);
		doctor_advise("judge is down or too busy to answer: journalctl -u sallyportd");
	}
	buf_release(&body);
}

/* --- processes -------------------------------------------------------------------------------------------------------
 */

/* sallyportd run --dir DIR, of this very folder. A relative DIR is relative to that process's own folder. */
static int
is_parent(pid_t pid, void *arg)
{
	struct edge *e = arg;
	char a[4096], path[4200], real[4096];

	if (proc_arg(pid, 0, a, sizeof a) < 0 || !str_ends(a, "sallyportd"))
		return 0;
	for (size_t i = 1; i < 16 && proc_arg(pid, i, a, sizeof a) == 0; i++) {
		const char *dir = str_starts(a, "--dir=") ? a + 6 : NULL;
		if (!dir && !strcmp(a, "--dir") && proc_arg(pid, i + 1, a, sizeof a) == 0)
			dir = a;
		if (!dir)
			continue;
		if (*dir == '/')
			str_copy(path, sizeof path, dir);
		else
			snprintf(path, sizeof path, "/proc/%ld/cwd/%s", (long)pid, dir);
		if (realpath(path, real) && !strcmp(real, e->real)) {
			e->parent = pid;
			return 1;
		}
	}
	return 0;
}

static void
append(char *list, size_t size, const char *name, pid_t pid)
{
	size_t n = strlen(list);
	snprintf(list + n, size - n, "%s%s (%ld)", n ? ", " : "", name, (long)pid);
}

static int
is_role(pid_t pid, void *arg)
{
	struct edge *e = arg;
	char text[64], name[4096], nnp[8] = "", seccomp[8] = "";

	if (proc_status(pid, "PPid", text, sizeof text) < 0 || strtol(text, NULL, 10) != e->parent ||
	    proc_arg(pid, 0, name, sizeof name) < 0)
		return 0;
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	if (!str_starts(base, "sallyport-"))
		return 0;
	proc_status(pid, "NoNewPrivs", nnp, sizeof nnp);
	proc_status(pid, "Seccomp", seccomp, sizeof seccomp);
	append(e->names, sizeof e->names, base, pid);
	if (strcmp(nnp, "1") || strcmp(seccomp, "2")) {
		append(e->loose_names, sizeof e->loose_names, base, pid);
		e->loose++;
	}
	return ++e->nroles == ROLES_MAX;
}

static void
check_processes(struct edge *e)
{
	if (!realpath(e->dir, e->real) || (proc_each(is_parent, e), !e->parent)) {
		doctor_step(&e->d, DOC_SKIP, "processes", "no sallyportd of %s on this machine that we may see",
		            e->dir);
		return;
	}
	proc_each(is_role, e);
	if (!e->nroles) {
		doctor_step(&e->d, DOC_FAIL, "processes", "sallyportd (%ld) has no role running", (long)e->parent);
		doctor_advise("journalctl -u sallyportd; 'sallyportd check --dir %s'", e->dir);
		return;
	}
	doctor_step(&e->d, DOC_OK, "processes", "sallyportd (%ld): %s", (long)e->parent, e->names);
	if (e->loose) {
		doctor_step(&e->d, DOC_FAIL, "confinement", "without system call filter or no-new-privileges: %s",
		            e->loose_names);
		doctor_advise("this kernel or container refuses seccomp, or the build was made with a sanitizer; do "
		              "not run it so in "
		              "front of users");
	} else {
		doctor_step(&e->d, DOC_OK, "confinement", "%u processes: system call filter and no-new-privileges",
		            e->nroles);
	}
}

/* --- certificates
 * ------------------------------------------------------------------------------------------------------ */

struct shake {
	struct loop *loop;
	bool opened;
	char why[256];
	struct buf pem;
};

static void
shake_opened(struct conn *c, void *arg)
{
	struct shake *s = arg;
	s->opened = conn_peer_pem(c, &s->pem) == 0;
	conn_close(c);
}

static void
shake_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
}

static void
shake_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct shake *s = arg;
	const char *text = conn_error_text(c);

	str_copy_n(s->why, sizeof s->why, text ? text : "", text ? strnlen(text, sizeof s->why - 1) : 0);
	if (!*s->why)
		str_copy(s->why, sizeof s->why, conn_why_str(why));
	loop_stop(s->loop);
}

/* One verified handshake with addr as `name`; pem of the leaf in s. The caller releases s->pem. */
static int
handshake(const struct edge *e, const char *addr, const char *name, struct shake *s)
{
	static const struct conn_ops ops = {.opened = shake_opened, .data = shake_data, .closed = shake_closed};
	struct tls_ctx *tls = NULL;
	struct reason why = {0};
	struct resolved a = {0};
	struct hostport hp;
	struct conn *conn;
	int r = hostport_parse(addr, 0, &hp);

	buf_init(&s->pem, 65536);
	if (r == 0)
		r = resolve_now(hp.host, hp.port, NULL, &a);
	if (r == 0)
		r = loop_new(&s->loop);
	if (r == 0 && (r = tls_client_new(access(e->ca, R_OK) == 0 ? e->ca : e->c->ca_file, false, &tls, &why)) < 0)
		str_copy(s->why, sizeof s->why, why.text);
	if (r == 0)
		r = conn_new_client(s->loop, &a.a[0], a.len[0], tls, name, &ops, s, &conn);
	if (r == 0) {
		conn_deadline(conn, DOCTOR_NET_MS);
		r = loop_run(s->loop);
	}
	tls_ctx_unref(tls);
	if (s->loop)
		loop_free(s->loop);
	return r < 0 ? r : s->opened ? 0 : E_CRYPTO;
}

static void
check_leaf(struct edge *e, const char *step, const char *addr, const char *name)
{
	struct shake s = {0};
	int64_t until = 0;

	int r = handshake(e, addr, name, &s);
	if (r == 0)
		r = x509_not_after(buf_slice(&s.pem), &until);
	long long days = (long long)(until - clock_wall()) / 86400;
	if (r < 0) {
		doctor_step(&e->d, DOC_FAIL, step, "%s as %s: %s", addr, name, *s.why ? s.why : err_str(r));
		doctor_advise("the certificate must name %s and come from %s or a public authority", name, e->ca);
	} else if (days < LEAF_DAYS_MIN) {
		doctor_step(&e->d, DOC_FAIL, step, "%s as %s: %lld days left", addr, name, days);
		doctor_advise("a certificate of tls.certificates must be renewed by its owner (SIGHUP makes us read "
		              "it); the edge renews its own");
	} else {
		doctor_step(&e->d, DOC_OK, step, "%s as %s, %lld days left", addr, name, days);
	}
	buf_release(&s.pem);
}

/* The names of applications come from the API, with the folder's own token when it may be read. */
static json_t *
tls_names(struct edge *e)
{
	struct cli ours = *e->c;
	struct cli_api a = {0};
	struct reason why = {0};
	json_t *status = NULL, *names = NULL;
	char path[4200], url[400];
	struct buf b;

	buf_init_secret(&b, 65536);
	snprintf(path, sizeof path, "%s/admin.token", e->dir);
	snprintf(url, sizeof url, "https://%s/client/v4", e->team);
	if (access(path, R_OK) == 0 && file_read_private(path, 077, &b, &why) == 0 && buf_cstr(&b)) {
		b.d[b.r + strcspn((char *)b.d + b.r, "\r\n")] = 0;
		ours.api_token = (char *)b.d + b.r;
		ours.api_url = url;
		ours.ca_file = e->ca;
		ours.connect_to = e->listen;
		if (cli_api_open(&ours, &a) == 0 &&
		    cli_api_call(&ours, &a, "GET", "/accounts/%A/sallyport/status", NULL, &status, NULL) == 0)
			names = json_incref(json_object_get(status, "tls_names"));
	}
	json_decref(status);
	cli_api_release(&a);
	buf_release(&b);
	return names;
}

static void
check_certificates(struct edge *e)
{
	json_t *names, *v;
	struct hostport team;
	size_t i;

	if (hostport_parse(e->team, 443, &team) < 0) {
		doctor_step(&e->d, DOC_SKIP, "certificate", "no team host in the configuration");
		return;
	}
	check_leaf(e, "certificate", e->listen, team.host);
	check_leaf(e, "tunnel certificate", e->tunnel_listen, "h2.cftunnel.com");
	names = tls_names(e);
	json_array_foreach(names, i, v)
	{
		const char *name = json_is_string(v) ? json_string_value(v) : "";
		if (*name && !strchr(name, '*') && strcmp(name, team.host) && strcmp(name, "h2.cftunnel.com") &&
		    i < APPS_MAX)
			check_leaf(e, "application certificate", e->listen, name);
	}
	doctor_dns(&e->d, team.host, names);
	if (!names)
		doctor_step(&e->d, DOC_SKIP, "application certificates", "%s/admin.token cannot be used from here",
		            e->dir);
	json_decref(names);
}

/* --- the machine
 * ------------------------------------------------------------------------------------------------------- */

static void
check_disk(struct edge *e)
{
	struct statvfs v;

	if (statvfs(e->dir, &v) < 0 || !v.f_blocks) {
		doctor_step(&e->d, DOC_SKIP, "disk", "%s: %s", e->dir, strerror(errno));
		return;
	}
	unsigned long long mib = (unsigned long long)v.f_bavail * v.f_frsize >> 20,
	                   percent = v.f_bavail * 100ULL / v.f_blocks;
	if (mib < 256 || (v.f_files && !v.f_favail)) {
		doctor_step(&e->d, DOC_FAIL, "disk",
		            "%llu MiB free (%llu %%): an audit record that cannot be written refuses the action", mib,
		            percent);
		doctor_advise("make room, or move old files of %s/audit elsewhere, oldest first", e->dir);
	} else {
		doctor_step(&e->d, DOC_OK, "disk", "%llu MiB free (%llu %%)", mib, percent);
	}
}

static void
check_own_clock(struct edge *e)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	if (state < 0)
		doctor_step(&e->d, DOC_SKIP, "clock", "the kernel does not say");
	else if (state == TIME_ERROR || (t.status & STA_UNSYNC))
		doctor_step(&e->d, DOC_SKIP, "clock",
		            "the kernel does not know whether it is right; 'timedatectl' shows it on a host");
	else
		doctor_step(&e->d, DOC_OK, "clock", "synchronised, error at most %lld ms",
		            (long long)t.maxerror / 1000);
}

int
doctor_edge(struct cli *c, int argc, char **argv)
{
	struct edge e = {.c = c};
	struct cli_list pos = {0};
	const struct cli_option table[] = {{"dir", NULL, NULL, "DIR", "the edge's folder", &e.dir, false}};

	int r = cli_options(c, argc, argv, "sallyport doctor edge --dir DIR", table, 1, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (!e.dir || pos.n) {
		fputs("usage: sallyport doctor edge --dir DIR\n", stderr);
		return 2;
	}
	if (check_config(&e)) {
		bool answers = check_ready(&e);
		if (answers)
			check_metrics(&e);
		check_processes(&e);
		if (answers)
			check_certificates(&e);
		check_disk(&e);
		check_own_clock(&e);
	}
	return doctor_end(&e.d);
}
