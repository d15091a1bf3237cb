/* people: revoke, users, principals, sessions: who they are, what they own, and how it ends. */
#include <stdlib.h>
#include <string.h>

#include "cli/admin/admin.h"
#include "core/str.h"

/* One call that changes something; path is freed. */
static int
call(struct cli *c, const struct cli_api *a, const char *method, char *path, json_t *body, json_t **ret)
{
	int r = path ? cli_api_call(c, a, method, path, body, ret, NULL) : E_NOMEM;

	free(path);
	json_decref(body);
	return r;
}

/* --- revoke ------------------------------------------------------------------------------------------------------ */

static int
revoke_app(struct cli *c, const struct cli_api *a, const char *host)
{
	json_t *app = NULL;
	int r = admin_find_app(c, a, host, &app);

	if (r == 0)
		r = call(c, a, "POST",
		         admin_path("/accounts/%A/access/apps/", json_str_or(app, "id", ""), "/revoke_tokens"), NULL,
		         NULL);
	if (r == 0)
		admin_say(stdout, "Ended the tokens and sessions of %s.\n", json_str_or(app, "domain", host));
	json_decref(app);
	return r;
}

int
admin_revoke(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};

	if (pos->n || !!o->email + !!o->app + !!o->session != 1)
		return admin_usage("revoke --email E | --app HOST | --session ID");
	int r = cli_api_open(c, &a);
	if (r == 0 && o->email) {
		r = call(c, &a, "POST", str_dup("/accounts/%A/access/organizations/revoke_user"),
		         json_pack("{s:s}", "email", o->email), NULL);
		if (r == 0)
			admin_say(stdout,
			          "Ended the tokens and sessions of %s. A new sign-in is a new decision; "
			          "'sallyport admin users disable %s' bars that too.\n",
			          o->email, o->email);
	} else if (r == 0 && o->app) {
		r = revoke_app(c, &a, o->app);
	} else if (r == 0) {
		r = call(c, &a, "DELETE", admin_path("/accounts/%A/sallyport/sessions/", o->session, ""), NULL, NULL);
		if (r == 0)
			admin_say(stdout, "Ended session %s.\n", o->session);
	}
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- users ------------------------------------------------------------------------------------------------------- */

int
admin_users(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};

	if (!pos->n || (pos->n == 1 && !strcmp(pos->v[0], "list")))
		return admin_show(c, "users");
	bool disable = !strcmp(pos->v[0], "disable");
	if (pos->n != 2 || (!disable && strcmp(pos->v[0], "enable")))
		return admin_usage("users [list] | disable EMAIL | enable EMAIL");
	int r = cli_api_open(c, &a);
	if (r == 0)
		r = call(c, &a, "POST",
		         admin_path("/accounts/%A/sallyport/users/", pos->v[1], disable ? "/disable" : "/enable"), NULL,
		         NULL);
	if (r == 0)
		admin_say(stdout,
		          disable ? "%s can no longer sign in; tokens and sessions were ended.\n"
		                  : "%s can sign in again.\n",
		          pos->v[1]);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- providers --------------------------------------------------------------------------------------------------- */

static int
idp_test(struct cli *c, const struct cli_api *a, const char *name)
{
	char id[64];
	json_t *result = NULL, *steps, *v;
	size_t i;
	int r = admin_find_idp(c, a, name, id, sizeof id);

	if (r == 0)
		r = call(c, a, "POST", admin_path("/accounts/%A/sallyport/identity_providers/", id, "/test"), NULL,
		         &result);
	if (r < 0)
		return r;
	steps = json_object_get(result, "steps");
	json_array_foreach(steps, i, v)
	{
		bool ok = json_is_true(json_object_get(v, "success"));
		admin_say(stdout, "%s: %s%s\n", json_str_or(v, "step", ""),
		          ok ? "fine" : "failed: ", ok ? "" : json_str_or(v, "why", ""));
	}
	admin_say(stdout, "To try a sign-in and see what it says about you, open as an administrator:\n%s\n",
	          json_str_or(result, "test_url", ""));
	if (!json_is_true(json_object_get(result, "success")))
		r = E_DENIED;
	json_decref(result);
	return r;
}

int
admin_idps(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};

	if (!pos->n || (pos->n == 1 && !strcmp(pos->v[0], "list")))
		return admin_show(c, "idps");
	if (pos->n != 2 || strcmp(pos->v[0], "test"))
		return admin_usage("idps [list] | test NAME");
	int r = cli_api_open(c, &a);
	if (r == 0)
		r = idp_test(c, &a, pos->v[1]);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

