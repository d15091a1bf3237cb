#include "identity/facts.h"

#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "core/url.h"

#define GITHUB_PUBLIC "https://github.com"

void
facts_groups_drop(struct facts *f)
{
	for (size_t i = 0; i < f->ngroups; i++)
		free(f->groups[i]);
	f->ngroups = 0;
	f->groups_unknown = true;
}

void
facts_release(struct facts *f)
{
	facts_groups_drop(f);
	*f = (struct facts){0};
}

static int
refuse(struct reason *r, const char *what)
{
	return reason_set(r, E_FORMAT, SP_LOGIN_PROVIDER, "the provider's answer about %s is of another form", what);
}

/* Printable text without control characters, 1 to max bytes. */
static const char *
plain(const json_t *v, size_t max)
{
	const char *s = json_string_value(v);
	size_t n = s ? json_string_length(v) : 0;

	if (!n || n > max || strlen(s) != n)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return NULL;
	return s;
}

/* Takes s; NULL counts as an answer that cannot be used. */
static void
group_take(struct facts *f, char *s)
{
	if (f->groups_unknown || !s || !*s || strlen(s) > OIDC_GROUP_MAX || f->ngroups == FACTS_GROUPS_MAX) {
		free(s);
		facts_groups_drop(f);
		return;
	}
	f->groups[f->ngroups++] = s;
}

static void
group_add(struct facts *f, const json_t *v)
{
	const char *s = plain(v, OIDC_GROUP_MAX);
	group_take(f, s ? str_dup(s) : NULL);
}

/* --- GitHub (docs.github.com/rest: users, users/emails, orgs, teams) ------------------------------------------------
 */

static int
load_array(const void *p, size_t n, const char *what, json_t **ret_a, struct reason *r)
{
	int e = json_load_strict(p, n, FACTS_ANSWER_MAX, ret_a);

	if (e < 0)
		return refuse(r, what);
	if (json_is_array(*ret_a))
		return 0;
	json_decref(*ret_a);
	*ret_a = NULL;
	return refuse(r, what);
}

/* The subject is the number: a login can be given up and taken by somebody else, the number cannot. */
int
facts_github_user(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	json_t *o = NULL;
	int64_t id = 0;
	int e = json_load_strict(p, n, FACTS_ANSWER_MAX, &o);
	const char *login;

	*ret_next = 0;
	if (e < 0 || !json_is_object(o) || json_get_i64(o, "id", &id) < 0 || id <= 0 ||
	    !(login = plain(json_object_get(o, "login"), FACTS_NAME_MAX)) ||
	    strcmp(json_str_or(o, "type", "User"), "User") != 0) {
		e = refuse(r, "the user");
		goto out;
	}
	char *sub = str_fmt("%lld", (long long)id);
	e = sub ? str_copy(f->sub, sizeof f->sub, sub) : E_NOMEM;
	free(sub);
	str_copy(f->login, sizeof f->login, login);
	const char *name = plain(json_object_get(o, "name"), FACTS_NAME_MAX);
	str_copy(f->name, sizeof f->name, name ? name : "");
out:
	json_decref(o);
	return e;
}

/* The primary address counts, when it is verified; no other stands in for it. */
int
facts_github_emails(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	json_t *a = NULL, *o, *primary = NULL;
	size_t i, found = 0;
	int e = load_array(p, n, "e-mail addresses", &a, r);

	*ret_next = 0;
	if (e < 0)
		return e;
	json_array_foreach(a, i, o)
	{
		if (!json_is_true(json_object_get(o, "primary")))
			continue;
		primary = o;
		found++;
	}
	const char *s = found == 1 ? json_string_value(json_object_get(primary, "email")) : NULL;
	if (found != 1)
		e = reason_set(r, E_DENIED, SP_EMAIL, "the account has no primary address that we may see");
	else if (!json_is_true(json_object_get(primary, "verified")))
		e = reason_set(r, E_DENIED, SP_EMAIL, "the account's primary address is not verified");
	else if (!s || email_parse(s, json_string_length(json_object_get(primary, "email")), f->email) < 0)
		e = reason_set(r, E_DENIED, SP_EMAIL, "the account's address is not of the form that is accepted");
	json_decref(a);
	return e;
}

/* A full page may have another behind it. */
static void
github_next(const json_t *a, char ret_next[static FACTS_NEXT_MAX])
{
	str_copy(ret_next, FACTS_NEXT_MAX, json_array_size(a) >= GITHUB_PAGE ? "more" : "");
}

int
facts_github_orgs(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	json_t *a = NULL, *o;
	size_t i;
	int e = load_array(p, n, "organizations", &a, r);

	*ret_next = 0;
	if (e < 0)
		return e;
	json_array_foreach(a, i, o)
	{
		const char *login = plain(json_object_get(o, "login"), OIDC_GROUP_MAX);
		group_take(f, login && !strchr(login, '/') ? str_dup(login) : NULL);
	}
	github_next(a, ret_next);
	json_decref(a);
	return 0;
}

/* A team is reported as "organization/slug", which is what the policy's selector compares. */
int
facts_github_teams(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	json_t *a = NULL, *o;
	size_t i;
	int e = load_array(p, n, "teams", &a, r);

	*ret_next = 0;
	if (e < 0)
		return e;
	json_array_foreach(a, i, o)
	{
		json_t *org = json_object_get(o, "organization");
		const char *slug = plain(json_object_get(o, "slug"), OIDC_GROUP_MAX),
		           *login = plain(json_object_get(org, "login"), OIDC_GROUP_MAX);
		bool ok = slug && login && !strchr(slug, '/') && !strchr(login, '/');
		group_take(f, ok ? str_fmt("%s/%s", login, slug) : NULL);
	}
	github_next(a, ret_next);
	json_decref(a);
	return 0;
}

