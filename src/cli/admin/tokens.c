/* tokens: API tokens: what there is, a new one, and its end. */
#include <stdlib.h>
#include <string.h>

#include "cli/admin/admin.h"
#include "core/clock.h"
#include "core/str.h"

#define USAGE "tokens [list] | create NAME --scope S... [--ttl 90d] | revoke ID"

/* "2h", or days as "90d"; to an RFC 3339 time from now. */
static bool
expiry(const char *ttl, char out[static 24])
{
	uint64_t days;
	int64_t ms = 0;
	size_t n = strlen(ttl);
	char number[16];

	if (n && ttl[n - 1] == 'd' && str_copy_n(number, sizeof number, ttl, n - 1) == 0 &&
	    str_u64(number, 365, &days) == 0)
		ms = (int64_t)days * 86400000;
	else if (duration_parse(ttl, &ms) < 0)
		return false;
	time_format(clock_wall() + ms / 1000, out);
	return ms > 0;
}

static int
create(struct cli *c, const struct cli_api *a, const struct admin_options *o, const char *name)
{
	json_t *scopes = json_array(), *body, *made = NULL;
	char at[24];

	for (size_t i = 0; i < o->scopes.n; i++)
		json_array_append_new(scopes, json_string(o->scopes.v[i]));
	body = json_pack("{s:s, s:o}", "name", name, "scopes", scopes);
	if (o->ttl && !expiry(o->ttl, at)) {
		json_decref(body);
		return cli_fail(SP_CLIENT_USAGE, "--ttl %s: expected a time such as 90d or 8h, at most 365d", o->ttl),
		       E_FORMAT;
	}
	if (o->ttl)
		json_object_set_new(body, "expires_on", json_string(at));
	int r = cli_api_call(c, a, "POST", "/user/tokens", body, &made, NULL);
	if (r == 0 && c->json) {
		admin_print_json(made);
	} else if (r == 0) {
		admin_say(stdout, "%s\n", json_str_or(made, "value", ""));
		admin_say(stderr, "Shown once. Id %s, until %s.\n", json_str_or(made, "id", ""),
		          json_str_or(made, "expires_on", ""));
	}
	json_decref(body);
	json_decref(made);
	return r;
}

int
admin_tokens(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};

	if (!pos->n || (pos->n == 1 && !strcmp(pos->v[0], "list")))
		return admin_show(c, "tokens");
	bool make = !strcmp(pos->v[0], "create");
	if (pos->n != 2 || (!make && strcmp(pos->v[0], "revoke")) || (make && !o->scopes.n))
		return admin_usage(USAGE);
	int r = cli_api_open(c, &a);
	if (r == 0 && make) {
		r = create(c, &a, o, pos->v[1]);
	} else if (r == 0) {
		char *path = admin_path("/user/tokens/", pos->v[1], "");
		r = path ? cli_api_call(c, &a, "DELETE", path, NULL, NULL, NULL) : E_NOMEM;
		free(path);
		if (r == 0)
			admin_say(stdout, "%s opens nothing any more.\n", pos->v[1]);
	}
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}
