/*
 * sallyportd: the parent of the edge's processes. init, run, check; the commands are rows of one table.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "edge/parent/backup.h"
#include "edge/parent/init.h"
#include "edge/parent/role_proc.h"
#include "edge/parent/run.h"
#include "io/file.h"
#include "io/tls.h"

#define CERT_BYTES_MAX (1u << 20)

static const char usage_text[] =
    "usage: sallyportd init  --dir DIR --team HOST[:PORT] [--listen ADDR:PORT] [--tunnel-listen ADDR:PORT]\n"
    "                        [--metrics-listen ADDR:PORT] [--store sqlite|postgres://...] [--admin EMAIL]\n"
    "                        [--node-passphrase-fd N]\n"
    "       sallyportd run   --dir DIR      runs the edge in the foreground; prints \"ready\"\n"
    "                        [--node-passphrase-fd N]   keys are sealed under a passphrase instead of DIR/node.key\n"
    "       sallyportd check --dir DIR      validates the configuration\n"
    "       sallyportd backup  --dir DIR [--with-keys] FILE     while it runs or not; --with-keys: node.key and tokens "
    "too\n"
    "       sallyportd restore --dir DIR [--store sqlite|postgres://...] FILE   into a new folder and an empty store\n"
    "       sallyportd version\n";

enum { OPT_DIR = 1, OPT_TEAM, OPT_LISTEN, OPT_TUNNEL, OPT_METRICS, OPT_STORE, OPT_ADMIN, OPT_PHRASE, OPT_KEYS };
static const struct option options[] = {
    {"dir", required_argument, NULL, OPT_DIR},
    {"team", required_argument, NULL, OPT_TEAM},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"tunnel-listen", required_argument, NULL, OPT_TUNNEL},
    {"metrics-listen", required_argument, NULL, OPT_METRICS},
    {"store", required_argument, NULL, OPT_STORE},
    {"admin", required_argument, NULL, OPT_ADMIN},
    {"node-passphrase-fd", required_argument, NULL, OPT_PHRASE},
    {"with-keys", no_argument, NULL, OPT_KEYS},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int
usage(const char *cmd, const char *why)
{
	if (why)
		fprintf(stderr, "sallyportd%s%s: %s\n", cmd ? " " : "", cmd ? cmd : "", why);
	fputs(usage_text, stderr);
	return 2;
}

static struct edge_conf *
load(const char *cmd, const char *dir)
{
	struct edge_conf *c = NULL;
	struct conf_error err = {{0}};

	if (edge_conf_load(dir, &c, &err) < 0) {
		fprintf(stderr, "sallyportd %s: %s\n", cmd, err.text);
		return NULL;
	}
	return c;
}

static int
cmd_init(const struct init_args *a)
{
	return a->team ? edge_init(a) : usage("init", "--team is missing");
}

/* Whether chain and key of each configured certificate belong together; front would refuse them otherwise. */
static int
certs_check(const struct edge_conf *c, struct reason *why)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < c->ncerts; i++) {
		struct tls_ctx *t = NULL;
		struct buf chain, key;
		buf_init(&chain, CERT_BYTES_MAX);
		buf_init_secret(&key, CERT_BYTES_MAX);
		if ((e = file_read(c->certs[i].cert, &chain)) == 0 && (e = file_read(c->certs[i].key, &key)) == 0 &&
		    (e = buf_put_u8(&chain, 0)) == 0 && (e = buf_put_u8(&key, 0)) == 0)
			e = tls_server_new((const char *)buf_ptr(&chain), (const char *)buf_ptr(&key), &t, why);
		if (e < 0 && !why->text[0])
			str_copy(why->text, sizeof why->text, err_str(e));
		if (e < 0)
			fprintf(stderr, "sallyportd: %s, %s: ", c->certs[i].cert, c->certs[i].key);
		tls_ctx_unref(t);
		buf_release(&chain);
		buf_release(&key);
	}
	return e;
}

static int
cmd_run(const struct init_args *a)
{
	struct edge_conf *c = load("run", a->dir);
	struct reason why = {0};

	if (!c)
		return 1;
	if (a->passphrase_fd && node_passphrase("run", a->passphrase_fd, &c->passphrase_fd) < 0) {
		edge_conf_free(c);
		return 1;
	}
	if (certs_check(c, &why) < 0) { /* later, with an edge that serves, it is only said */
		fprintf(stderr, "%s\n", why.text);
		edge_conf_free(c);
		return 1;
	}
	log_init("parent", c->log_level);
	return edge_run(c);
}

static int
cmd_check(const struct init_args *a)
{
	struct edge_conf *c = load("check", a->dir);
	struct reason why = {0};
	int status = 0;

	if (!c)
		return 1;
	if (a->passphrase_fd && node_passphrase("check", a->passphrase_fd, &c->passphrase_fd) < 0) {
		status = 1;
	} else if (role_files_check(c, &why) < 0) {
		fprintf(stderr, "sallyportd check: %s\n", why.text);
		status = 1;
	} else if (certs_check(c, &why) < 0) {
		fprintf(stderr, "%s\n", why.text);
		status = 1;
	} else {
		printf("%s/sallyportd.yml is valid\n", c->dir);
	}
	edge_conf_free(c);
	return status;
}

static int
cmd_backup(const struct init_args *a)
{
	return edge_backup(a->dir, a->file, a->with_keys);
}

static int
cmd_restore(const struct init_args *a)
{
	return edge_restore(a->dir, a->file, a->store);
}

static const struct command {
	const char *name;
	int (*run)(const struct init_args *a);
	bool wants_file;
} commands[] = {{"init", cmd_init, false},
                {"run", cmd_run, false},
                {"check", cmd_check, false},
                {"backup", cmd_backup, true},
                {"restore", cmd_restore, true}};

static int
parse(int argc, char **argv, bool wants_file, struct init_args *a)
{
	for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (o) {
		case OPT_DIR:
			a->dir = optarg;
			break;
		case OPT_TEAM:
			a->team = optarg;
			break;
		case OPT_LISTEN:
			a->listen = optarg;
			break;
		case OPT_TUNNEL:
			a->tunnel_listen = optarg;
			break;
		case OPT_METRICS:
			a->metrics_listen = optarg;
			break;
		case OPT_STORE:
			a->store = optarg;
			break;
		case OPT_ADMIN:
			a->admin = optarg;
			break;
		case OPT_PHRASE:
			a->passphrase_fd = optarg;
			break;
		case OPT_KEYS:
			a->with_keys = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			a->help = true;
			return 0;
		default:
			return usage(NULL, NULL);
		}
	}
	if (wants_file && optind == argc)
		return usage(argv[0], "FILE is missing");
	if (wants_file)
		a->file = argv[optind++];
	if (optind != argc)
		return usage(argv[0], wants_file ? "takes one FILE" : "takes no further argument");
	return a->dir ? 0 : usage(argv[0], "--dir is missing");
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"init", "run", "check", "backup", "restore", "version", NULL};
	struct init_args a = {0};

	if (argc < 2 || !strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(usage_text, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (!strcmp(argv[1], "version") || !strcmp(argv[1], "--version")) {
		puts("sallyportd " SALLYPORT_VERSION);
		return 0;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		int r = parse(argc - 1, argv + 1, commands[i].wants_file, &a);
		return r || a.help ? r : commands[i].run(&a);
	}
	const char *near = str_nearest(argv[1], names);
	fprintf(stderr, "sallyportd: unknown command \"%s\"%s%s%s\n", argv[1], near ? "; did you mean \"" : "",
	        near ? near : "", near ? "\"?" : "");
	return usage(NULL, NULL);
}
