/* principals: which person owns which Unix name. One principal has one owner; an owner is one or more identities
 * (issuer, subject). */
#include <string.h>

#include "ca/request.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/signer/signer.h"
#include "identity/email.h"

/* The owners of a name: new reference, or NULL when nobody has it. */
static json_t *
owners_get(const struct signer *s, const char *name)
{
	struct slice rec;
	json_t *j = NULL;

	if (!keystore_get(&s->ks, KS_PRINCIPAL, name, &rec) || json_load_strict(rec.p, rec.n, KS_VALUE_MAX, &j) < 0)
		return NULL;
	return j;
}

static json_t *
owner_new(const char *iss, const char *sub, const char *email)
{
	return json_pack("{s:s,s:s,s:s}", "iss", iss, "sub", sub, "email", email);
}

/* Finds the person among the owners: by identity; else a bound address waiting for its first sign-in, which is pinned
   now; else a provider that is authoritative for the domain joins the person of that address. Not so when that very
   issuer had another subject of the address: an account made anew is another person until an administrator binds it. */
static bool
owners_match(struct signer *s, json_t *owners, const struct token *who, bool *ret_change)
{
	const struct provider *p = provider_by_issuer(s, who->idp_iss);
	json_t *o, *waits = NULL;
	bool join = false, replaced = false;
	size_t i;

	json_array_foreach(owners, i, o)
	{
		const char *sub = json_str_or(o, "sub", "");
		bool iss = strcmp(json_str_or(o, "iss", ""), who->idp_iss) == 0,
		     email = strcmp(json_str_or(o, "email", ""), who->email) == 0;
		if (iss && sub[0] && strcmp(sub, who->idp_sub) == 0)
			return true;
		if (iss && email && !sub[0])
			waits = o;
		join |= email;
		replaced |= iss && email && sub[0];
	}
	if (waits) {
		*ret_change = json_object_set_new(waits, "sub", json_string(who->idp_sub)) == 0;
		return *ret_change;
	}
	if (!join || replaced || !p || !provider_rules(p, who->email) || json_array_size(owners) >= SIGNER_OWNERS_MAX)
		return false;
	*ret_change = json_array_append_new(owners, owner_new(who->idp_iss, who->idp_sub, who->email)) == 0;
	return *ret_change;
}

static int
plan_free_name(struct principal_plan *p, const struct token *who, bool is_prefix, struct reason *r)
{
	if (!is_prefix)
		return reason_set(
		    r, E_DENIED, SP_PRINCIPAL,
		    "%s is not bound to %s; run 'sallyport admin principals bind %s --email %s --idp NAME'", p->name,
		    who->email, p->name, who->email);
	if (ca_principal_reserved(p->name))
		return reason_set(r, E_DENIED, SP_PRINCIPAL,
		                  "%s is a reserved name; only 'sallyport admin principals bind' gives it", p->name);
	p->owners = json_array();
	if (!p->owners || json_array_append_new(p->owners, owner_new(who->idp_iss, who->idp_sub, who->email)) < 0)
		return reason_set(r, E_NOMEM, SP_INTERNAL, "out of memory");
	p->change = true;
	return 0;
}

/* A service token has the names that an administrator bound to it, and never another. */
static int
plan_service(struct signer *s, const struct token *who, const char *wanted, struct principal_plan *ret_p,
             struct reason *r)
{
	struct principal_plan p = {.bound = true};
	json_t *o;
	size_t i;

	if (str_copy(p.name, sizeof p.name, wanted) < 0 || !ca_principal_ok(p.name))
		return reason_set(r, E_DENIED, SP_PRINCIPAL, "\"%.64s\" is not a Unix name [a-z_][a-z0-9._-]{0,31}",
		                  wanted);
	p.owners = owners_get(s, p.name);
	json_array_foreach(p.owners, i, o)
	{
		if (strcmp(json_str_or(o, "iss", ""), SERVICE_ISS) == 0 &&
		    strcmp(json_str_or(o, "sub", ""), who->common_name) == 0) {
			*ret_p = p;
			return 0;
		}
	}
	principal_plan_release(&p);
	return reason_set(r, E_DENIED, SP_PRINCIPAL,
	                  "%s is not bound to service token %s; run 'sallyport admin principals bind %s "
	                  "--service-token %s'",
	                  p.name, who->common_name, p.name, who->common_name);
}

int
principal_plan(struct signer *s, const struct token *who, const char *wanted, struct principal_plan *ret_p,
               struct reason *r)
{
	if (who->type == TOKEN_SERVICE)
		return plan_service(s, who, wanted, ret_p, r);
	char prefix[CA_PRINCIPAL_MAX + 1] = "";
	struct principal_plan p = {0};
	int e = ca_principal_from_email(who->email, prefix, r);

	if (e < 0 && !wanted[0])
		return e;
	if (e < 0 && r)
		*r = (struct reason){0};
	if (str_copy(p.name, sizeof p.name, wanted[0] ? wanted : prefix) < 0 || !ca_principal_ok(p.name))
		return reason_set(r, E_DENIED, SP_PRINCIPAL, "\"%.64s\" is not a Unix name [a-z_][a-z0-9._-]{0,31}",
		                  wanted);
	p.owners = owners_get(s, p.name);
	if (!p.owners) {
		e = plan_free_name(&p, who, strcmp(p.name, prefix) == 0, r);
	} else if (owners_match(s, p.owners, who, &p.change)) {
		p.bound = true;
		e = 0;
	} else {
		e = reason_set(r, E_DENIED, SP_PRINCIPAL_OWNED,
		               "%s belongs to another person; if %s is the same one, run 'sallyport admin principals "
		               "bind %s --email %s --idp NAME'",
		               p.name, who->email, p.name, who->email);
	}
	if (e < 0) {
		principal_plan_release(&p);
		return e;
	}
	*ret_p = p;
	return 0;
}

