#include "cli/admin/admin.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

#define PAGES_MAX 200 /* an edge that never ends its list must not keep us */

static const struct {
	const char *name, *args, *help;
	int (*run)(struct cli *, struct admin_options *, const struct cli_list *);
} commands[] = {
    {"apply", "FILE.yml [--dry-run]", "bring the edge to what a file says; prints the difference", admin_apply},
    {"get", "KIND [-o json]", "apps, policies, groups, idps, users, service-tokens, tunnels, ...", admin_get},
    {"ca", "HOST [--type T]", "the public key that sshd must trust; made when there is none", admin_ca},
    {"explain", "--app HOST --email E", "would this person be let in, and why", admin_explain},
    {"requests", "[list] | approve ID | deny ID", "who asks for access for a time; decide", admin_requests},
    {"revoke", "--email | --app | --session", "end tokens and sessions", admin_revoke},
    {"users", "[list] | disable|enable EMAIL", "who has signed in; bar somebody", admin_users},
    {"principals", "[list] | bind | release NAME", "who owns which Unix name", admin_principals},
    {"idps", "[list] | test NAME", "who vouches for people; try one", admin_idps},
    {"log", "[--since T] [--follow]", "what happened", admin_log},
    {"sessions", "[list] | play ID", "who is signed in", admin_sessions},
    {"ssh-sessions", "[list] | end ID", "who is in a browser terminal; end one", admin_ssh_sessions},
    {"host-keys", "[list] | forget ID", "keys of hosts, as first seen; forget one that was changed", admin_host_keys},
    {"tokens", "[list] | create NAME --scope S | revoke ID", "who may use the API", admin_tokens},
    {"hash", "", "a password's hash for the apply file", admin_hash},
};
#define NCOMMANDS (sizeof commands / sizeof *commands)

static int
print_commands(FILE *to, int status)
{
	fputs("usage: sallyport admin [OPTIONS] COMMAND ...\n", to);
	for (size_t i = 0; i < NCOMMANDS; i++) {
		char left[64];
		snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].args);
		fprintf(to, "  %-38s %s\n", left, commands[i].help);
	}
	fputs("'sallyport admin --help' lists the options.\n", to);
	return status;
}

/* "admin NAME --help": the command alone, and the options that its name stands before ("explain, revoke: ..."). */
static bool
helped(int argc, char **argv, const struct cli_option *table, size_t n)
{
	size_t at = NCOMMANDS;
	bool asked = false;

	for (int i = 1; i < argc; i++) {
		asked |= !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
		for (size_t k = 0; at == NCOMMANDS && k < NCOMMANDS; k++)
			if (!strcmp(argv[i], commands[k].name))
				at = k;
	}
	if (!asked || at == NCOMMANDS)
		return false;
	printf("usage: sallyport admin %s %s\n  %s\n", commands[at].name, commands[at].args, commands[at].help);
	for (size_t i = 0; i < n; i++) {
		char left[64];
		const char *end = table[i].help ? strchr(table[i].help, ':') : NULL,
		           *word = end ? strstr(table[i].help, commands[at].name) : NULL;
		if (!word || word > end)
			continue;
		snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].arg ? " " : "",
		         table[i].arg ? table[i].arg : "");
		printf("  %-28s %s\n", left, end + 2);
	}
	fputs("'sallyport admin --help' lists the options that all have.\n", stdout);
	return true;
}

static int
dispatch(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	const char *names[NCOMMANDS + 1] = {NULL};

	for (size_t i = 0; i < NCOMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(pos->v[0], commands[i].name))
			continue;
		struct cli_list rest = {.n = pos->n - 1};
		memcpy(rest.v, pos->v + 1, rest.n * sizeof *rest.v);
		return commands[i].run(c, o, &rest);
	}
	const char *near = str_nearest(pos->v[0], names);
	fprintf(stderr, "sallyport admin: unknown command \"%s\"%s%s%s\n", pos->v[0], near ? "; did you mean \"" : "",
	        near ? near : "", near ? "\"?" : "");
	return print_commands(stderr, 2);
}

