#include "store/pg_url.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/secret.h"
#include "core/str.h"

#define LIST_MAX 2048

/* What the URL may say otherwise. gssencmode: Kerberos would look for files and load code at every connection. */
static const struct {
	const char *key, *value;
} defaults[] = {
    {"application_name", "sallyport"},      {"gssencmode", "disable"},
    {"tcp_user_timeout", "5000"},           {"keepalives_idle", "10"},
    {"keepalives_interval", "3"},           {"keepalives_count", "3"},
    {"target_session_attrs", "read-write"},
};

static int
set(struct pg_url *u, const char *key, const char *value)
{
	size_t i = 0;

	while (i < u->n && strcmp(u->key[i], key))
		i++;
	if (i == PG_OPTIONS_MAX)
		return E_LIMIT;
	char *v = str_dup(value);
	if (!v)
		return E_NOMEM;
	if (i == u->n) {
		if (!(u->key[i] = str_dup(key))) {
			free(v);
			return E_NOMEM;
		}
		u->n++;
	}
	free(u->value[i]);
	u->value[i] = v;
	return 0;
}

static const char *
get(const struct pg_url *u, const char *key)
{
	for (size_t i = 0; i < u->n; i++)
		if (!strcmp(u->key[i], key))
			return u->value[i];
	return "";
}

/* The i-th of a comma-separated list; of a list of one, that one. */
static void
item(const char *list, size_t i, char *out, size_t n)
{
	if (!strchr(list, ','))
		i = 0;
	for (; i && *list; list++)
		i -= *list == ',';
	str_copy_n(out, n, list, strcspn(list, ","));
}

struct hosts {
	char names[LIST_MAX], addrs[LIST_MAX], ports[LIST_MAX];
	size_t n;
};

static int
hosts_add(struct hosts *h, const char *name, const char *addr, const char *port)
{
	const char *comma = h->n ? "," : "";
	size_t a = strlen(h->names), b = strlen(h->addrs), c = strlen(h->ports);

	if (h->n == PG_HOSTS_MAX || a + strlen(name) + 2 > LIST_MAX || b + strlen(addr) + 2 > LIST_MAX ||
	    c + strlen(port) + 2 > LIST_MAX)
		return E_LIMIT;
	snprintf(h->names + a, LIST_MAX - a, "%s%s", comma, name);
	snprintf(h->addrs + b, LIST_MAX - b, "%s%s", comma, addr);
	snprintf(h->ports + c, LIST_MAX - c, "%s%s", comma, port);
	h->n++;
	return 0;
}

static int
resolve(struct hosts *h, const char *name, const char *port, struct reason *r)
{
	struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int rc = getaddrinfo(name, NULL, &want, &list), e = 0;

	if (rc)
		return reason_set(r, E_IO, 0, "store: the database's host \"%.80s\" has no address: %s", name,
		                  gai_strerror(rc));
	for (const struct addrinfo *a = list; a && e == 0; a = a->ai_next) {
		char text[INET6_ADDRSTRLEN + 20];
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
			e = hosts_add(h, name, text, port);
	}
	freeaddrinfo(list);
	return e < 0 ? reason_set(r, e, 0, "store: the database's hosts have too many addresses") : 0;
}

static int
port_note(struct pg_url *u, const char *port, struct reason *r)
{
	uint64_t v;

	if (str_u64(port, 65535, &v) < 0 || !v)
		return reason_set(r, E_FORMAT, 0, "store: the database's port is \"%.20s\", expected 1 to 65535", port);
	if (u->nports < PG_HOSTS_MAX)
		u->port[u->nports++] = (uint16_t)v;
	return 0;
}

/* A folder is a Unix socket's; everything else is a TCP host. No host at all: libpq's folder. */
static int
hosts_resolve(struct pg_url *u, struct reason *r)
{
	const char *names = get(u, "host"), *addrs = get(u, "hostaddr"), *ports = get(u, "port");
	struct hosts h = {.n = 0};
	size_t n = 1;
	int e = 0;

	if (!*names && !*addrs)
		return 0;
	for (const char *p = *names ? names : addrs; *p; p++)
		n += *p == ',';
	for (size_t i = 0; e == 0 && i < n; i++) {
		char name[300] = "", addr[100] = "", port[20] = "";
		if (*names)
			item(names, i, name, sizeof name);
		if (*addrs)
			item(addrs, i, addr, sizeof addr);
		if (*ports)
			item(ports, i, port, sizeof port);
		bool folder = name[0] == '/' || name[0] == '@' || (!*name && !*addr);
		if (!*port)
			str_copy(port, sizeof port, "5432");
		if (!folder)
			e = port_note(u, port, r);
		if (e == 0)
			e = folder || *addr ? hosts_add(&h, name, addr, port) : resolve(&h, name, port, r);
	}
	if (e == 0)
		e = set(u, "host", h.names);
	if (e == 0)
		e = set(u, "hostaddr", h.addrs);
	return e == 0 ? set(u, "port", h.ports) : e;
}

static int
options_take(struct pg_url *u, const PQconninfoOption *o)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof defaults / sizeof *defaults; i++)
		e = set(u, defaults[i].key, defaults[i].value);
	for (; e == 0 && o->keyword; o++)
		if (o->val && *o->val)
			e = set(u, o->keyword, o->val);
	return e == 0 ? set(u, "client_encoding", "UTF8") : e;
}

int
pg_url_parse(const char *url, struct pg_url *ret_u, struct reason *r)
{
	struct pg_url u = {.n = 0};
	char *bad = NULL;
	PQconninfoOption *o = PQconninfoParse(url, &bad);
	int e;

	if (!o) {
		/* libpq's own words may quote the URL, password included */
		PQfreemem(bad);
		return reason_set(r, E_FORMAT, 0, "store: not a URL that PostgreSQL understands; expected %s",
		                  "postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full");
	}
	e = options_take(&u, o);
	PQconninfoFree(o);
	if (e == 0)
		e = hosts_resolve(&u, r);
	if (e < 0) {
		pg_url_release(&u);
		return e;
	}
	const char *host = get(&u, "host"), *port = get(&u, "port"), *db = get(&u, "dbname");
	snprintf(u.name, sizeof u.name, "PostgreSQL at %.60s%s%.12s, database %.40s", *host ? host : "the local socket",
	         *port ? ":" : "", port, *db ? db : "of the user's name");
	*ret_u = u;
	return 0;
}

void
pg_url_release(struct pg_url *u)
{
	for (size_t i = 0; i < u->n; i++) {
		mem_wipe(u->value[i], strlen(u->value[i]));
		free(u->key[i]);
		free(u->value[i]);
	}
	*u = (struct pg_url){.n = 0};
}