int
admin_requests(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};
	json_t *now = NULL;

	if (!pos->n || (pos->n == 1 && !strcmp(pos->v[0], "list")))
		return admin_show(c, "requests");
	bool yes = !strcmp(pos->v[0], "approve");
	if (pos->n != 2 || (!yes && (strcmp(pos->v[0], "deny") || o->period)))
		return admin_usage("requests [list] | approve ID [--for 1h] | deny ID");
	int r = cli_api_open(c, &a);
	if (r == 0)
		r = call(c, &a, "POST",
		         admin_path("/accounts/%A/sallyport/requests/", pos->v[1], yes ? "/approve" : "/deny"),
		         yes ? json_pack("{s:s}", "duration", o->period ? o->period : "1h") : NULL, &now);
	if (r == 0 && yes)
		admin_say(stdout, "%s may use %s until %s.\n", json_str_or(now, "email", ""),
		          json_str_or(now, "app_domain", ""), json_str_or(now, "until", ""));
	else if (r == 0)
		admin_say(stdout, "%s may not use %s.\n", json_str_or(now, "email", ""),
		          json_str_or(now, "app_domain", ""));
	json_decref(now);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- principals -------------------------------------------------------------------------------------------------- */

static int
bind_name(struct cli *c, const struct cli_api *a, const struct admin_options *o, const char *name)
{
	char idp[64];
	int r;

	if (o->service_token) {
		r = call(c, a, "POST", str_dup("/accounts/%A/sallyport/principals"),
		         json_pack("{s:s,s:s}", "name", name, "service_token", o->service_token), NULL);
		if (r == 0)
			admin_say(stdout, "%s now belongs to service token %s.\n", name, o->service_token);
		return r;
	}
	r = admin_find_idp(c, a, o->idp, idp, sizeof idp);
	if (r == 0)
		r = call(c, a, "POST", str_dup("/accounts/%A/sallyport/principals"),
		         json_pack("{s:s,s:s,s:s}", "name", name, "email", o->email, "idp", idp), NULL);
	if (r == 0)
		admin_say(stdout, "%s now belongs to %s of %s.\n", name, o->email, o->idp);
	return r;
}

int
admin_principals(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};

	if (!pos->n || (pos->n == 1 && !strcmp(pos->v[0], "list")))
		return admin_show(c, "principals");
	bool bind = !strcmp(pos->v[0], "bind");
	if (pos->n != 2 || (!bind && strcmp(pos->v[0], "release")) ||
	    (bind && !o->service_token == !(o->email && o->idp)))
		return admin_usage(
		    "principals [-o json] | bind NAME --email E --idp NAME | bind NAME --service-token T "
		    "| release NAME");
	int r = cli_api_open(c, &a);
	if (r == 0 && bind) {
		r = bind_name(c, &a, o, pos->v[1]);
	} else if (r == 0) {
		r = call(c, &a, "DELETE", admin_path("/accounts/%A/sallyport/principals/", pos->v[1], ""), NULL, NULL);
		if (r == 0)
			admin_say(stdout, "%s belongs to nobody now.\n", pos->v[1]);
	}
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* "WHAT [list] | VERB ID": deletes one and says so. */
static int
list_or_delete(struct cli *c, const struct cli_list *pos, const char *what, const char *verb, const char *path,
               const char *done)
{
	struct cli_api a = {0};

	if (!pos->n || (pos->n == 1 && !strcmp(pos->v[0], "list")))
		return admin_show(c, what);
	if (pos->n != 2 || strcmp(pos->v[0], verb)) {
		char usage[64];
		snprintf(usage, sizeof usage, "%s [list] | %s ID", what, verb);
		return admin_usage(usage);
	}
	int r = cli_api_open(c, &a);
	if (r == 0)
		r = call(c, &a, "DELETE", admin_path(path, pos->v[1], ""), NULL, NULL);
	if (r == 0)
		admin_say(stdout, "%s\n", done);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

int
admin_ssh_sessions(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	return list_or_delete(c, pos, "ssh-sessions", "end", "/accounts/%A/sallyport/ssh_sessions/",
	                      "It was told to end.");
}

int
admin_host_keys(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	return list_or_delete(c, pos, "host-keys", "forget", "/accounts/%A/sallyport/host_keys/",
	                      "It is forgotten: the next session pins the key that the host shows then.");
}

int
admin_sessions(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	if (!pos->n || (pos->n == 1 && !strcmp(pos->v[0], "list")))
		return admin_show(c, "sessions");
	if (pos->n != 2 || strcmp(pos->v[0], "play"))
		return admin_usage("sessions [list] [-o json] | play ID");
	return cli_fail(0, "there is no recording of %s: recordings arrive with the Audit work", pos->v[1]);
}