/* --- group lists ----------------------------------------------------------------------------------------------------
 */

/* Okta, "List all assigned groups" of a user: [{"id", "profile": {"name"}}]. */
int
facts_okta_groups(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	json_t *a = NULL, *o;
	size_t i;
	int e = load_array(p, n, "groups", &a, r);

	*ret_next = 0;
	if (e < 0)
		return e;
	json_array_foreach(a, i, o) group_add(f, json_object_get(json_object_get(o, "profile"), "name"));
	json_decref(a);
	return 0;
}

static int
read_page(struct facts *f, const void *p, size_t n, const char *list, const char *member, const char *next, bool must,
          char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	json_t *o = NULL, *a = NULL, *v;
	size_t i;
	int e = json_load_strict(p, n, FACTS_ANSWER_MAX, &o);

	*ret_next = 0;
	if (e == 0 && json_is_object(o))
		e = json_get_array(o, list, &a);
	else
		e = E_FORMAT;
	if (e == E_NOENT && !must)
		e = 0;
	json_t *more = json_object_get(o, next);
	if (e == 0 && more) {
		const char *s = plain(more, FACTS_NEXT_MAX - 1);
		if (s)
			str_copy(ret_next, FACTS_NEXT_MAX, s);
		else
			e = E_FORMAT;
	}
	if (e < 0) {
		json_decref(o);
		return refuse(r, "groups");
	}
	json_array_foreach(a, i, v) group_add(f, json_object_get(v, member));
	json_decref(o);
	return 0;
}

/* Google, Directory API groups.list with userKey: {"groups": [{"id", "email", "name"}], "nextPageToken"}; without
   groups the member is left out. */
int
facts_google_groups(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	return read_page(f, p, n, "groups", "email", "nextPageToken", false, ret_next, r);
}

/* Microsoft Graph, transitiveMemberOf: {"value": [{"id"}], "@odata.nextLink"}. By id: names are not unique there. */
int
facts_azure_groups(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX], struct reason *r)
{
	return read_page(f, p, n, "value", "id", "@odata.nextLink", true, ret_next, r);
}

/* --- between fetch and signer ---------------------------------------------------------------------------------------
 */

int
facts_format(const struct facts *f, struct buf *out)
{
	json_t *groups = json_array(), *o = NULL;
	int e = groups ? 0 : E_NOMEM;

	for (size_t i = 0; e == 0 && i < f->ngroups; i++)
		if (json_array_append_new(groups, json_string(f->groups[i])) < 0)
			e = E_NOMEM;
	if (e == 0)
		o = json_pack("{ss ss ss ss sO sb}", "sub", f->sub, "email", f->email, "login", f->login, "name",
		              f->name, "groups", groups, "groups_unknown", f->groups_unknown);
	if (e == 0)
		e = o ? json_dump(o, out) : E_NOMEM;
	json_decref(o);
	json_decref(groups);
	return e;
}

int
facts_parse(const void *p, size_t n, struct facts *ret_f)
{
	struct facts f = {0};
	json_t *o = NULL, *a = NULL, *v;
	size_t i;
	int e = json_load_strict(p, n, FACTS_TEXT_MAX, &o);

	if (e == 0 && !json_is_object(o))
		e = E_FORMAT;
	if (e == 0 &&
	    (str_copy(f.sub, sizeof f.sub, json_str_or(o, "sub", "")) < 0 || !f.sub[0] ||
	     str_copy(f.email, sizeof f.email, json_str_or(o, "email", "")) < 0 ||
	     str_copy(f.login, sizeof f.login, json_str_or(o, "login", "")) < 0 ||
	     str_copy(f.name, sizeof f.name, json_str_or(o, "name", "")) < 0 || (f.email[0] && !email_ok(f.email))))
		e = E_FORMAT;
	if (e == 0)
		e = json_get_array(o, "groups", &a);
	if (e < 0)
		goto out;
	f.groups_unknown = json_bool_or(o, "groups_unknown", false);
	if (!f.groups_unknown)
		json_array_foreach(a, i, v) group_add(&f, v);
	*ret_f = f;
out:
	json_decref(o);
	return e;
}

/* --- GitHub's addresses ---------------------------------------------------------------------------------------------
 */

int
github_request_url(const char *base, const char *client_id, const char *redirect_uri, const char *scopes,
                   const char *state, const char *challenge, struct buf *out)
{
	const struct {
		const char *name, *value;
	} rows[] = {{"?client_id", client_id},
	            {"&redirect_uri", redirect_uri},
	            {"&scope", scopes},
	            {"&state", state},
	            {"&code_challenge", challenge}};
	int e = oidc_url_ok(base) && *state && *challenge ? buf_putf(out, "%s/login/oauth/authorize", base) : E_FORMAT;

	for (size_t i = 0; e == 0 && i < sizeof rows / sizeof *rows; i++) {
		e = buf_putf(out, "%s=", rows[i].name);
		if (e == 0)
			e = url_escape(out, rows[i].value);
	}
	return e < 0 ? e : buf_put_str(out, "&code_challenge_method=S256&allow_signup=false");
}

int
github_token_url(const char *base, struct buf *out)
{
	return oidc_url_ok(base) ? buf_putf(out, "%s/login/oauth/access_token", base) : E_FORMAT;
}

int
github_api_url(const char *base, const char *path, struct buf *out)
{
	if (!oidc_url_ok(base))
		return E_FORMAT;
	if (!strcmp(base, GITHUB_PUBLIC))
		return buf_putf(out, "https://api.github.com%s", path);
	return buf_putf(out, "%s/api/v3%s", base, path);
}
