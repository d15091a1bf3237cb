#include "edge/parent/edge_conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "io/file.h"

static int
set_text(const char *file, const struct conf_node *v, struct conf_error *err, char *dst, size_t size, const char *want)
{
	if (v->kind != CONF_SCALAR || !*v->text)
		return conf_fail(file, v, err, "found %s, expected %s", v->kind == CONF_SCALAR ? "nothing" : "a block",
		                 want);
	if (str_copy(dst, size, v->text) < 0)
		return conf_fail(file, v, err, "found %zu characters, expected at most %zu", strlen(v->text), size - 1);
	return 0;
}

static int
set_addr(const char *file, const struct conf_node *v, struct conf_error *err, char *dst, size_t size)
{
	struct hostport hp;

	int r = set_text(file, v, err, dst, size, "ADDR:PORT, for example 0.0.0.0:8443");
	if (r < 0)
		return r;
	/* Port 0 (any free port) is for tests and refused by hostport_parse: look at it apart. */
	size_t n = strlen(dst);
	if (n > 2 && !strcmp(dst + n - 2, ":0"))
		return 0;
	if (hostport_parse(dst, 0, &hp) < 0 || !hp.is_ip || !hp.port)
		return conf_fail(file, v, err, "found \"%s\", expected ADDR:PORT, for example 0.0.0.0:8443", dst);
	return 0;
}

static int
key_team(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	char text[300];

	int r = set_text(file, v, err, text, sizeof text, "HOST[:PORT], for example access.example.com");
	if (r < 0)
		return r;
	if (hostport_parse(text, 443, &c->team) < 0 || c->team.is_ip)
		return conf_fail(
		    file, v, err,
		    "found \"%s\", expected a host name and perhaps a port, for example access.example.com:8443", text);
	return 0;
}

#define ADDR_KEY(member)                                                                                      \
	static int key_##member(void *t, const char *file, const struct conf_node *v, struct conf_error *err) \
	{                                                                                                     \
		struct edge_conf *c = t;                                                                      \
		return set_addr(file, v, err, c->member, sizeof c->member);                                   \
	}
ADDR_KEY(listen)
ADDR_KEY(tunnel_listen)
ADDR_KEY(metrics_listen)

/* What it says is libpq's to understand; here only what a line of the file can hold. */
bool
edge_conf_store_ok(const char *s)
{
	if (!strcmp(s, "sqlite"))
		return true;
	if (!str_starts(s, "postgres://") && !str_starts(s, "postgresql://"))
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("\"'#{}\\`", *s))
			return false;
	return true;
}

static int
key_store(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	int r = set_text(file, v, err, c->store, sizeof c->store, "sqlite or postgres://...");

	if (r < 0)
		return r;
	if (edge_conf_store_ok(c->store))
		return 0;
	return conf_fail(file, v, err,
	                 "found \"%.40s\", expected \"sqlite\" or postgres://USER:PASSWORD@HOST:5432/DATABASE, "
	                 "with %%XX for what a URL cannot hold",
	                 c->store);
}

static int
key_hex32(const char *file, const struct conf_node *v, struct conf_error *err, char *dst)
{
	int r = set_text(file, v, err, dst, 33, "32 hexadecimal digits");

	if (r < 0)
		return r;
	if (strlen(dst) != 32 || strspn(dst, "0123456789abcdef") != 32)
		return conf_fail(file, v, err,
		                 "found \"%s\", expected 32 lower-case hexadecimal digits as init wrote them", dst);
	return 0;
}

static int
key_account(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return key_hex32(file, v, err, ((struct edge_conf *)t)->account);
}

static int
key_zone(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return key_hex32(file, v, err, ((struct edge_conf *)t)->zone);
}

static int
key_admin(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	int r = set_text(file, v, err, c->admin, sizeof c->admin, "an e-mail address");
	const char *at = r == 0 ? strchr(c->admin, '@') : NULL;

	if (r == 0 && (!at || at == c->admin || !at[1] || strpbrk(at + 1, "@ ")))
		return conf_fail(file, v, err, "found \"%s\", expected an e-mail address", c->admin);
	return r;
}

