/* manage: create, delete, cleanup, token, route dns: each is one or two calls of the API
 * (facts/cloudflared-wire.md c.2). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/http.h"
#include "cli/tunnel/tunnel.h"
#include "core/str.h"
#include "crypto/random.h"
#include "io/file.h"

int
tunnel_want(const struct cli_list *pos, size_t n, const char *usage)
{
	if (pos->n == n)
		return 0;
	fprintf(stderr, "usage: sallyport tunnel %s\n", usage);
	return E_FORMAT;
}

int
tunnel_resolve(const struct cli *c, const struct cli_api *a, const char *name, char ret_id[static 37])
{
	struct buf esc;
	json_t *list = NULL;
	uint8_t u[16];
	int r = E_NOMEM;

	if (uuid_parse(name, u) == 0) {
		uuid_format(u, ret_id);
		return 0;
	}
	buf_init(&esc, 4096);
	if (url_escape(&esc, name) == 0) {
		char *path = str_fmt("/accounts/%%A/cfd_tunnel?is_deleted=false&name=%s", buf_cstr(&esc));
		r = path ? cli_api_call(c, a, "GET", path, NULL, &list, NULL) : E_NOMEM;
		free(path);
	}
	buf_release(&esc);
	if (r == 0 && json_array_size(list) != 1) {
		cli_fail(SP_NOT_FOUND, "there is no tunnel named \"%s\"; 'sallyport tunnel list' shows what there is",
		         name);
		r = E_NOENT;
	}
	if (r == 0)
		r = str_copy(ret_id, 37, json_str_or(json_array_get(list, 0), "id", ""));
	json_decref(list);
	return r;
}

int
tunnel_with(struct cli *c, const char *name, int (*fn)(struct cli *, struct cli_api *, const char *id, void *arg),
            void *arg)
{
	struct cli_api a = {0};
	char id[37];
	int r = cli_api_open(c, &a);

	if (r == 0)
		r = tunnel_resolve(c, &a, name, id);
	if (r == 0)
		r = fn(c, &a, id, arg);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- create ----------------------------------------------------------------------------------------------------- */

