/* run: a connector from a token, a credentials file, or a name. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/http.h"
#include "cli/tunnel/tunnel.h"
#include "connector/connector.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "io/file.h"
#include "io/logfile.h"

#define PATH_LEN 4400

/* What systemd hands over is ours alone, although an access list may show as a group's right to read. */
static mode_t
forbidden(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	return dir && *dir == '/' && str_starts(path, dir) && path[strlen(dir)] == '/' ? 037 : 077;
}

static int
from_token_file(const char *path, struct credentials *cr, struct reason *why)
{
	struct buf b;

	buf_init_secret(&b, 65536);
	int r = file_read_private(path, forbidden(path), &b, why);
	if (r == 0) {
		const char *text = buf_cstr(&b);
		size_t n = text ? strcspn(text, "\r\n \t") : 0;
		char *token = text ? str_dup_n(text, n) : NULL;
		r = token ? credentials_from_token(token, cr, why) : E_NOMEM;
		if (token)
			mem_wipe(token, n);
		free(token);
	}
	buf_release(&b);
	return r;
}

/* DIR/UUID.json, or any credentials file there whose TunnelName is the name. */
static int
find_credentials(const char *dir, const char *name, struct credentials *cr, char where[static PATH_LEN])
{
	DIR *d = opendir(dir);
	int r = E_NOENT;

	if (!d)
		return r;
	for (struct dirent *e; r != 0 && (e = readdir(d));) {
		struct reason why = {0};
		struct credentials one = {0};
		char path[PATH_LEN];
		if (!str_ends(e->d_name, ".json"))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (credentials_load(path, &one, &why) < 0)
			continue;
		if (!strcmp(one.tunnel_text, name) || !strcmp(one.name, name)) {
			*cr = one;
			r = str_copy(where, PATH_LEN, path);
		} else {
			credentials_release(&one);
		}
	}
	closedir(d);
	return r;
}

/* A name that no local file knows is asked for at the edge, with the operator's cert.pem or API token. */
static int
by_api(struct cli *c, const char *name, struct credentials *cr)
{
	struct cli_api api = {0};
	struct reason why = {0};
	json_t *result = NULL;
	char id[37], path[128];
	int r = cli_api_open(c, &api);

	if (r < 0)
		return r;
	r = tunnel_resolve(c, &api, name, id);
	if (r == 0) {
		snprintf(path, sizeof path, "/accounts/%%A/cfd_tunnel/%s/token", id);
		r = cli_api_call(c, &api, "GET", path, NULL, &result, NULL);
	}
	if (r == 0) {
		r = credentials_from_token(json_is_string(result) ? json_string_value(result) : "", cr, &why);
		if (r < 0)
			cli_fail(SP_CLIENT_PROTOCOL, "%s", why.text);
	}
	json_decref(result);
	cli_api_release(&api);
	return r;
}

static int
find_tunnel(struct cli *c, const struct tunnel_options *o, const struct tunnel_config *t, const char *name,
            struct credentials *cr, char where[static PATH_LEN])
{
	struct reason why = {0};
	const char *file = o->credentials_file ? o->credentials_file : t->credentials_file;
	int r = E_NOENT;

	if (o->token)
		r = credentials_from_token(o->token, cr, &why);
	else if (o->token_file)
		r = from_token_file(o->token_file, cr, &why);
	else if (o->credentials_contents)
		r = credentials_parse(o->credentials_contents, strlen(o->credentials_contents), cr, &why);
	else if (file)
		r = credentials_load_as(file, forbidden(file), cr, &why);
	else if (!name)
		return cli_fail(SP_CLIENT_USAGE, "which tunnel? give its name or UUID, --token, or a config.yml with "
		                                 "'tunnel:' and 'credentials-file:'"),
		       E_FORMAT;
	else if (find_credentials(c->home, name, cr, where) == 0)
		return 0;
	else
		return by_api(c, name, cr);
	if (r < 0)
		cli_fail(SP_CONFIG, "%s", why.text[0] ? why.text : err_str(r));
	if (r == 0 && !o->token && (o->token_file || (file && !o->credentials_contents)))
		(void)str_copy(where, PATH_LEN, o->token_file ? o->token_file : file);
	return r;
}

static int
open_log(const struct tunnel_options *o)
{
	char path[4200];
	enum log_level level = LOG_INFO;

	if (o->loglevel && log_level_parse(o->loglevel, &level) < 0 && strcmp(o->loglevel, "fatal") &&
	    strcmp(o->loglevel, "panic"))
		return cli_fail(SP_CLIENT_USAGE, "--loglevel %s: expected debug, info, warn or error", o->loglevel),
		       E_FORMAT;
	log_init("connector", level);
	if (!o->logfile && !o->log_directory)
		return 0;
	if (o->logfile)
		str_copy(path, sizeof path, o->logfile);
	else
		snprintf(path, sizeof path, "%s/sallyport.log", o->log_directory);
	if (logfile_open(path, o->logfile ? 0 : LOGFILE_MAX, LOGFILE_KEEP) < 0)
		return cli_fail(SP_CLIENT_FILE, "%s: %s; logging to standard error would do: leave the key out", path,
		                strerror(errno)),
		       E_IO;
	return 0;
}