static int
owners_save(struct signer *s, const char *name, const json_t *owners, const char *event, const char *email,
            const char *by, struct reason *r)
{
	struct buf b;
	int e;

	buf_init(&b, KS_VALUE_MAX);
	if ((e = json_dump(owners, &b)) < 0 || (e = keystore_put(&s->ks, KS_PRINCIPAL, name, buf_slice(&b))) < 0)
		goto out;
	e = signer_note(s, r, event, "name", name, "email", email, "by", by, NULL);
out:
	buf_release(&b);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "principal %s: %s", name, err_str(e)) : 0;
}

int
principal_commit(struct signer *s, struct principal_plan *p, const struct token *who, struct reason *r)
{
	if (!p->change)
		return 0;
	p->change = false;
	return owners_save(s, p->name, p->owners, "principal_taken", who->email, who->sub, r);
}

void
principal_plan_release(struct principal_plan *p)
{
	json_decref(p->owners);
	p->owners = NULL;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static int
principals_list(struct signer *s, struct buf *out)
{
	json_t *all = json_array();
	struct map_iter it = {0};
	struct slice rec;
	int e = all ? 0 : E_NOMEM;

	while (e == 0 && keystore_next(&s->ks, KS_PRINCIPAL, &it, &rec)) {
		json_t *row = json_object(), *owners = owners_get(s, it.key);
		if (!row || !owners || json_object_set_new(row, "name", json_string(it.key)) < 0 ||
		    json_object_set(row, "owners", owners) < 0 || json_array_append(all, row) < 0)
			e = E_NOMEM;
		json_decref(owners);
		json_decref(row);
	}
	if (e == 0)
		e = json_dump(all, out);
	json_decref(all);
	return e;
}

void
on_js_principals(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct signer *s = arg;
	struct reason r = {0};
	struct buf out;

	buf_init(&out, 262144);
	int e = principals_list(s, &out);
	if (e == E_LIMIT)
		reason_set(&r, e, SP_TOO_LARGE, "too many principals for one answer");
	signer_text(s, id, e, &r, &out);
	buf_release(&out);
}

/* Adds an owner to a name and writes the list down. */
static int
owners_add(struct signer *s, const char *name, json_t *owner, const char *who, const char *by, struct reason *r)
{
	json_t *owners = owners_get(s, name), *o;
	size_t i;
	int e = 0;

	if (!owners)
		owners = json_array();
	json_array_foreach(owners, i, o) if (owner && json_equal(o, owner)) goto out; /* bound already */
	if (json_array_size(owners) >= SIGNER_OWNERS_MAX)
		e = reason_set(r, E_LIMIT, SP_PRINCIPAL, "%s has %d owners already", name, SIGNER_OWNERS_MAX);
	else if (!owner || json_array_append(owners, owner) < 0)
		e = reason_set(r, E_NOMEM, SP_INTERNAL, "out of memory");
	else
		e = owners_save(s, name, owners, "principal_bound", who, by, r);
out:
	json_decref(owners);
	json_decref(owner);
	return e;
}

static int
principal_bind(struct signer *s, const struct js_principal_bind *m, struct reason *r)
{
	const struct provider *p = provider_get(s, m->idp);
	struct token admin = {0};
	char email[EMAIL_MAX + 1];
	int e = evidence_admin(s, m->admin_token, "principals:write", &admin, r);

	if (e < 0)
		return e;
	if (!ca_principal_ok(m->name)) {
		e = reason_set(r, E_FORMAT, SP_PRINCIPAL, "\"%s\" is not a Unix name [a-z_][a-z0-9._-]{0,31}", m->name);
	} else if (m->client_id[0]) {
		e = keystore_get(&s->ks, KS_SERVICE, m->client_id, &(struct slice){0})
		        ? owners_add(s, m->name, owner_new(SERVICE_ISS, m->client_id, ""), m->client_id, admin.sub, r)
		        : reason_set(r, E_NOENT, SP_NOT_FOUND, "no service token %s", m->client_id);
	} else if (!p) {
		e = reason_set(r, E_NOENT, SP_NOT_FOUND, "no provider %s", m->idp);
	} else if (email_parse(m->email, strlen(m->email), email) < 0) {
		e = reason_set(r, E_FORMAT, SP_EMAIL, "not an e-mail address: %s", m->email);
	} else {
		e = owners_add(s, m->name, owner_new(p->issuer, "", email), email, admin.sub, r);
	}
	token_release(&admin);
	return e;
}

void
on_js_principal_bind(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_principal_bind *m = mv;
	struct reason r = {0};
	int e = principal_bind(arg, m, &r);

	signer_done(arg, id, "principal_bind", "principal", m->name, e, &r);
}

void
on_js_principal_release(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_principal_release *m = mv;
	struct admin_delete d = {.token = m->admin_token,
	                         .scope = "principals:write",
	                         .event = "principal_released",
	                         .name = m->name,
	                         .kind = KS_PRINCIPAL,
	                         .key = m->name,
	                         .absent = SP_NOT_FOUND};
	struct reason r = {0};
	int e = evidence_delete(arg, &d, &r);

	signer_done(arg, id, "principal_release", "principal", m->name, e, &r);
}