static int
key_local_idp(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	uint8_t u[16];
	int r = set_text(file, v, err, c->local_idp, sizeof c->local_idp, "a UUID");

	if (r == 0 && uuid_parse(c->local_idp, u) < 0)
		return conf_fail(file, v, err, "found \"%s\", expected the UUID that init wrote", c->local_idp);
	return r;
}

static int
key_threads(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	uint64_t n;
	int r = conf_u64(file, v, 0, 64, &n, err);

	if (r == 0)
		((struct edge_conf *)t)->threads = (uint32_t)n;
	return r;
}

static int
key_edge_no(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	uint64_t n;
	int r = conf_u64(file, v, 0, 255, &n, err);

	if (r == 0)
		((struct edge_conf *)t)->edge_no = (uint32_t)n;
	return r;
}

static int
key_log_level(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	int r = set_text(file, v, err, c->log_level_text, sizeof c->log_level_text, "debug, info, warn or error");

	if (r == 0 && log_level_parse(c->log_level_text, &c->log_level) < 0)
		return conf_fail(file, v, err, "found \"%s\", expected debug, info, warn or error", c->log_level_text);
	return r;
}

static int
cert_path(char **dst, const char *file, const struct conf_node *v, struct conf_error *err)
{
	if (v->kind != CONF_SCALAR || v->text[0] != '/')
		return conf_fail(file, v, err, "found \"%s\", expected an absolute path",
		                 v->kind == CONF_SCALAR ? v->text : "a block");
	free(*dst);
	*dst = str_dup(v->text);
	return *dst ? 0 : E_NOMEM;
}

struct cert_pair {
	char *cert, *key;
};

static int
key_pair_cert(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return cert_path(&((struct cert_pair *)t)->cert, file, v, err);
}

static int
key_pair_key(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return cert_path(&((struct cert_pair *)t)->key, file, v, err);
}

static int
key_certificates(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"cert", CONF_REQUIRED, key_pair_cert},
	                                       {"key", CONF_REQUIRED, key_pair_key}};
	struct edge_conf *c = t;

	if (v->kind != CONF_LIST)
		return conf_fail(
		    file, v, err,
		    "found a value, expected a list, for example [{cert: /etc/ssl/a.pem, key: /etc/ssl/a.key}]");
	for (const struct conf_node *n = v->sub; n; n = n->next) {
		struct cert_pair p = {0};
		if (c->ncerts == EDGE_CERTS_MAX)
			return conf_fail(file, n, err, "more than %d certificates", EDGE_CERTS_MAX);
		int r = conf_apply(file, n, keys, 2, &p, err);
		if (r < 0) {
			free(p.cert);
			free(p.key);
			return r;
		}
		c->certs[c->ncerts].cert = p.cert;
		c->certs[c->ncerts++].key = p.key;
	}
	return 0;
}

/* A list of words: nothing in it goes through a shell. */
static int
key_hook(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	size_t n = 0;

	if (v->kind != CONF_LIST || !v->sub)
		return conf_fail(
		    file, v, err,
		    "found %s, expected a command as a list of words, for example [certbot, renew, --quiet]",
		    v->kind == CONF_LIST ? "nothing" : "a value");
	for (const struct conf_node *w = v->sub; w; w = w->next) {
		if (w->kind != CONF_SCALAR || (n == 0 && !*w->text))
			return conf_fail(file, w, err, "expected a word");
		if (n == EDGE_HOOK_MAX)
			return conf_fail(file, w, err, "more than %d words", EDGE_HOOK_MAX);
		if (!(c->acme_hook[n++] = str_dup(w->text)))
			return E_NOMEM;
	}
	return 0;
}

static int
key_acme(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"hook", CONF_REQUIRED, key_hook}};
	return conf_apply(file, v, keys, 1, t, err);
}

