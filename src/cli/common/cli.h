/*
 * cli: what every command of `sallyport` shares: the command table, global options, errors for people.
 *
 * A command is one row and one function. Options are parsed by cli_options from a table, so that help, "did you mean"
 * and the environment variables of cloudflared (TUNNEL_*) come from one place. Exit status: 0 done, 1 failed, 2 used
 * wrongly.
 */
#ifndef CLI_COMMON_CLI_H
#define CLI_COMMON_CLI_H

#include <stdio.h>

#include "core/buf.h"
#include "core/err.h"

struct cli {
	const char *ca_file;                          /* --ca-file, SALLYPORT_CA_FILE; NULL = system roots alone */
	const char *connect_to;                       /* --connect-to, SALLYPORT_CONNECT_TO: "ADDR:PORT" */
	const char *api_url, *api_token, *origincert; /* --api-url TUNNEL_API_URL; --api-token SALLYPORT_API_TOKEN;
	                                                 --origincert TUNNEL_ORIGIN_CERT */
	char home[4096];       /* SALLYPORT_HOME, else ~/.sallyport; made 0700 when first written to */
	bool cloudflared_home; /* --cloudflared-home: home is ~/.cloudflared */
	const char *self;      /* how ssh_config should call us: absolute path of this program */
	bool json;             /* -o json */
};

/* Options: one row each. Values stay where argv or the environment has them. */
struct cli_option {
	const char *name;  /* long name without dashes */
	const char *alias; /* second long name, or a single letter for a short one; NULL */
	const char *env;   /* NULL */
	const char *arg;   /* NULL = a flag; else the placeholder in help */
	const char *help;
	void *target; /* const char ** (arg), bool * (flag), struct cli_list * (repeatable) */
	bool repeat;
};
#define CLI_LIST_MAX 64
struct cli_list {
	const char *v[CLI_LIST_MAX];
	size_t n;
};
#define CLI_POS_MAX 1024
/* Where the API is and by which right it is asked: rows for the commands that call it. */
#define CLI_API_OPTIONS(c)                                                                                        \
	{"api-url", NULL, "TUNNEL_API_URL", "URL", "https://TEAM/client/v4", &(c)->api_url, false},               \
	    {"api-token", NULL, "SALLYPORT_API_TOKEN", "TOKEN", "API token", &(c)->api_token, false},             \
	{                                                                                                         \
		"origincert", NULL, "TUNNEL_ORIGIN_CERT", "FILE", "cert.pem of the edge", &(c)->origincert, false \
	}
/* Parses argv[1..]; the global options of struct cli are accepted everywhere. Positional arguments into pos
   ("--" ends options; so does, with stop_at_pos, the first positional argument: for `curl`). A wrong option prints one
   line with the nearest name and returns E_FORMAT (exit 2). --help prints and returns E_EXIST (exit 0). */
int cli_options(struct cli *c, int argc, char **argv, const char *usage, const struct cli_option *opts, size_t nopts,
                bool stop_at_pos, struct cli_list *pos);
/* cli_options' result as exit status. */
int cli_options_exit(int r);

struct cli_command {
	const char *name;                                 /* "ssh-gen" */
	const char *alias;                                /* NULL */
	const char *help;                                 /* one line */
	int (*run)(struct cli *c, int argc, char **argv); /* argv[0] is the command's own name */
};
/* Runs the row that argv[0] names; unknown: one line, nearest name, list of commands; exit 2. */
int cli_dispatch(struct cli *c, const char *program, const struct cli_command *cmds, size_t n, int argc, char **argv);

/* Bytes of a control character at s, which must not reach a terminal: 1 for C0 and DEL, 2 for C1 in UTF-8 (U+009B is
 * CSI to many), 0 for anything else, the end too. */
static inline size_t
cli_control(const char *s)
{
	unsigned char c = (unsigned char)*s;

	if (c == 0xc2 && ((unsigned char)s[1] & 0xe0) == 0x80)
		return 2;
	return (c && c < 0x20) || c == 0x7f;
}

/* One line on standard error: "sallyport: SP-1502 cannot reach edge.example.com:8443: connection refused". code 0 =
   without. Returns 1. Text from the network is printed with control characters replaced. */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, "note: ...", for what is no failure. */
void cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

extern const struct cli_command access_command, tunnel_command, admin_command, doctor_command;

#endif