static int
write_credentials(const struct cli *c, const struct tunnel_options *o, const struct credentials *cr, char *path,
                  size_t n)
{
	struct buf b;
	int r;

	if (o->credentials_file)
		r = str_copy(path, n, o->credentials_file);
	else
		r = snprintf(path, n, "%s/%s.json", c->home, cr->tunnel_text) < (int)n ? file_mkdirs(c->home, 0700)
		                                                                       : E_LIMIT;
	buf_init_secret(&b, 65536);
	if (r == 0)
		r = credentials_format(cr, &b);
	if (r == 0)
		r = file_write_new(path, 0400, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
	return r;
}

static int
make_secret(const struct tunnel_options *o, struct secret *ret)
{
	struct buf raw;
	uint8_t rnd[32];
	int r;

	if (!o->secret) {
		random_bytes(rnd, sizeof rnd);
		r = secret_set(ret, rnd, sizeof rnd);
		mem_wipe(rnd, sizeof rnd);
		return r;
	}
	buf_init_secret(&raw, 1024);
	r = b64_decode(&raw, B64_STD, o->secret, strlen(o->secret));
	if (r == 0 && buf_len(&raw) < 32)
		r = E_RANGE;
	if (r == 0)
		r = secret_set(ret, buf_ptr(&raw), buf_len(&raw));
	buf_release(&raw);
	if (r < 0)
		cli_fail(SP_CLIENT_USAGE, "--secret: expected standard base64 of at least 32 bytes");
	return r;
}

static int
ask_create(struct cli *c, const struct cli_api *a, const char *name, struct credentials *cr, json_t **ret_made)
{
	char b64[256];
	json_t *body, *made = NULL;
	int r = b64_encode_str(b64, sizeof b64, B64_STD, cr->secret.d, cr->secret.n);

	body = json_pack("{s:s,s:s}", "name", name, "tunnel_secret", b64);
	mem_wipe(b64, sizeof b64);
	if (r == 0)
		r = cli_api_call(c, a, "POST", "/accounts/%A/cfd_tunnel", body, &made, NULL);
	json_decref(body);
	if (r == 0)
		r = uuid_parse(json_str_or(made, "id", ""), cr->tunnel);
	if (r == 0) {
		uuid_format(cr->tunnel, cr->tunnel_text);
		str_copy(cr->name, sizeof cr->name, name);
		r = str_copy(cr->account, sizeof cr->account, a->account);
	}
	/* the secret stands in the credentials file alone */
	json_object_del(made, "token");
	json_object_del(made, "credentials_file");
	*ret_made = made;
	return r;
}

int
tunnel_create(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	struct credentials cr = {0};
	struct cli_api a = {0};
	json_t *made = NULL;
	char path[4200] = "";
	int r;

	if (tunnel_want(pos, 1, "create [-o json|yaml] NAME") < 0)
		return 2;
	if (o->credentials_file && access(o->credentials_file, F_OK) == 0)
		return cli_fail(SP_CLIENT_FILE, "%s exists already; it was not overwritten", o->credentials_file);
	r = cli_api_open(c, &a);
	if (r == 0)
		r = make_secret(o, &cr.secret);
	if (r == 0)
		r = ask_create(c, &a, pos->v[0], &cr, &made);
	if (r == 0 && (r = write_credentials(c, o, &cr, path, sizeof path)) < 0)
		cli_fail(SP_CLIENT_FILE,
		         "the tunnel was made, but %s could not be written; 'sallyport tunnel delete %s' removes it",
		         path, pos->v[0]);
	if (r == 0 && c->json) {
		tunnel_print_json(made); /* scripts read it from standard output, and nothing else */
		fprintf(stderr, "Tunnel credentials written to %s\n", path);
	} else if (r == 0)
		printf("Tunnel credentials written to %s. Keep this file secret: whoever has it can run the tunnel.\n\n"
		       "Created tunnel %s with id %s\n",
		       path, pos->v[0], cr.tunnel_text);
	json_decref(made);
	credentials_release(&cr);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- delete, cleanup, token, route
 * ------------------------------------------------------------------------------------ */

static int
do_delete(struct cli *c, struct cli_api *a, const char *id, void *arg)
{
	const struct tunnel_options *o = arg;
	char path[160], file[4200];
	int r = 0;

	if (o->force) {
		snprintf(path, sizeof path, "/accounts/%%A/cfd_tunnel/%s/connections", id);
		r = cli_api_call(c, a, "DELETE", path, NULL, NULL, NULL);
	}
	snprintf(path, sizeof path, "/accounts/%%A/cfd_tunnel/%s", id);
	if (r == 0)
		r = cli_api_call(c, a, "DELETE", path, NULL, NULL, NULL);
	if (r == 0 && snprintf(file, sizeof file, "%s/%s.json", c->home, id) < (int)sizeof file && unlink(file) == 0)
		printf("Removed %s\n", file);
	if (r == 0)
		printf("Deleted tunnel %s\n", id);
	return r;
}

int
tunnel_delete(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	return tunnel_want(pos, 1, "delete [-f] TUNNEL") < 0 ? 2 : tunnel_with(c, pos->v[0], do_delete, o);
}

static int
do_cleanup(struct cli *c, struct cli_api *a, const char *id, void *arg)
{
	const struct tunnel_options *o = arg;
	char path[240];

	snprintf(path, sizeof path, "/accounts/%%A/cfd_tunnel/%s/connections%s%.64s", id,
	         o->connector_id ? "?client_id=" : "", o->connector_id ? o->connector_id : "");
	int r = cli_api_call(c, a, "DELETE", path, NULL, NULL, NULL);
	if (r == 0)
		printf("Ended the live connections of tunnel %s\n", id);
	return r;
}

int
tunnel_cleanup(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	return tunnel_want(pos, 1, "cleanup [-c CONNECTOR] TUNNEL") < 0 ? 2 : tunnel_with(c, pos->v[0], do_cleanup, o);
}

static int
do_token(struct cli *c, struct cli_api *a, const char *id, void *arg)
{
	const struct tunnel_options *o = arg;
	struct credentials cr = {0};
	struct reason why = {0};
	json_t *token = NULL;
	char path[160], file[4200];

	snprintf(path, sizeof path, "/accounts/%%A/cfd_tunnel/%s/token", id);
	int r = cli_api_call(c, a, "GET", path, NULL, &token, NULL);
	if (r == 0 &&
	    (r = credentials_from_token(json_is_string(token) ? json_string_value(token) : "", &cr, &why)) < 0)
		cli_fail(SP_CLIENT_PROTOCOL, "%s", why.text);
	if (r == 0 && o->credentials_file) {
		if ((r = write_credentials(c, o, &cr, file, sizeof file)) < 0)
			cli_fail(SP_CLIENT_FILE, "%s could not be written (it is not overwritten if it exists)",
			         o->credentials_file);
	} else if (r == 0) {
		puts(json_string_value(token));
	}
	credentials_release(&cr);
	json_decref(token);
	return r;
}

int
tunnel_token(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	return tunnel_want(pos, 1, "token [--cred-file FILE] TUNNEL") < 0 ? 2 : tunnel_with(c, pos->v[0], do_token, o);
}

struct route {
	const struct tunnel_options *o;
	const char *host;
};

static int
do_route(struct cli *c, struct cli_api *a, const char *id, void *arg)
{
	const struct route *rt = arg;
	json_t *done = NULL, *body = json_pack("{s:s,s:s,s:b}", "type", "dns", "user_hostname", rt->host,
	                                       "overwrite_existing", rt->o->overwrite_dns || rt->o->force);
	char path[160];

	snprintf(path, sizeof path, "/zones/%%Z/tunnels/%s/routes", id);
	int r = cli_api_call(c, a, "PUT", path, body, &done, NULL);
	if (r == 0) {
		const char *what = json_str_or(done, "cname", "new");
		printf("%s: %s now reaches tunnel %s\n", !strcmp(what, "unchanged") ? "Unchanged" : "Added",
		       json_str_or(done, "name", rt->host), id);
		printf("Make sure that DNS sends %s to this edge (as a CNAME target: %s.cfargotunnel.com stands for "
		       "the tunnel).\n",
		       rt->host, id);
	}
	json_decref(body);
	json_decref(done);
	return r;
}

int
tunnel_route(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	struct route rt = {o, pos->n == 3 ? pos->v[2] : NULL};
	char host[HOST_MAX + 3] = "*.";

	if (tunnel_want(pos, 3, "route dns [-f] TUNNEL HOSTNAME") < 0)
		return 2;
	if (strcmp(pos->v[0], "dns"))
		return cli_fail(SP_CLIENT_USAGE, "route %s: only 'route dns' is served here", pos->v[0]), 2;
	/* "*.example.com": the edge's table knows wildcards, the most specific name wins */
	const char *name = !strncmp(rt.host, "*.", 2) ? rt.host + 2 : rt.host;
	if (host_parse(name, strlen(name), host + (name - rt.host)) < 0)
		return cli_fail(SP_CLIENT_USAGE, "\"%s\" is not a host name", rt.host), 2;
	rt.host = host;
	return tunnel_with(c, pos->v[1], do_route, &rt);
}

/* --- ingress
 * ------------------------------------------------------------------------------------------------------------ */

static void
print_rule(const struct ingress_rule *r, size_t i)
{
	printf("Matched rule #%zu\n", i);
	if (r->hostname && *r->hostname)
		printf("\thostname: %s\n", r->hostname);
	if (r->path && *r->path)
		printf("\tpath: %s\n", r->path);
	printf("\tservice: %s\n", r->service);
}

static int
rule_for(const struct ingress *in, const char *text)
{
	struct url u = {0};
	size_t i = 0;

	if (url_parse(text, &u) < 0)
		return cli_fail(SP_CLIENT_USAGE, "\"%s\" is not a URL, for example https://ssh.example.com/", text);
	print_rule(ingress_match(in, u.at.host, u.path, &i), i);
	url_release(&u);
	return 0;
}

int
tunnel_ingress(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	bool validate = pos->n == 1 && !strcmp(pos->v[0], "validate"), rule = pos->n == 2 && !strcmp(pos->v[0], "rule");
	struct conf_error err = {{0}};
	struct tunnel_config t = {0};
	struct ingress *in = NULL;
	int status = 1;

	if (!validate && !rule) {
		fputs("usage: sallyport tunnel [--config FILE] ingress validate | rule URL\n", stderr);
		return 2;
	}
	int r = tunnel_config_load(c, o, &t);
	if (r == E_NOENT) {
		cli_fail(SP_CONFIG, "no config.yml found; give one with --config FILE");
		goto out;
	}
	if (r < 0)
		goto out;
	printf("%s rules from %s\n", validate ? "Validating" : "Using", t.file);
	fflush(stdout);
	if (!t.ingress) {
		fprintf(stderr, "Validation failed: %s:1: no ingress: expected a list of rules under 'ingress:'\n",
		        t.file);
		goto out;
	}
	if (ingress_from_conf2(t.file, t.ingress, t.origin, t.private, &in, &err) < 0) {
		fprintf(stderr, "Validation failed: %s\n", err.text);
		goto out;
	}
	status = 0;
	if (validate)
		puts("OK");
	else
		status = rule_for(in, pos->v[1]);
out:
	ingress_unref(in);
	tunnel_config_release(&t);
	return status;
}