static int
key_tls(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"certificates", 0, key_certificates}, {"acme", 0, key_acme}};
	return conf_apply(file, v, keys, 2, t, err);
}

/* 10.0.0.0/8, ::1; with strict, no bits below the prefix */
static bool
net_ok(const char *s, bool strict)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t a[16];
	const char *slash = strchr(s, '/');
	unsigned width = strchr(s, ':') ? 128 : 32;
	uint64_t bits = width;

	if (str_copy_n(text, sizeof text, s, slash ? (size_t)(slash - s) : strlen(s)) < 0 ||
	    inet_pton(width == 128 ? AF_INET6 : AF_INET, text, a) != 1 ||
	    (slash && str_u64(slash + 1, width, &bits) < 0))
		return false;
	for (unsigned i = (unsigned)bits; strict && i < width; i++)
		if (a[i / 8] & (0x80u >> (i % 8)))
			return false;
	return true;
}

static bool
private_ok(const char *s)
{
	char host[HOST_MAX + 1];

	return net_ok(s, false) || (!strpbrk(s, "/:") && host_parse(s, strlen(s), host) == 0);
}

static bool
proxy_ok(const char *s)
{
	return net_ok(s, true);
}

static int
set_list(char **dst, bool (*ok)(const char *), const char *want, const char *file, const struct conf_node *v,
         struct conf_error *err)
{
	size_t k = 0;

	if (v->kind != CONF_LIST)
		return conf_fail(file, v, err, "found a value, expected a list, for example [10.0.0.0/8]");
	for (const struct conf_node *n = v->sub; n; n = n->next) {
		if (n->kind != CONF_SCALAR || !*n->text)
			return conf_fail(file, n, err, "found a block or nothing, expected %s", want);
		if (!ok(n->text))
			return conf_fail(file, n, err, "found \"%s\", expected %s", n->text, want);
		if (k == EDGE_LIST_MAX)
			return conf_fail(file, n, err, "more than %d entries", EDGE_LIST_MAX);
		free(dst[k]);
		if (!(dst[k++] = str_dup(n->text)))
			return E_NOMEM;
	}
	return 0;
}

static int
key_trusted_proxies(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return set_list(((struct edge_conf *)t)->trusted_proxies, proxy_ok,
	                "an address or a network such as 192.0.2.0/24, no bits set below the prefix", file, v, err);
}

static int
key_bool(const char *file, const struct conf_node *v, struct conf_error *err, bool *ret_b)
{
	char text[8];
	int r = set_text(file, v, err, text, sizeof text, "true or false");

	if (r < 0)
		return r;
	if (strcmp(text, "true") && strcmp(text, "false"))
		return conf_fail(file, v, err, "found \"%s\", expected true or false", text);
	*ret_b = !strcmp(text, "true");
	return 0;
}

static int
key_proxy_protocol(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return key_bool(file, v, err, &((struct edge_conf *)t)->proxy_protocol);
}

static int
key_hsts(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	bool on;
	int r = key_bool(file, v, err, &on);

	if (r == 0)
		c->no_hsts = !on;
	return r;
}

static int
key_forwarded_header(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	char text[32];
	int r = set_text(file, v, err, text, sizeof text, "x-forwarded-for or forwarded");

	if (r < 0)
		return r;
	if (strcmp(text, "forwarded") && strcmp(text, "x-forwarded-for"))
		return conf_fail(file, v, err, "found \"%s\", expected x-forwarded-for or forwarded", text);
	c->forwarded = !strcmp(text, "forwarded");
	return 0;
}

static int
key_allow_private(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return set_list(((struct edge_conf *)t)->allow_private, private_ok,
	                "a host name, an address or a network such as 10.0.0.0/8", file, v, err);
}

static bool
origin_ok(const char *s)
{
	struct url u = {0};
	bool ok = url_parse(s, &u) == 0 && !strcmp(u.path, "/") && !*u.query && !strpbrk(s, "?#") &&
	          !str_ends(s, "/") &&
	          (!strcmp(u.scheme, "https") || (!strcmp(u.scheme, "http") && host_is_localhost(u.at.host)));

	url_release(&u);
	return ok;
}