static int
cmd_admin(struct cli *c, int argc, char **argv)
{
	struct admin_options o = {0};
	const char *out = NULL;
	const struct cli_option table[] = {
	    {"dry-run", "n", NULL, NULL, "apply: print the difference, change nothing", &o.dry_run, false},
	    {"output", "o", NULL, "FORMAT", "json", &out, false},
	    {"type", NULL, NULL, "TYPE", "ca: ed25519 (default), ecdsa-p256 or rsa-3072", &o.type, false},
	    {"app", NULL, NULL, "HOST", "explain, revoke: the application", &o.app, false},
	    {"email", NULL, NULL, "E", "explain, revoke, principals bind: the person", &o.email, false},
	    {"ip", NULL, NULL, "ADDR", "explain: coming from there", &o.ip, false},
	    {"country", NULL, NULL, "CC", "explain: from that country", &o.country, false},
	    {"group", NULL, NULL, "G", "explain: in that group of the provider; repeatable", &o.groups, true},
	    {"amr", NULL, NULL, "M", "explain: signed in by that method (pwd, otp, mfa, ...); repeatable", &o.amr,
	     true},
	    {"idp", NULL, NULL, "NAME", "explain, principals bind: the provider", &o.idp, false},
	    {"service-token", NULL, NULL, "NAME", "explain, principals bind: a service token, by name or client id",
	     &o.service_token, false},
	    {"common-name", NULL, NULL, "CN", "explain: with a client certificate of that name", &o.common_name, false},
	    {"session", NULL, NULL, "ID", "revoke: one session", &o.session, false},
	    {"scope", NULL, NULL, "S", "tokens create: access:read, tunnels:write, ...; repeatable", &o.scopes, true},
	    {"ttl", NULL, NULL, "T", "tokens create: how long it lives (90d, 8h; default 365d)", &o.ttl, false},
	    {"since", NULL, NULL, "T", "log: a duration back (1h) or a time (2026-11-22T10:00:00Z)", &o.since, false},
	    {"for", NULL, NULL, "T", "requests approve: for how long (1h; at most 24h)", &o.period, false},
	    {"follow", "f", NULL, NULL, "log: stay and print what comes", &o.follow, false},
	    CLI_API_OPTIONS(c),
	};
	struct cli_list pos = {0};

	if (helped(argc, argv, table, sizeof table / sizeof *table))
		return 0;
	int r = cli_options(c, argc, argv, "sallyport admin [OPTIONS] COMMAND ...", table, sizeof table / sizeof *table,
	                    false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (out && strcmp(out, "json"))
		return cli_fail(SP_CLIENT_USAGE, "-o %s: expected json", out), 2;
	c->json = out != NULL;
	if (!pos.n)
		return print_commands(stderr, 2);
	return dispatch(c, &o, &pos);
}

const struct cli_command admin_command = {"admin", NULL, "say who may reach what; see what happened", cmd_admin};

/* --- shared ------------------------------------------------------------------------------------------------------ */

int
admin_usage(const char *usage)
{
	fprintf(stderr, "usage: sallyport admin %s\n", usage);
	return 2;
}

void
admin_put(FILE *to, const char *text)
{
	for (size_t n; *text; text += n ? n : 1) {
		n = *text == '\n' ? 0 : cli_control(text);
		fputc(n ? '?' : *text, to);
	}
}

void
admin_say(FILE *to, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	admin_put(to, text);
}

void
admin_print_json(const json_t *j)
{
	char *text = json_dumps(j, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (text)
		puts(text);
	free(text);
}

char *
admin_path(const char *prefix, const char *text, const char *suffix)
{
	struct buf b;
	int r;

	buf_init(&b, 16384);
	r = buf_put_str(&b, prefix);
	if (r == 0)
		r = url_escape(&b, text);
	if (r == 0)
		r = buf_put_str(&b, suffix);
	if (r == 0)
		return buf_take_str(&b);
	buf_release(&b);
	return NULL;
}

int
admin_list(const struct cli *c, const struct cli_api *a, const char *path, json_t **ret_all)
{
	json_t *all = json_array(), *page = NULL;
	int r = all ? 0 : E_NOMEM;

	for (unsigned n = 1; r == 0 && n <= PAGES_MAX; n++) {
		char *url = str_fmt("%s%cpage=%u", path, strchr(path, '?') ? '&' : '?', n);
		r = url ? cli_api_call(c, a, "GET", url, NULL, &page, NULL) : E_NOMEM;
		free(url);
		size_t got = json_array_size(page);
		if (r == 0 && json_array_extend(all, page) < 0)
			r = json_is_array(page) ? E_NOMEM : E_FORMAT;
		json_decref(page);
		page = NULL;
		if (!got)
			break;
	}
	if (r == E_FORMAT)
		cli_fail(SP_CLIENT_PROTOCOL, "the edge answered with something that is not a list");
	if (r == 0)
		*ret_all = all;
	else
		json_decref(all);
	return r;
}

int
admin_find_app(const struct cli *c, const struct cli_api *a, const char *host, json_t **ret_app)
{
	json_t *all = NULL, *app, *found = NULL;
	size_t i, named = 0;
	char name[300];
	int r;

	/* a port, as other commands take one, says nothing here */
	str_copy_n(name, sizeof name, host, strcspn(host, ":"));
	str_lower(name);
	if ((r = admin_list(c, a, "/accounts/%A/access/apps", &all)) < 0)
		return r;
	json_array_foreach(all, i, app)
	{
		if (!strcmp(json_str_or(app, "domain", ""), name) || !strcmp(json_str_or(app, "id", ""), name)) {
			found = app;
			named = 1;
			break;
		}
		if (!strcmp(json_str_or(app, "name", ""), host)) {
			found = app;
			named++;
		}
	}
	if (named == 1) {
		*ret_app = json_incref(found);
	} else {
		cli_fail(SP_NOT_FOUND,
		         named ? "%s is the name of several applications; give the host name"
		               : "there is no application \"%s\"; 'sallyport admin get apps' shows what there is",
		         host);
		r = E_NOENT;
	}
	json_decref(all);
	return r;
}

int
admin_find_idp(const struct cli *c, const struct cli_api *a, const char *name, char *ret_id, size_t n)
{
	json_t *all = NULL, *p;
	size_t i;
	int r = admin_list(c, a, "/accounts/%A/access/identity_providers", &all), found = E_NOENT;

	if (r < 0)
		return r;
	json_array_foreach(all, i, p) if (found < 0 && (!strcmp(json_str_or(p, "name", ""), name) ||
	                                                !strcmp(json_str_or(p, "id", ""), name))) found =
	    str_copy(ret_id, n, json_str_or(p, "id", ""));
	if (found < 0)
		cli_fail(SP_NOT_FOUND,
		         "there is no identity provider \"%s\"; 'sallyport admin get idps' shows what there is", name);
	json_decref(all);
	return found;
}
