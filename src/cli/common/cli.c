#include "cli/common/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

/* One line to people: what came from elsewhere moves no cursor. */
static void
say(const char *head, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof text, fmt, ap);
	for (char *p = text; *p; p++)
		for (size_t n = cli_control(p); n; n--)
			p[n - 1] = '?';
	fprintf(stderr, "%s%s\n", head, text);
}

int
cli_fail(int code, const char *fmt, ...)
{
	char head[32] = "sallyport: ";
	va_list ap;

	if (code)
		snprintf(head, sizeof head, "sallyport: SP-%d ", code);
	va_start(ap, fmt);
	say(head, fmt, ap);
	va_end(ap);
	return 1;
}

void
cli_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("note: ", fmt, ap);
	va_end(ap);
}

/* --- options --------------------------------------------------------------------------------------------------- */

struct parse {
	const char *usage;
	const struct cli_option *opts[128];
	size_t n;
};

static void
print_help(const struct parse *p)
{
	printf("usage: %s\n", p->usage);
	for (size_t i = 0; i < p->n; i++) {
		const struct cli_option *o = p->opts[i];
		char left[64];
		if (!o->help)
			continue;
		snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-28s %s%s%s%s\n", left, o->help, o->env ? " [$" : "", o->env ? o->env : "",
		       o->env ? "]" : "");
	}
}

static const struct cli_option *
find(const struct parse *p, const char *name, size_t n)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct cli_option *o = p->opts[i];
		if ((strlen(o->name) == n && !strncmp(o->name, name, n)) ||
		    (o->alias && strlen(o->alias) == n && !strncmp(o->alias, name, n)))
			return o;
	}
	return NULL;
}

static int
unknown(const struct parse *p, const char *arg)
{
	const char *names[129];
	size_t k = 0;

	for (size_t i = 0; i < p->n; i++)
		names[k++] = p->opts[i]->name;
	names[k] = NULL;
	const char *near = str_nearest(arg + strspn(arg, "-"), names);
	if (near)
		fprintf(stderr, "sallyport: unknown option \"%s\"; did you mean --%s?\n", arg, near);
	else
		fprintf(stderr, "sallyport: unknown option \"%s\"\n", arg);
	fprintf(stderr, "usage: %s\n", p->usage);
	return E_FORMAT;
}

static int
store(const struct cli_option *o, const char *value)
{
	if (o->repeat) {
		struct cli_list *l = o->target;
		if (l->n == CLI_LIST_MAX) {
			fprintf(stderr, "sallyport: --%s given more than %d times\n", o->name, CLI_LIST_MAX);
			return E_LIMIT;
		}
		l->v[l->n++] = value;
	} else {
		*(const char **)o->target = value;
	}
	return 0;
}

static int
flag(const struct cli_option *o, const char *value)
{
	bool on = !value || !strcmp(value, "true") || !strcmp(value, "1") || !strcmp(value, "yes");

	if (value && !on && strcmp(value, "false") && strcmp(value, "0") && strcmp(value, "no")) {
		fprintf(stderr, "sallyport: --%s: found \"%s\", expected true or false\n", o->name, value);
		return E_FORMAT;
	}
	*(bool *)o->target = on;
	return 0;
}

/* One option at argv[*i]; moves *i past a separate value. */
static int
take(const struct parse *p, int argc, char **argv, int *i)
{
	char *arg = argv[*i], *body = arg + (arg[1] == '-' ? 2 : 1), *eq = strchr(body, '=');
	const struct cli_option *o = find(p, body, eq ? (size_t)(eq - body) : strlen(body));

	if (!o)
		return unknown(p, arg);
	if (!o->arg)
		return flag(o, eq ? eq + 1 : NULL);
	if (eq)
		return store(o, eq + 1);
	if (*i + 1 >= argc) {
		fprintf(stderr, "sallyport: --%s wants a value (%s)\nusage: %s\n", o->name, o->arg, p->usage);
		return E_FORMAT;
	}
	return store(o, argv[++*i]);
}