static int
key_evaluation_origins(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return set_list(((struct edge_conf *)t)->evaluation_origins, origin_ok,
	                "an origin without a path such as https://eval.example.com", file, v, err);
}

static int
key_ca_file(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	return set_text(file, v, err, c->ca_file, sizeof c->ca_file, "a path");
}

static int
key_role_uids(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	uint64_t a, b;
	char text[32], *dash;
	int r = set_text(file, v, err, text, sizeof text, "FIRST-LAST, for example 64100-64109");

	if (r < 0)
		return r;
	dash = strchr(text, '-');
	if (dash)
		*dash++ = 0;
	if (!dash || str_u64(text, 4000000000u, &a) < 0 || str_u64(dash, 4000000000u, &b) < 0 || a < 1000 || b < a + 4)
		return conf_fail(
		    file, v, err,
		    "found \"%s\", expected FIRST-LAST with at least five uids from 1000 up, for example 64100-64109",
		    v->text);
	c->uid_first = (uint32_t)a;
	c->uid_last = (uint32_t)b;
	return 0;
}

#define DURATION_KEY(member)                                                                                  \
	static int key_##member(void *t, const char *file, const struct conf_node *v, struct conf_error *err) \
	{                                                                                                     \
		struct edge_conf *c = t;                                                                      \
		int r = conf_duration(file, v, &c->member##_ms, err);                                         \
		if (r == 0 && (c->member##_ms < 100 || c->member##_ms > 600000))                              \
			return conf_fail(file, v, err, "found \"%s\", expected 100ms to 10m", v->text);       \
		return r;                                                                                     \
	}
DURATION_KEY(handshake)
DURATION_KEY(head)
DURATION_KEY(body)
DURATION_KEY(drain)

static int
key_people(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	int r = conf_duration(file, v, &c->people_ms, err);

	if (r == 0 && c->people_ms && c->people_ms < 86400000)
		return conf_fail(file, v, err, "found \"%s\", expected 24h or more, or 0 for ever", v->text);
	return r;
}

static int
key_retention(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"people", 0, key_people}};
	return conf_apply(file, v, keys, sizeof keys / sizeof *keys, t, err);
}

static int
key_sessions_max(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	uint64_t n;
	int r = conf_u64(file, v, 0, 100000, &n, err);

	if (r == 0)
		((struct edge_conf *)t)->sessions_max = (uint32_t)n;
	return r;
}

static int
key_sessions(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"max", 0, key_sessions_max}};
	return conf_apply(file, v, keys, sizeof keys / sizeof *keys, t, err);
}

static int
key_deadlines(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {
	    {"handshake", 0, key_handshake}, {"head", 0, key_head}, {"body", 0, key_body}, {"drain", 0, key_drain}};
	return conf_apply(file, v, keys, sizeof keys / sizeof *keys, t, err);
}

/* For rehearsals and tests: what administrators change is access/keys. */
static int
set_key_time(const char *file, const struct conf_node *v, struct conf_error *err, int64_t *ret_ms)
{
	int r = conf_duration(file, v, ret_ms, err);
	if (r == 0 && (*ret_ms < 1000 || *ret_ms > (int64_t)365 * 86400 * 1000))
		return conf_fail(file, v, err, "found \"%s\", expected 1s to 8760h", v->text);
	return r;
}

static int
key_rotate_every(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return set_key_time(file, v, err, &((struct edge_conf *)t)->token_rotate_ms);
}

static int
key_overlap(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return set_key_time(file, v, err, &((struct edge_conf *)t)->token_overlap_ms);
}

static int
key_token_keys(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"rotate_every", 0, key_rotate_every}, {"overlap", 0, key_overlap}};
	return conf_apply(file, v, keys, 2, t, err);
}

