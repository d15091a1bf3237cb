/* list and info: what tunnels there are, in what state, and which connectors serve them. */
#include <stdlib.h>
#include <string.h>

#include "cli/common/http.h"
#include "cli/tunnel/tunnel.h"
#include "core/clock.h"
#include "core/str.h"

#define COLUMNS "%-36s  %-20s  %-20s  %-20s  %s\n"

void
tunnel_print_json(const json_t *j)
{
	char *text = json_dumps(j, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (text)
		puts(text);
	free(text);
}

/* --- list ------------------------------------------------------------------------------------------------------- */

static int
param(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return 0;
	int r = buf_put_str(b, "&");

	if (r == 0)
		r = buf_put_str(b, name);
	if (r == 0)
		r = buf_put_str(b, "=");
	return r < 0 ? r : url_escape(b, value);
}

/* The path of the call: filters under the names that the API has for them. */
static int
list_path(const struct tunnel_options *o, unsigned page, struct buf *b)
{
	char head[96];

	snprintf(head, sizeof head, "/accounts/%%A/cfd_tunnel?per_page=%d&page=%u", LIST_PER_PAGE, page);
	int r = buf_put_str(b, head);

	if (r == 0 && !o->show_deleted)
		r = buf_put_str(b, "&is_deleted=false");
	if (r == 0)
		r = param(b, "name", o->name);
	if (r == 0)
		r = param(b, "include_prefix", o->name_prefix);
	if (r == 0)
		r = param(b, "exclude_prefix", o->exclude_prefix);
	if (r == 0)
		r = param(b, "uuid", o->id);
	return r == 0 ? param(b, "existed_at", o->when) : r;
}

static int
list_all(const struct cli *c, const struct cli_api *a, const struct tunnel_options *o, json_t **ret_all)
{
	json_t *all = json_array(), *page;
	int r = all ? 0 : E_NOMEM;

	for (unsigned n = 1; r == 0 && n <= LIST_PAGES_MAX; n++) {
		struct buf path;
		size_t got;

		page = NULL;
		buf_init(&path, 16384);
		r = list_path(o, n, &path);
		if (r == 0)
			r = cli_api_call(c, a, "GET", buf_cstr(&path), NULL, &page, NULL);
		buf_release(&path);
		got = json_array_size(page);
		if (r == 0 && json_array_extend(all, page) < 0) {
			cli_fail(SP_CLIENT_PROTOCOL, "the edge answered with something that is not a list");
			r = E_FORMAT;
		}
		json_decref(page);
		if (got < LIST_PER_PAGE)
			break;
	}
	if (r == 0)
		*ret_all = all;
	else
		json_decref(all);
	return r;
}

/* "2xedge01, 1xedge02": live connections by the place of the edge, as cloudflared prints them. */
static void
connections(const json_t *t, bool recent, char *out, size_t n)
{
	const json_t *conn, *conns = json_object_get(t, "connections");
	const char *colo[16];
	unsigned count[16], k = 0, c;
	size_t i, used = 0;

	out[0] = '\0';
	json_array_foreach(conns, i, conn)
	{
		const char *at = json_str_or(conn, "colo_name", "?");
		if (json_is_true(json_object_get(conn, "is_pending_reconnect")) && !recent)
			continue;
		for (c = 0; c < k && strcmp(colo[c], at); c++)
			;
		if (c == k && k < 16)
			colo[k] = at, count[k++] = 0;
		if (c < k)
			count[c]++;
	}
	for (c = 0; c < k && used < n; c++)
		used += (size_t)snprintf(out + used, n - used, "%s%ux%s", c ? ", " : "", count[c], colo[c]);
}

static const char *const sort_keys[] = {"name", "id", "createdAt", "deletedAt", "numConnections", NULL};
static struct {
	const char *by;
	bool invert;
} order;

static int
compare(const void *ap, const void *bp)
{
	const json_t *a = *(json_t *const *)ap, *b = *(json_t *const *)bp;
	int r;

	if (!strcmp(order.by, "numConnections")) {
		size_t x = json_array_size(json_object_get(a, "connections")),
		       y = json_array_size(json_object_get(b, "connections"));
		r = (x > y) - (x < y);
	} else {
		const char *key = !strcmp(order.by, "createdAt")   ? "created_at"
		                  : !strcmp(order.by, "deletedAt") ? "deleted_at"
		                                                   : order.by;
		r = strcmp(json_str_or(a, key, ""), json_str_or(b, key, ""));
	}
	return order.invert ? -r : r;
}

static int
sorted(json_t *all, const struct tunnel_options *o, json_t **ret)
{
	size_t n = json_array_size(all);
	json_t **v = calloc(n + 1, sizeof(json_t *)), *out = json_array();
	int r = v && out ? 0 : E_NOMEM;

	order.by = o->sort_by ? o->sort_by : "name";
	order.invert = o->invert_sort;
	for (size_t i = 0; r == 0 && i < n; i++)
		v[i] = json_array_get(all, i);
	if (r == 0)
		qsort(v, n, sizeof(json_t *), compare);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (json_array_append(out, v[i]) < 0)
			r = E_NOMEM;
	free(v);
	if (r == 0)
		*ret = out;
	else
		json_decref(out);
	return r;
}

static void
print_list(const json_t *list, const struct tunnel_options *o)
{
	json_t *t;
	size_t i;
	char conns[400];

	if (!json_array_size(list)) {
		puts(o->name || o->name_prefix || o->exclude_prefix || o->id || o->when
		         ? "No tunnel matches."
		         : "There is no tunnel yet. 'sallyport tunnel create NAME' makes one.");
		return;
	}
	printf(COLUMNS, "ID", "NAME", "CREATED", "CONNECTIONS", "STATUS");
	json_array_foreach(list, i, t)
	{
		connections(t, o->recently_disconnected, conns, sizeof conns);
		printf(COLUMNS, json_str_or(t, "id", ""), json_str_or(t, "name", ""), json_str_or(t, "created_at", ""),
		       conns, *json_str_or(t, "deleted_at", "") ? "deleted" : json_str_or(t, "status", ""));
	}
}

int
tunnel_list(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};
	json_t *all = NULL, *list = NULL;
	int64_t when;
	bool known = !o->sort_by;

	if (tunnel_want(pos, 0, "list [-o json|yaml] [--name N] [--name-prefix P] [--sort-by KEY] ...") < 0)
		return 2;
	for (size_t i = 0; sort_keys[i] && !known; i++)
		known = !strcmp(sort_keys[i], o->sort_by);
	if (!known)
		return cli_fail(SP_CLIENT_USAGE,
		                "--sort-by %s: expected name, id, createdAt, deletedAt or numConnections", o->sort_by),
		       2;
	if (o->when && time_parse(o->when, &when) < 0)
		return cli_fail(SP_CLIENT_USAGE, "--when %s: expected a time such as 2026-11-22T10:00:00Z", o->when), 2;
	int r = cli_api_open(c, &a);
	if (r == 0)
		r = list_all(c, &a, o, &all);
	if (r == 0)
		r = sorted(all, o, &list);
	if (r == 0 && c->json)
		tunnel_print_json(list);
	else if (r == 0)
		print_list(list, o);
	json_decref(all);
	json_decref(list);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- info ------------------------------------------------------------------------------------------------------- */

static void
print_connector(const json_t *k)
{
	const json_t *conn, *conns = json_object_get(k, "conns");
	size_t i;

	printf("  connector %s  %s  %s  since %s\n", json_str_or(k, "id", "?"), json_str_or(k, "version", ""),
	       json_str_or(k, "arch", ""), json_str_or(k, "run_at", ""));
	json_array_foreach(conns, i, conn) printf(
	    "    connection %s  from %s  at %s  since %s\n", json_str_or(conn, "id", ""),
	    json_str_or(conn, "origin_ip", ""), json_str_or(conn, "colo_name", ""), json_str_or(conn, "opened_at", ""));
}

static int
show_info(struct cli *c, struct cli_api *a, const char *id, void *arg)
{
	char path[160];
	json_t *tunnel = NULL, *conns = NULL, *k;
	size_t i;

	snprintf(path, sizeof path, "/accounts/%%A/cfd_tunnel/%s", id);
	int r = cli_api_call(c, a, "GET", path, NULL, &tunnel, NULL);
	snprintf(path, sizeof path, "/accounts/%%A/cfd_tunnel/%s/connections", id);
	if (r == 0)
		r = cli_api_call(c, a, "GET", path, NULL, &conns, NULL);
	if (r == 0 && c->json) {
		json_object_set(tunnel, "connectors", conns);
		tunnel_print_json(tunnel);
	} else if (r == 0) {
		const char *since =
		    json_str_or(tunnel, "conns_active_at", json_str_or(tunnel, "conns_inactive_at", ""));
		printf("NAME:    %s\nID:      %s\nCREATED: %s\nSTATUS:  %s%s%s\n", json_str_or(tunnel, "name", ""),
		       json_str_or(tunnel, "id", ""), json_str_or(tunnel, "created_at", ""),
		       json_str_or(tunnel, "status", ""), *since ? ", since " : "", since);
		if (!json_array_size(conns))
			puts("No connector is running.");
		json_array_foreach(conns, i, k) print_connector(k);
	}
	json_decref(tunnel);
	json_decref(conns);
	return r;
}

int
tunnel_info(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	return tunnel_want(pos, 1, "info TUNNEL") < 0 ? 2 : tunnel_with(c, pos->v[0], show_info, NULL);
}