static int
from_env(const struct parse *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct cli_option *o = p->opts[i];
		const char *v = o->env ? getenv(o->env) : NULL;
		if (!v || !*v)
			continue;
		int r = o->arg ? store(o, v) : flag(o, v);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
cloudflared_home(struct cli *c)
{
	const char *home = getenv("HOME");
	int n = home ? snprintf(c->home, sizeof c->home, "%s/.cloudflared", home) : -1;

	c->cloudflared_home = true;
	if (n > 0 && (size_t)n < sizeof c->home)
		return 0;
	fprintf(stderr, "sallyport: --cloudflared-home: HOME is not set\n");
	return E_FORMAT;
}

int
cli_options(struct cli *c, int argc, char **argv, const char *usage, const struct cli_option *opts, size_t nopts,
            bool stop_at_pos, struct cli_list *pos)
{
	bool theirs = false;
	const struct cli_option global[] = {
	    {"ca-file", NULL, "SALLYPORT_CA_FILE", "FILE", "trust these roots besides the system's", &c->ca_file,
	     false},
	    {"connect-to", NULL, "SALLYPORT_CONNECT_TO", "ADDR:PORT", "dial there whatever DNS says", &c->connect_to,
	     false},
	    {"cloudflared-home", NULL, "SALLYPORT_CLOUDFLARED_HOME", NULL,
	     "keep tokens and keys in ~/.cloudflared, where cloudflared finds them", &theirs, false},
	};
	struct parse p = {.usage = usage};
	bool ended = false; /* "--" was seen */
	int r;

	for (size_t i = 0; i < nopts; i++)
		p.opts[p.n++] = &opts[i];
	for (size_t i = 0; i < sizeof global / sizeof *global; i++)
		if (!find(&p, global[i].name, strlen(global[i].name)))
			p.opts[p.n++] = &global[i];
	if ((r = from_env(&p)) < 0)
		return r;
	for (int i = 1; i < argc; i++) {
		bool ours = !ended && !(stop_at_pos && pos->n);
		if (ours && !strcmp(argv[i], "--")) {
			ended = true;
			continue;
		}
		if (ours && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
			print_help(&p);
			return E_EXIST;
		}
		if (ours && argv[i][0] == '-' && argv[i][1]) {
			if ((r = take(&p, argc, argv, &i)) < 0)
				return r;
			continue;
		}
		if (pos->n == CLI_LIST_MAX)
			return E_LIMIT;
		pos->v[pos->n++] = argv[i];
	}
	return theirs ? cloudflared_home(c) : 0;
}

int
cli_options_exit(int r)
{
	return r == E_EXIST ? 0 : 2;
}

/* --- dispatch ---------------------------------------------------------------------------------------------------- */

static void
print_commands(FILE *to, const char *program, const struct cli_command *cmds, size_t n)
{
	fprintf(to, "usage: %s COMMAND ...\n", program);
	for (size_t i = 0; i < n; i++)
		fprintf(to, "  %-14s %s\n", cmds[i].name, cmds[i].help);
	fprintf(to, "'%s COMMAND --help' says more.\n", program);
}

int
cli_dispatch(struct cli *c, const char *program, const struct cli_command *cmds, size_t n, int argc, char **argv)
{
	const char *names[64];
	size_t k = 0;

	if (argc < 1 || !strcmp(argv[0], "help") || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		print_commands(argc < 1 ? stderr : stdout, program, cmds, n);
		return argc < 1 ? 2 : 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(argv[0], cmds[i].name) || (cmds[i].alias && !strcmp(argv[0], cmds[i].alias)))
			return cmds[i].run(c, argc, argv);
		if (k < 63)
			names[k++] = cmds[i].name;
	}
	names[k] = NULL;
	const char *near = str_nearest(argv[0], names);
	if (near)
		fprintf(stderr, "%s: unknown command \"%s\"; did you mean \"%s\"?\n", program, argv[0], near);
	else
		fprintf(stderr, "%s: unknown command \"%s\"\n", program, argv[0]);
	print_commands(stderr, program, cmds, n);
	return 2;
}