static int
key_mail_url(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	bool tls, loopback;
	int r = set_text(file, v, err, c->mail.url, sizeof c->mail.url, "smtp://mail.example.com:587");

	if (r == 0 && mail_url_parse(c->mail.url, &tls, &loopback) < 0)
		return conf_fail(file, v, err,
		                 "found \"%s\", expected smtp://HOST[:PORT] or smtps://HOST[:PORT], without a user",
		                 c->mail.url);
	return r;
}

static int
key_mail_from(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	int r = set_text(file, v, err, c->mail.from, sizeof c->mail.from, "an e-mail address");
	const char *at = r == 0 ? strchr(c->mail.from, '@') : NULL;

	if (r == 0 && (!at || at == c->mail.from || !at[1] || strpbrk(at + 1, "@") || strpbrk(c->mail.from, " <>,;\"")))
		return conf_fail(file, v, err,
		                 "found \"%s\", expected a bare e-mail address such as sallyport@example.com",
		                 c->mail.from);
	return r;
}

static int
key_mail_user(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	return set_text(file, v, err, c->mail.user, sizeof c->mail.user, "a user name");
}

static int
key_mail_password(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	return cert_path(&((struct edge_conf *)t)->mail.password_file, file, v, err);
}

static int
key_mail(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"url", CONF_REQUIRED, key_mail_url},
	                                       {"from", CONF_REQUIRED, key_mail_from},
	                                       {"user", 0, key_mail_user},
	                                       {"password_file", 0, key_mail_password}};
	struct edge_conf *c = t;
	int r = conf_apply(file, v, keys, sizeof keys / sizeof *keys, t, err);

	if (r == 0 && !c->mail.user[0] != !c->mail.password_file)
		return conf_fail(file, v, err, "found one of user and password_file, expected both or neither");
	return r;
}

static int
key_database(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	struct edge_conf *c = t;
	int r = set_text(file, v, err, c->country_file, sizeof c->country_file, "an absolute path of an MMDB file");

	if (r == 0 && c->country_file[0] != '/')
		return conf_fail(file, v, err,
		                 "found \"%s\", expected an absolute path, for example /usr/share/GeoIP/country.mmdb",
		                 c->country_file);
	return r;
}

static int
key_geo(void *t, const char *file, const struct conf_node *v, struct conf_error *err)
{
	static const struct conf_key keys[] = {{"database", CONF_REQUIRED, key_database}};
	return conf_apply(file, v, keys, 1, t, err);
}

static const struct conf_key conf_keys[] = {
    {"team", CONF_REQUIRED, key_team},
    {"listen", CONF_REQUIRED, key_listen},
    {"tunnel_listen", CONF_REQUIRED, key_tunnel_listen},
    {"metrics_listen", CONF_REQUIRED, key_metrics_listen},
    {"store", 0, key_store},
    {"account", CONF_REQUIRED, key_account},
    {"zone", CONF_REQUIRED, key_zone},
    {"admin", 0, key_admin},
    {"local_idp", CONF_REQUIRED, key_local_idp},
    {"threads", 0, key_threads},
    {"edge_no", 0, key_edge_no},
    {"log_level", 0, key_log_level},
    {"tls", 0, key_tls},
    {"trusted_proxies", 0, key_trusted_proxies},
    {"proxy_protocol", 0, key_proxy_protocol},
    {"forwarded_header", 0, key_forwarded_header},
    {"hsts", 0, key_hsts},
    {"allow_private", 0, key_allow_private},
    {"evaluation_origins", 0, key_evaluation_origins},
    {"ca_file", 0, key_ca_file},
    {"mail", 0, key_mail},
    {"role_uids", 0, key_role_uids},
    {"deadlines", 0, key_deadlines},
    {"retention", 0, key_retention},
    {"sessions", 0, key_sessions},
    {"geo", 0, key_geo},
    {"token_keys", 0, key_token_keys},
};