static int
number(const char *what, const char *s, uint64_t max, unsigned dflt, unsigned *ret)
{
	uint64_t v = dflt;

	if (s && (str_u64(s, max, &v) < 0 || v == 0))
		return cli_fail(SP_CLIENT_USAGE, "--%s %s: expected a number from 1 to %u", what, s, (unsigned)max),
		       E_FORMAT;
	*ret = (unsigned)v;
	return 0;
}

/* --url and its like: one rule for everything, when the file has none. */
static int
one_service(const struct tunnel_options *o, struct ingress **ret_i, struct conf_error *err)
{
	const char *service = o->url       ? o->url
	                      : o->bastion ? "bastion"
	                      : o->socks   ? "socks-proxy"
	                      : o->hello   ? "hello_world"
	                                   : NULL;
	json_t *config = service ? json_pack("{s:[{s:s}]}", "ingress", "service", service) : NULL;
	int r = service ? E_NOMEM : 0;

	if (config)
		r = ingress_from_json(config, ret_i, err);
	json_decref(config);
	return r;
}

static int
access_mode(const char *s, enum connector_access *ret)
{
	static const char *const words[] = {
	    [CONNECTOR_AUTO] = "auto", [CONNECTOR_REQUIRE] = "on", [CONNECTOR_TRUST] = "off"};

	for (unsigned i = 0; i < 3; i++)
		if (!s || !strcmp(s, words[i])) {
			*ret = (enum connector_access)i;
			return 0;
		}
	return cli_fail(SP_CLIENT_USAGE, "--access-required %s: expected auto, on or off", s), E_FORMAT;
}

static int
fill_options(struct cli *c, const struct tunnel_options *o, const struct tunnel_config *t, struct connector_options *k)
{
	struct conf_error err = {{0}};
	int r;

	if (!o->edge.n)
		return cli_fail(SP_CLIENT_USAGE,
		                "where is the edge? give --edge HOST:7844 (twice for two connections) or TUNNEL_EDGE"),
		       E_FORMAT;
	for (size_t i = 0; i < o->edge.n; i++) { /* the environment's form is a list with commas */
		char *list = str_dup(o->edge.v[i]), *save = list;
		for (char *e; list && (e = strsep(&save, ","));)
			if (*e && k->nedges < CONNECTOR_EDGES_MAX)
				k->edges[k->nedges++] = str_dup(e);
		free(list);
	}
	if (o->protocol && strcmp(o->protocol, "auto") && strcmp(o->protocol, "http2"))
		fprintf(stderr, "note: protocol %s: this connector speaks http2\n", o->protocol);
	k->ca_file = o->cacert ? o->cacert : c->ca_file;
	k->version = "sallyport-" SALLYPORT_VERSION;
	k->metrics = o->metrics;
	k->pidfile = o->pidfile;
	if ((r = access_mode(o->access_required, &k->access)) < 0)
		return r;
	k->grace_ms = 30000;
	if ((r = number("ha-connections", o->ha_connections, CONNECTOR_LINKS_MAX, 4, &k->connections)) < 0 ||
	    (r = number("retries", o->retries, 16, 5, &k->retries)) < 0)
		return r;
	if (o->grace_period && (duration_parse(o->grace_period, &k->grace_ms) < 0 || k->grace_ms > 180000))
		return cli_fail(SP_CLIENT_USAGE, "--grace-period %s: expected 0 to 3m, for example 30s",
		                o->grace_period),
		       E_FORMAT;
	if (t->ingress && (r = ingress_from_conf2(t->file, t->ingress, t->origin, t->private, &k->ingress, &err)) < 0)
		return cli_fail(SP_CONFIG, "%s", err.text), r;
	if (!t->ingress && (r = one_service(o, &k->ingress, &err)) < 0)
		return cli_fail(SP_CLIENT_USAGE, "%s", err.text), r;
	return 0;
}

int
tunnel_run(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	struct tunnel_config t = {0};
	struct credentials cr = {0};
	struct connector_options k = {.credentials = &cr};
	char where[PATH_LEN] = "", keys[PATH_LEN + 8];
	int status = 1;

	if (pos->n > 1)
		return cli_fail(SP_CLIENT_USAGE, "run takes one tunnel, found \"%s\" too", pos->v[1]), 2;
	int r = tunnel_config_load(c, o, &t);
	if (r < 0 && (r != E_NOENT || o->config)) {
		if (r == E_NOENT)
			cli_fail(SP_CONFIG, "%s: no such file", o->config);
		goto out;
	}
	if (open_log(o) < 0 || find_tunnel(c, o, &t, pos->n ? pos->v[0] : t.tunnel, &cr, where) < 0 ||
	    fill_options(c, o, &t, &k) < 0)
		goto out;
	snprintf(keys, sizeof keys, "%s.keys", where);
	k.keys_file = *where ? keys : NULL;
	status = connector_run(&k);
out:
	ingress_unref(k.ingress);
	for (size_t i = 0; i < k.nedges; i++)
		free((char *)(uintptr_t)k.edges[i]);
	credentials_release(&cr);
	tunnel_config_release(&t);
	return status;
}
