/* login, token, curl, logout: the token of an application, got, shown, used, forgotten. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/access/access.h"
#include "cli/access/login.h"
#include "cli/access/service.h"
#include "core/str.h"
#include "io/file.h"

/* The application from --app or the one positional argument. */
static int
app_argument(const char *app, const struct cli_list *pos, const char *usage, struct app *ret_a)
{
	const char *text = app ? app : pos->n ? pos->v[0] : NULL;

	if (!text || pos->n > (app ? 0u : 1u)) {
		fprintf(stderr, "usage: %s\n", usage);
		return E_FORMAT;
	}
	return app_parse(text, ret_a);
}

/* Is the stored token still good at the edge? A redirect to the login page says no (d.3). */
static bool
edge_accepts(const struct cli *c, const struct app *a, const struct secret *token)
{
	struct cli_response resp = {0};
	char url[400], *line = str_fmt("Cf-Access-Token: %.*s", (int)token->n, (const char *)token->d);
	const char *headers[] = {line, NULL};
	bool ok = true;

	snprintf(url, sizeof url, "https://%s/?cloudflared_token_check=true", a->name);
	if (line && cli_http(c, "HEAD", url, headers, NULL, 0, 10000, &resp) == 0)
		ok = resp.status != 302 && resp.status != 401;
	cli_response_release(&resp);
	if (line)
		mem_wipe(line, strlen(line));
	free(line);
	return ok;
}

static int
get_token(const struct cli *c, struct app *a, bool no_browser, struct secret *ret_token)
{
	struct login_options o = {.no_browser = no_browser, .explicit_ = true};
	struct secret old = {0};
	int r = login_token(c, a, &o, ret_token);

	if (r == 0 && !edge_accepts(c, a, ret_token)) {
		old = *ret_token;
		*ret_token = (struct secret){0};
		o.refused = &old;
		r = login_token(c, a, &o, ret_token);
		secret_release(&old);
	}
	return r;
}