static void
conf_defaults(struct edge_conf *c)
{
	c->passphrase_fd = -1;
	c->log_level = LOG_INFO;
	str_copy(c->log_level_text, sizeof c->log_level_text, "info");
	str_copy(c->store, sizeof c->store, "sqlite");
	c->edge_no = 1;
	c->sessions_max = 1000;
	c->uid_first = 64100;
	c->uid_last = 64109;
	c->people_ms = 8760ll * 3600 * 1000;
	c->handshake_ms = 10000;
	c->head_ms = 10000;
	c->body_ms = 30000;
	c->drain_ms = 30000;
}

/* Two listeners on one address: the second could never be opened. */
static int
listeners_check(const struct edge_conf *c, const char *file, const struct conf_node *root, struct conf_error *err)
{
	const char *key[] = {"listen", "tunnel_listen", "metrics_listen"};
	const char *addr[] = {c->listen, c->tunnel_listen, c->metrics_listen};

	for (size_t i = 1; i < 3; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(addr[i], addr[k]) && !str_ends(addr[i], ":0"))
				return conf_fail(file, conf_get(root, key[i]), err,
				                 "found \"%s\", expected another address than that of %s", addr[i],
				                 key[k]);
	return 0;
}

int
edge_conf_parse(const char *dir, const char *file, const void *p, size_t n, struct edge_conf **ret_c,
                struct conf_error *err)
{
	struct conf_node *root = NULL;
	struct edge_conf *c = calloc(1, sizeof *c);
	int r = E_NOMEM;

	if (!c)
		return r;
	conf_defaults(c);
	if (str_copy(c->dir, sizeof c->dir, dir) < 0) {
		snprintf(err->text, sizeof err->text, "%s: path too long", dir);
		r = E_LIMIT;
		goto out;
	}
	r = conf_parse(file, p, n, &root, err);
	if (r < 0)
		goto out;
	r = conf_apply(file, root, conf_keys, sizeof conf_keys / sizeof *conf_keys, c, err);
	if (r == 0)
		r = listeners_check(c, file, root, err);
	if (r == 0 && c->proxy_protocol && !c->trusted_proxies[0])
		r = conf_fail(file, conf_get(root, "proxy_protocol"), err,
		              "found true, expected trusted_proxies too: nobody else may send a PROXY header");
	if (r < 0)
		goto out;
	*ret_c = c;
	c = NULL;
out:
	conf_free(root);
	edge_conf_free(c);
	return r;
}

int
edge_conf_load(const char *dir, struct edge_conf **ret_c, struct conf_error *err)
{
	char file[4200];
	struct buf b;
	int r;

	snprintf(file, sizeof file, "%s/sallyportd.yml", dir);
	buf_init(&b, CONF_BYTES_MAX);
	r = file_read(file, &b);
	if (r < 0)
		snprintf(err->text, sizeof err->text,
		         "%.200s: %.60s; 'sallyportd init --dir %.200s --team HOST' makes one", file,
		         r == E_IO ? strerror(errno) : err_str(r), dir);
	else
		r = edge_conf_parse(dir, file, buf_ptr(&b), buf_len(&b), ret_c, err);
	buf_release(&b);
	return r;
}

void
edge_conf_free(struct edge_conf *c)
{
	if (!c)
		return;
	free(c->mail.password_file);
	for (size_t i = 0; i < c->ncerts; i++) {
		free(c->certs[i].cert);
		free(c->certs[i].key);
	}
	for (size_t i = 0; i < EDGE_HOOK_MAX; i++)
		free(c->acme_hook[i]);
	for (size_t i = 0; i < EDGE_LIST_MAX; i++) {
		free(c->trusted_proxies[i]);
		free(c->allow_private[i]);
		free(c->evaluation_origins[i]);
	}
	free(c);
}

void
edge_conf_issuer(const struct edge_conf *c, char *out, size_t n)
{
	if (c->team.port == 443)
		snprintf(out, n, "https://%s", c->team.host);
	else
		snprintf(out, n, "https://%s:%u", c->team.host, (unsigned)c->team.port);
}
