/* ca, explain: what an application signs with, and what it would say to somebody. */
#include <stdlib.h>
#include <string.h>

#include "cli/admin/admin.h"
#include "core/str.h"

/* --- ca ---------------------------------------------------------------------------------------------------------- */

static bool
type_fits(const char *type, const char *line)
{
	return !type || (!strcmp(type, "ed25519") && str_starts(line, "ssh-ed25519 ")) ||
	       (!strcmp(type, "ecdsa-p256") && str_starts(line, "ecdsa-sha2-nistp256 ")) ||
	       (!strcmp(type, "rsa-3072") && str_starts(line, "ssh-rsa "));
}

/* GET; when there is none, POST. */
static int
ca_get_or_make(struct cli *c, const struct cli_api *a, const struct admin_options *o, const char *id, json_t **ret_ca)
{
	json_t *errors = NULL;
	char *get = admin_path("/accounts/%A/access/apps/", id, "/ca"),
	     *make = str_fmt("%s?type=%s", get ? get : "", o->type ? o->type : "ed25519");
	int r = get && make ? cli_api_call(c, a, "GET", get, NULL, ret_ca, &errors) : E_NOMEM;

	if (r == E_NOENT && errors)
		r = cli_api_call(c, a, "POST", make, NULL, ret_ca, NULL);
	else if (errors)
		cli_fail(0, "%s", json_str_or(json_array_get(errors, 0), "message", "the edge refused"));
	json_decref(errors);
	free(get);
	free(make);
	return r;
}

int
admin_ca(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	static const char *const types[] = {"ed25519", "ecdsa-p256", "rsa-3072", NULL};
	struct cli_api a = {0};
	json_t *app = NULL, *ca = NULL;
	bool known = !o->type;

	for (size_t i = 0; types[i]; i++)
		known |= o->type && !strcmp(o->type, types[i]);
	if (pos->n != 1 || !known)
		return admin_usage("ca HOST [--type ed25519|ecdsa-p256|rsa-3072]");
	int r = cli_api_open(c, &a);
	if (r == 0)
		r = admin_find_app(c, &a, pos->v[0], &app);
	if (r == 0)
		r = ca_get_or_make(c, &a, o, json_str_or(app, "id", ""), &ca);
	const char *line = json_str_or(ca, "public_key", "");
	if (r == 0 && !type_fits(o->type, line)) {
		cli_fail(SP_CONFLICT, "%s has a certificate authority of another type already; hosts trust it: %.*s",
		         pos->v[0], (int)strcspn(line, " "), line);
		r = E_EXIST;
	}
	if (r == 0 && c->json)
		admin_print_json(ca);
	else if (r == 0)
		admin_say(stdout, "%s\naud: %s\n", line, json_str_or(ca, "aud", json_str_or(app, "aud", "")));
	json_decref(app);
	json_decref(ca);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

/* --- explain ----------------------------------------------------------------------------------------------------- */

static int
add(struct buf *b, const char *name, const char *value)
{
	int r = value ? buf_putf(b, "%c%s=", buf_len(b) && memchr(buf_ptr(b), '?', buf_len(b)) ? '&' : '?', name) : 0;
	return r == 0 && value ? url_escape(b, value) : r;
}

/* Several groups travel as one parameter with commas: a name in a query stands once. */
static int
add_list(struct buf *b, const char *name, const struct cli_list *l)
{
	struct buf one;
	int r = 0;

	buf_init(&one, 8192);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = buf_putf(&one, "%s%s", i ? "," : "", l->v[i]);
	const char *text = r == 0 && l->n ? buf_cstr(&one) : NULL;
	if (r == 0 && text)
		r = add(b, name, text);
	buf_release(&one);
	return r;
}

int
admin_explain(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};
	json_t *e = NULL;
	struct buf path;

	if (pos->n || !o->app || (!o->email && !o->service_token && !o->common_name))
		return admin_usage(
		    "explain --app HOST --email E [--ip A] [--country CC] [--group G] [--amr M] [--idp NAME] "
		    "[--service-token NAME] [--common-name CN] [-o json]");
	buf_init(&path, 16384);
	int r = buf_put_str(&path, "/accounts/%A/sallyport/explain");
	if (r == 0)
		r = add(&path, "app", o->app);
	if (r == 0)
		r = add(&path, "email", o->email);
	if (r == 0)
		r = add(&path, "ip", o->ip);
	if (r == 0)
		r = add(&path, "country", o->country);
	if (r == 0)
		r = add(&path, "idp", o->idp);
	if (r == 0)
		r = add(&path, "service_token", o->service_token);
	if (r == 0)
		r = add(&path, "common_name", o->common_name);
	if (r == 0)
		r = add_list(&path, "group", &o->groups);
	if (r == 0)
		r = add_list(&path, "amr", &o->amr);
	const char *query = r == 0 ? buf_cstr(&path) : NULL;
	r = query ? cli_api_open(c, &a) : E_NOMEM;
	if (r == 0)
		r = cli_api_call(c, &a, "GET", query, NULL, &e, NULL);
	/* the edge says it in words too: the same evaluator, the same words as in its log */
	char *text = str_dup(json_str_or(e, "text", "deny\n"));
	if (r == 0)
		json_object_del(e, "text");
	if (r == 0 && text && c->json)
		admin_print_json(e);
	else if (r == 0 && text)
		admin_put(stdout, text);
	free(text);
	json_decref(e);
	buf_release(&path);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}
