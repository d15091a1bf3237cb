/* config: config.yml in the words of cloudflared (facts/cloudflared-wire.md e.3). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tunnel/tunnel.h"
#include "core/str.h"
#include "io/file.h"

enum key_kind { KEY_TEXT, KEY_NOTE, KEY_TREE };
struct key {
	const char *name;
	enum key_kind kind;
	size_t off;       /* KEY_TEXT: of a const char * in struct tunnel_options; SIZE_MAX: in struct tunnel_config */
	const char *note; /* KEY_NOTE: what we say about it, NULL = nothing */
};
#define OPT(member) offsetof(struct tunnel_options, member)
static const struct key keys[] = {
    {"tunnel", KEY_TREE, 0, NULL},
    {"credentials-file", KEY_TREE, 0, NULL},
    {"ingress", KEY_TREE, 0, NULL},
    {"edge", KEY_TREE, 0, NULL},
    {"cacert", KEY_TEXT, OPT(cacert), NULL},
    {"protocol", KEY_TEXT, OPT(protocol), NULL},
    {"loglevel", KEY_TEXT, OPT(loglevel), NULL},
    {"logfile", KEY_TEXT, OPT(logfile), NULL},
    {"log-directory", KEY_TEXT, OPT(log_directory), NULL},
    {"logDirectory", KEY_TEXT, OPT(log_directory), NULL},
    {"grace-period", KEY_TEXT, OPT(grace_period), NULL},
    {"retries", KEY_TEXT, OPT(retries), NULL},
    {"ha-connections", KEY_TEXT, OPT(ha_connections), NULL},
    {"access-required", KEY_TEXT, OPT(access_required), NULL},
    {"metrics", KEY_TEXT, OPT(metrics), NULL},
    {"token", KEY_TEXT, OPT(token), NULL},
    {"http2", KEY_NOTE, 0, "http2 is the only transport here; the key may go"},
    {"no-autoupdate", KEY_NOTE, 0, NULL},
    {"autoupdate-freq", KEY_NOTE, 0, NULL},
    {"edge-ip-version", KEY_NOTE, 0, NULL},
    {"region", KEY_NOTE, 0, "there is no region here; the key may go"},
    {"originRequest", KEY_TREE, 0, NULL},
    {"warp-routing", KEY_TREE, 0, NULL},
    {"origincert", KEY_NOTE, 0, NULL},
    {"pidfile", KEY_TEXT, OPT(pidfile), NULL},
    {"tag", KEY_NOTE, 0, NULL},
    {"url", KEY_TEXT, OPT(url), NULL},
};
#define NKEYS (sizeof keys / sizeof *keys)

static const struct key *
key_find(const char *name)
{
	for (size_t i = 0; i < NKEYS; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int
unknown_key(const char *file, const struct conf_node *n)
{
	const char *names[NKEYS + 1] = {NULL};

	for (size_t i = 0; i < NKEYS; i++)
		names[i] = keys[i].name;
	const char *near = str_nearest(n->key, names);
	cli_fail(SP_CONFIG, "%s:%u: unknown key \"%s\"%s%s%s", file, n->line, n->key, near ? "; did you mean \"" : "",
	         near ? near : "", near ? "\"?" : "");
	return E_FORMAT;
}

static int
take_edges(const char *file, const struct conf_node *n, struct tunnel_options *o)
{
	if (o->edge.n)
		return 0;
	if (n->kind == CONF_SCALAR) {
		o->edge.v[o->edge.n++] = n->text;
		return 0;
	}
	for (const struct conf_node *e = n->sub; e; e = e->next) {
		if (n->kind != CONF_LIST || e->kind != CONF_SCALAR || o->edge.n == CLI_LIST_MAX) {
			cli_fail(SP_CONFIG, "%s:%u: edge: expected HOST:PORT or a list of them", file, n->line);
			return E_FORMAT;
		}
		o->edge.v[o->edge.n++] = e->text;
	}
	return 0;
}

static int
take_key(const char *file, const struct conf_node *n, struct tunnel_options *o, struct tunnel_config *t)
{
	const struct key *k = key_find(n->key);

	if (!k)
		return unknown_key(file, n);
	if (k->kind == KEY_NOTE) {
		if (k->note)
			cli_note("%s:%u: %s: %s", file, n->line, n->key, k->note);
		return 0;
	}
	if (!strcmp(n->key, "ingress")) {
		t->ingress = n;
		return 0;
	}
	if (!strcmp(n->key, "originRequest")) {
		t->origin = n;
		return 0;
	}
	if (!strcmp(n->key, "warp-routing")) {
		t->private = n;
		return 0;
	}
	if (!strcmp(n->key, "edge"))
		return take_edges(file, n, o);
	if (n->kind != CONF_SCALAR) {
		cli_fail(SP_CONFIG, "%s:%u: %s: found a block, expected a value", file, n->line, n->key);
		return E_FORMAT;
	}
	if (k->kind == KEY_TREE) {
		*(!strcmp(n->key, "tunnel") ? &t->tunnel : &t->credentials_file) = n->text;
		return 0;
	}
	const char **dst = (const char **)(void *)((char *)o + k->off);
	if (!*dst)
		*dst = n->text;
	return 0;
}

static int
find_file(const struct cli *c, const struct tunnel_options *o, char *out, size_t n)
{
	const char *home = getenv("HOME");
	char at[4][4200];

	if (o->config)
		return str_copy(out, n, o->config);
	snprintf(at[0], sizeof at[0], "%s/config.yml", c->home);
	snprintf(at[1], sizeof at[1], "%s/.cloudflared/config.yml", home ? home : "");
	snprintf(at[2], sizeof at[2], "/etc/sallyport/config.yml");
	snprintf(at[3], sizeof at[3], "/etc/cloudflared/config.yml");
	for (int i = 0; i < 4; i++)
		if (access(at[i], R_OK) == 0)
			return str_copy(out, n, at[i]);
	return E_NOENT;
}

int
tunnel_config_parse(const char *file, const void *p, size_t n, struct tunnel_options *o, struct tunnel_config *t)
{
	struct conf_error err = {{0}};
	int r = conf_parse(file, p, n, &t->root, &err);

	if (r == 0 && t->root && t->root->kind != CONF_MAP)
		r = conf_fail(file, t->root, &err, "found no keys, expected tunnel:, credentials-file:, ingress:");
	if (r < 0)
		cli_fail(SP_CONFIG, "%s", err.text);
	for (const struct conf_node *k = r == 0 && t->root ? t->root->sub : NULL; r == 0 && k; k = k->next)
		r = take_key(file, k, o, t);
	return r;
}

int
tunnel_config_load(const struct cli *c, struct tunnel_options *o, struct tunnel_config *t)
{
	struct buf b;

	memset(t, 0, sizeof *t);
	buf_init_secret(&b, CONF_BYTES_MAX); /* a token may stand there */
	int r = find_file(c, o, t->file, sizeof t->file);
	if (r < 0)
		goto out;
	r = file_read(t->file, &b);
	if (r < 0) {
		cli_fail(SP_CONFIG, "%s: %s", t->file, r == E_IO ? strerror(errno) : err_str(r));
		r = E_FORMAT; /* E_NOENT would say that there is none to be read */
		goto out;
	}
	r = tunnel_config_parse(t->file, buf_ptr(&b), buf_len(&b), o, t);
out:
	buf_release(&b);
	return r;
}

void
tunnel_config_release(struct tunnel_config *t)
{
	conf_free(t->root);
	memset(t, 0, sizeof *t);
}