int
access_login(struct cli *c, int argc, char **argv)
{
	static const char usage[] = "sallyport access login URL [--no-browser]";
	const char *app = NULL;
	bool no_browser = false, quiet = false, no_verbose = false, auto_close = false;
	const struct cli_option table[] = {
	    {"no-browser", NULL, NULL, NULL, "print the link, open nothing", &no_browser, false},
	    {"app", NULL, NULL, "URL", "the application", &app, false},
	    {"quiet", "q", NULL, NULL, "do not print the token", &quiet, false},
	    {"no-verbose", NULL, NULL, NULL, "print the token alone", &no_verbose, false},
	    {"auto-close", NULL, NULL, NULL, NULL, &auto_close, false},
	};
	struct cli_list pos = {0};
	struct secret token = {0};
	struct app a;

	int r = cli_options(c, argc, argv, usage, table, sizeof table / sizeof *table, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (app_argument(app, &pos, usage, &a) < 0)
		return 2;
	if (get_token(c, &a, no_browser, &token) < 0)
		return 1;
	if (!quiet && (no_verbose || app))
		printf("%.*s\n", (int)token.n, (const char *)token.d);
	else if (!quiet)
		printf("Successfully fetched your token:\n\n%.*s\n\n", (int)token.n, (const char *)token.d);
	secret_release(&token);
	return 0;
}

int
access_token(struct cli *c, int argc, char **argv)
{
	static const char usage[] = "sallyport access token --app URL";
	const char *app = NULL;
	struct service service = {0};
	const struct cli_option table[] = {{"app", NULL, NULL, "URL", "the application", &app, false},
	                                   SERVICE_OPTIONS(&service)};
	struct cli_list pos = {0};
	struct secret token = {0};
	struct app a;

	int r = cli_options(c, argc, argv, usage, table, sizeof table / sizeof *table, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (app_argument(app, &pos, usage, &a) < 0 || service_check(&service) < 0)
		return 2;
	if (service.id && service_exchange(c, &a, &service, "", &token) < 0)
		return 1;
	if (service.id)
		; /* it was just made */
	else if (app_cached(c, &a) < 0 || app_token_load(c, &a, &token) < 0)
		return cli_fail(
		    SP_NOT_SIGNED_IN,
		    "Unable to find token for provided application. Please run login command to generate token: "
		    "sallyport access login https://%s",
		    a.name);
	printf("%.*s\n", (int)token.n, (const char *)token.d);
	secret_release(&token);
	return 0;
}

int
access_curl(struct cli *c, int argc, char **argv)
{
	static const char usage[] = "sallyport access curl URL [curl arguments]";
	bool allow = false;
	struct service service = {0};
	const struct cli_option table[] = {
	    {"allow-request", "ar", NULL, NULL, "send the request even without a token", &allow, false},
	    SERVICE_OPTIONS(&service)};
	struct cli_list pos = {0};
	struct secret token = {0};
	struct app a;

	int r = cli_options(c, argc, argv, usage, table, sizeof table / sizeof *table, true, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (service_check(&service) < 0)
		return 2;
	if (!pos.n || app_parse(pos.v[0], &a) < 0) {
		if (!pos.n)
			fprintf(stderr, "usage: %s\n", usage);
		return 2;
	}
	struct login_options o = {0};
	if (!service.id && login_token(c, &a, &o, &token) < 0 && !allow)
		return 1;
	/* The token travels by a file descriptor, not by the argument list that everybody can read. */
	int fd[2];
	static char name[] = "curl", config[] = "--config";
	char *args[CLI_LIST_MAX + 12], cfg[64];
	size_t n = 0;
	if (pipe(fd) < 0)
		return cli_fail(SP_CLIENT_FILE, "pipe failed");
	struct buf conf;
	buf_init_secret(&conf, 32768);
	if (token.n)
		buf_putf(&conf, "header = \"Cf-Access-Token: %.*s\"\n", (int)token.n, (const char *)token.d);
	if (service.id)
		buf_putf(&conf, "header = \"Cf-Access-Client-Id: %s\"\nheader = \"Cf-Access-Client-Secret: %s\"\n",
		         service.id, service.secret);
	if (c->ca_file)
		buf_putf(&conf, "cacert = \"%s\"\n", c->ca_file);
	if (host_is_localhost(a.at.host))
		buf_putf(&conf, "resolve = \"%s:%u:127.0.0.1\"\n", a.at.host, (unsigned)a.at.port);
	if (c->connect_to)
		buf_putf(&conf, "connect-to = \"%s:%u:%s\"\n", a.at.host, (unsigned)a.at.port, c->connect_to);
	fd_write_all(fd[1], buf_ptr(&conf), buf_len(&conf));
	buf_release(&conf);
	secret_release(&token);
	close(fd[1]);
	snprintf(cfg, sizeof cfg, "/proc/self/fd/%d", fd[0]);
	args[n++] = name;
	args[n++] = config;
	args[n++] = cfg;
	for (size_t i = 0; i < pos.n; i++)
		args[n++] = (char *)(uintptr_t)pos.v[i];
	args[n] = NULL;
	execvp("curl", args);
	return cli_fail(SP_CLIENT_FILE, "curl is not installed");
}

/* Ends the session at the edge too: the token names it, the edge forgets it. */
static void
edge_logout(const struct cli *c, const struct app *a, const struct secret *token)
{
	struct cli_response resp = {0};
	char url[400], *line = str_fmt("Cf-Access-Token: %.*s", (int)token->n, (const char *)token->d);
	const char *headers[] = {line, NULL};

	snprintf(url, sizeof url, "https://%s/cdn-cgi/access/logout", a->name);
	if (!line || cli_http(c, "POST", url, headers, "", 0, 10000, &resp) < 0 || resp.status >= 400)
		fprintf(stderr, "note: the edge could not be told; the token expires by itself\n");
	cli_response_release(&resp);
	if (line)
		mem_wipe(line, strlen(line));
	free(line);
}

int
access_logout(struct cli *c, int argc, char **argv)
{
	static const char usage[] = "sallyport access logout URL";
	static const char *const suffixes[] = {"-cf_key", "-cf_key.pub", "-cf_key-cert.pub", ".app", NULL};
	const char *app = NULL;
	const struct cli_option table[] = {{"app", NULL, NULL, "URL", "the application", &app, false}};
	struct cli_list pos = {0};
	struct secret token = {0};
	char path[4400];
	struct app a;

	int r = cli_options(c, argc, argv, usage, table, 1, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (app_argument(app, &pos, usage, &a) < 0)
		return 2;
	if (app_cached(c, &a) == 0) {
		if (app_token_load(c, &a, &token) == 0)
			edge_logout(c, &a, &token);
		app_token_drop(c, &a);
		snprintf(path, sizeof path, "%s/%s-org-token", c->home, a.team.host);
		unlink(path);
	}
	for (const char *const *s = suffixes; *s; s++)
		if (app_file(c, &a, *s, path, sizeof path) == 0)
			unlink(path);
	secret_release(&token);
	printf("Signed out of %s.\n", a.name);
	return 0;
}
