#include "edge/judge/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/client_cert.h"
#include "edge/judge/judge.h"
#include "edge/judge/ticket.h"
#include "edge/judge/tunnel_link.h"

#define OBJECTS_MAX 20000u /* of one kind: an account's documented limits are far below */

/* An application's record as snapshots share it: one that did not change is not read again, which is most of what a
   change costs when there are many. */
struct held_app {
	unsigned refs;
	struct app *app;
	int64_t version;
	uint64_t hash; /* of the document, beside its length: a version alone could be that of another store */
	size_t n;
};

struct loader {
	const struct snapshot *old; /* applications: the current one, or NULL */
	struct held_app **held;
	bool apps;
	void **v;
	int64_t *versions;
	size_t n, cap;
	int (*read)(const json_t *j, void **ret_x, struct model_error *err);
	void (*drop)(void *x);
	const char *kind;
	bool keep_broken;
	struct model_error *err;
};

#define READER(X)                                                                   \
	static int read_##X(const json_t *j, void **ret_x, struct model_error *err) \
	{                                                                           \
		struct X *x = NULL;                                                 \
		int e = X##_from_json(j, false, &x, err);                           \
		if (e == 0)                                                         \
			*ret_x = x;                                                 \
		return e;                                                           \
	}                                                                           \
	static void drop_##X(void *x)                                               \
	{                                                                           \
		X##_free(x);                                                        \
	}
READER(app)
READER(group)
READER(access_list)
READER(policy)
READER(policy_test)
READER(idp)
READER(tunnel)
READER(route)
READER(admin)
READER(service_token)
READER(organization)
READER(client_ca)

static uint64_t
text_hash(const char *s, size_t n)
{
	uint64_t h = 14695981039346656037ull, w;

	for (; n >= sizeof w; s += sizeof w, n -= sizeof w) {
		memcpy(&w, s, sizeof w);
		h = (h ^ w) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	for (; n; s++, n--)
		h = (h ^ (unsigned char)*s) * 1099511628211ull;
	return h;
}

/* References to reusable policies point into their own snapshot, so that such an application is read again. */
static bool
app_is_shareable(const struct app *a)
{
	for (size_t i = 0; i < a->npolicies; i++)
		if (a->policies[i]->ref)
			return false;
	return true;
}

static struct held_app *
held_before(const struct loader *l, const struct store_doc *d, size_t n, uint64_t hash)
{
	const struct policy_app *p = l->old ? policy_set_by_id(l->old->set, d->id) : NULL;
	struct held_app *h = p ? l->old->held[policy_app_index(p)] : NULL;

	return h && h->version == d->version && h->n == n && h->hash == hash && app_is_shareable(h->app) ? h : NULL;
}

static void
held_drop(struct held_app *h)
{
	if (--h->refs)
		return;
	app_free(h->app);
	free(h);
}

static int
grow(struct loader *l)
{
	size_t cap = l->cap ? l->cap * 2 : 32;
	void **v = reallocarray(l->v, cap, sizeof *v);

	if (v)
		l->v = v;
	int64_t *w = reallocarray(l->versions, cap, sizeof *w);
	if (w)
		l->versions = w;
	struct held_app **h = l->apps ? reallocarray(l->held, cap, sizeof *h) : NULL;
	if (h)
		l->held = h;
	if (!v || !w || (l->apps && !h))
		return E_NOMEM;
	l->cap = cap;
	return 0;
}

static int
read_doc(struct loader *l, const struct store_doc *d, size_t n, void **ret_x)
{
	json_t *j = NULL;
	int e = json_load_strict(d->json, n, STORE_DOC_MAX, &j);

	if (e == 0)
		e = l->read(j, ret_x, l->err);
	json_decref(j);
	return e;
}

static int
load_app(struct loader *l, const struct store_doc *d, size_t n, void **ret_x)
{
	uint64_t hash = text_hash(d->json, n);
	struct held_app *h = held_before(l, d, n, hash);
	void *x = NULL;

	if (h) {
		h->refs++;
	} else {
		int e = read_doc(l, d, n, &x);
		if (e < 0)
			return e;
		if (!(h = calloc(1, sizeof *h))) {
			app_free(x);
			return E_NOMEM;
		}
		*h = (struct held_app){1, x, d->version, hash, n};
	}
	l->held[l->n] = h;
	*ret_x = h->app;
	return 0;
}

static int
load_one(void *arg, const struct store_doc *d)
{
	struct loader *l = arg;
	size_t n = strlen(d->json);
	void *x = NULL;

	int e = 0;
	if (l->n == OBJECTS_MAX)
		e = model_fail(l->err, "", "an edge has at most %u objects of the kind %s", OBJECTS_MAX, l->kind);
	else if (l->n == l->cap)
		e = grow(l);
	if (e == 0)
		e = l->apps ? load_app(l, d, n, &x) : read_doc(l, d, n, &x);
	if (e == E_FORMAT && l->keep_broken) {
		log_error("record_unreadable", "kind", l->kind, "id", d->id, "why", l->err->text, NULL);
		return 0;
	}
	if (e < 0)
		return e;
	l->versions[l->n] = d->version;
	l->v[l->n++] = x;
	return 0;
}

static int
load(struct judge *j, struct loader *l, void *ret_v, int64_t **ret_versions, size_t *ret_n)
{
	struct reason why = {0};
	int e = store_list(j->store, l->kind, "", 0, load_one, l, &why);

	/* Handed over even on failure: the snapshot frees what was read. */
	memcpy(ret_v, &l->v, sizeof l->v);
	*ret_versions = l->versions;
	*ret_n = l->n;
	if (e < 0 && why.text[0])
		log_error("store", "kind", l->kind, "why", why.text, NULL);
	return e;
}

static const struct tunnel *
tunnel_of_host(const struct snapshot *s, const char *host)
{
	for (size_t i = 0; i < s->nroutes; i++)
		if (!strcmp(s->routes[i]->hostname, host))
			return snapshot_tunnel(s, s->routes[i]->tunnel_id);
	return NULL;
}

static int
no_tunnel(const struct snapshot *s, const char *at, const char *ref, struct model_error *err)
{
	const char **names = calloc(s->ntunnels + 1, sizeof *names), *near;
	size_t n = 0;

	for (size_t i = 0; names && i < s->ntunnels; i++)
		if (!s->tunnels[i]->deleted_at)
			names[n++] = s->tunnels[i]->name;
	near = names ? str_nearest(ref, names) : NULL;
	model_fail(err, at, "no tunnel is named \"%.60s\"%s%.60s%s", ref, near ? "; did you mean \"" : "",
	           near ? near : "", near ? "\"?" : "");
	free(names);
	return E_FORMAT;
}

/* References to what they name; compile has refused what names nothing. */
static int
policies_resolve(struct snapshot *s)
{
	struct map by;
	int e = 0;

	map_init(&by, 2 * (size_t)OBJECTS_MAX, 0, NULL);
	for (size_t i = 0; (e == 0 || e == E_EXIST) && i < s->npolicies; i++)
		e = map_put(&by, s->policies[i]->id, s->policies[i]);
	for (size_t i = 0; (e == 0 || e == E_EXIST) && i < s->npolicies; i++)
		e = map_put(&by, s->policies[i]->name, s->policies[i]);
	for (size_t i = 0; i < s->napps; i++)
		for (size_t k = 0; k < s->apps[i]->npolicies; k++)
			if (s->apps[i]->policies[k]->ref)
				s->apps[i]->policies[k]->target = map_get(&by, s->apps[i]->policies[k]->ref);
	map_release(&by);
	return e == E_EXIST ? 0 : e;
}

static int
compile(struct snapshot *s, bool keep_broken, struct model_error *err)
{
	s->service_refs = calloc(s->nservice_tokens + 1, sizeof *s->service_refs);
	if (!s->service_refs)
		return E_NOMEM;
	for (size_t i = 0; i < s->nservice_tokens; i++)
		s->service_refs[i] = (struct policy_ref){s->service_tokens[i]->id, s->service_tokens[i]->name};
	struct policy_source src = {
	    .apps = (const struct app *const *)s->apps,
	    .napps = s->napps,
	    .groups = (const struct group *const *)s->groups,
	    .ngroups = s->ngroups,
	    .idps = (const struct idp *const *)s->idps,
	    .nidps = s->nidps,
	    .lists = (const struct access_list *const *)s->lists,
	    .nlists = s->nlists,
	    .policies = (const struct policy *const *)s->policies,
	    .npolicies = s->npolicies,
	    .service_tokens = s->service_refs,
	    .nservice_tokens = s->nservice_tokens,
	    .keep_broken = keep_broken,
	};
	int e = policy_set_compile(&src, &s->set, err);

	if (e == 0)
		e = policies_resolve(s);
	if (e < 0)
		return e;
	if (!(s->views = calloc(s->napps + 1, sizeof *s->views)))
		return E_NOMEM;
	for (size_t i = 0; i < s->napps; i++) {
		const struct app *a = s->apps[i];
		s->views[i] = (struct app_view){a, policy_set_at(s->set, i), NULL, s->app_versions[i]};
		if (a->tunnel)
			s->views[i].tunnel = snapshot_tunnel(s, a->tunnel);
		for (size_t k = 0; !a->tunnel && !s->views[i].tunnel && k < a->nsites; k++)
			s->views[i].tunnel = tunnel_of_host(s, a->sites[k].host);
		if (a->tunnel && !s->views[i].tunnel && !keep_broken) {
			char at[64];
			snprintf(at, sizeof at, "/apps/%zu/tunnel", i);
			return no_tunnel(s, at, a->tunnel, err);
		}
	}
	return 0;
}

static int
load_apps(struct judge *j, bool keep_broken, struct snapshot *s, struct model_error *err)
{
	struct loader l = {.old = j->snap,
	                   .apps = true,
	                   .read = read_app,
	                   .drop = drop_app,
	                   .kind = "app",
	                   .keep_broken = keep_broken,
	                   .err = err};
	int e = load(j, &l, &s->apps, &s->app_versions, &s->napps);

	s->held = l.held;
	return e;
}

int
snapshot_build(struct judge *j, bool keep_broken, struct snapshot **ret_s, struct model_error *err)
{
	int e;
	struct snapshot *s = calloc(1, sizeof *s);

	if (!s)
		return E_NOMEM;
	s->refs = 1;
#define LOAD(X, member, kindname)                                                                                  \
	do {                                                                                                       \
		struct loader l = {                                                                                \
		    .read = read_##X, .drop = drop_##X, .kind = kindname, .keep_broken = keep_broken, .err = err}; \
		if ((e = load(j, &l, &s->member, &s->X##_versions, &s->n##member)) < 0)                            \
			goto out;                                                                                  \
	} while (0)
	if ((e = load_apps(j, keep_broken, s, err)) < 0)
		goto out;
	LOAD(group, groups, "group");
	LOAD(access_list, lists, "list");
	LOAD(policy, policies, "policy");
	LOAD(policy_test, tests, "policy_test");
	LOAD(idp, idps, "idp");
	LOAD(tunnel, tunnels, "tunnel");
	LOAD(route, routes, "route");
	LOAD(admin, admins, "admin");
	LOAD(service_token, service_tokens, "service_token");
	LOAD(organization, organizations, "organization");
	LOAD(client_ca, client_cas, "certificate");
#undef LOAD
	if ((e = compile(s, keep_broken, err)) < 0)
		goto out;
	*ret_s = s;
	return 0;
out:
	snapshot_drop(s);
	return e;
}

struct snapshot *
snapshot_hold(struct snapshot *s)
{
	if (s)
		s->refs++;
	return s;
}

void
snapshot_drop(struct snapshot *s)
{
	if (!s || --s->refs)
		return;
	policy_set_free(s->set);
#define FREE(X, member)                                   \
	do {                                              \
		for (size_t i = 0; i < s->n##member; i++) \
			X##_free(s->member[i]);           \
		free(s->member);                          \
		free(s->X##_versions);                    \
	} while (0)
	for (size_t i = 0; i < s->napps; i++)
		held_drop(s->held[i]);
	free(s->apps);
	free(s->held);
	free(s->app_versions);
	FREE(group, groups);
	FREE(access_list, lists);
	FREE(policy, policies);
	FREE(policy_test, tests);
	FREE(idp, idps);
	FREE(tunnel, tunnels);
	FREE(route, routes);
	FREE(admin, admins);
	FREE(service_token, service_tokens);
	FREE(organization, organizations);
	FREE(client_ca, client_cas);
#undef FREE
	free(s->service_refs);
	free(s->views);
	free(s);
}

/* Names of applications enter the edge's own certificate, so a change of them asks for a new leaf. */
static bool
names_differ(const struct snapshot *a, const struct snapshot *b)
{
	if (!a || a->napps != b->napps)
		return true;
	for (size_t i = 0; i < b->napps; i++) {
		const struct app *was = a->apps[i], *now = b->apps[i];
		if (was->nsites != now->nsites)
			return true;
		for (size_t k = 0; k < now->nsites; k++)
			if (strcmp(was->sites[k].host, now->sites[k].host))
				return true;
	}
	return false;
}

void
snapshot_swap(struct judge *j, struct snapshot *s)
{
	struct snapshot *old = j->snap;
	bool names = names_differ(old, s);

	s->epoch = ++j->epoch;
	j->snap = s;
	tunnels_push_changed(j, old, s);
	if (client_cas_differ(old, s))
		client_cas_push(j);
	if (old)
		tickets_judge_again(j);
	if (names && old) {
		struct fj_names_changed m = {0};
		for (unsigned i = 0; i < JUDGE_FRONTS_MAX; i++)
			if (j->front[i].ipc)
				ipc_send(j->front[i].ipc, &fj_names_changed_def, &m);
	}
	snapshot_drop(old);
}

static const struct app_view *
view_of(const struct snapshot *s, const struct policy_app *p)
{
	return p ? &s->views[policy_app_index(p)] : NULL;
}

int
snapshot_app_find(const struct snapshot *s, const char *host, const char *path, const struct app_view **ret_a)
{
	const struct policy_app *p = NULL;
	int e = policy_set_find(s->set, host, path, &p);

	if (e == 0)
		*ret_a = view_of(s, p);
	return e;
}

const struct app_view *
snapshot_app_by_host(const struct snapshot *s, const char *host, const char *path)
{
	const struct app_view *a = NULL;

	return snapshot_app_find(s, host, path, &a) == 0 ? a : NULL;
}

const struct app_view *
snapshot_app_of_host(const struct snapshot *s, const char *host, const char *aud)
{
	const struct policy_app *p;

	if (!aud || !*aud)
		return view_of(s, policy_set_any_by_host(s->set, host));
	p = policy_set_by_aud(s->set, aud);
	return p && policy_app_has_host(p, host) ? view_of(s, p) : NULL;
}

const struct app_view *
snapshot_app_by_id(const struct snapshot *s, const char *id)
{
	return view_of(s, policy_set_by_id(s->set, id));
}

const struct app_view *
snapshot_app_by_aud(const struct snapshot *s, const char *aud)
{
	return view_of(s, policy_set_by_aud(s->set, aud));
}

/* "host/path" in two; no path is "/". */
static bool
ref_split(const char *ref, char host[static 254], const char **ret_path)
{
	size_t n = strcspn(ref, "/");

	*ret_path = ref[n] ? ref + n : "/";
	return str_copy_n(host, 254, ref, n) == 0;
}

const struct app_view *
snapshot_app_by_ref(const struct snapshot *s, const char *ref)
{
	const struct policy_app *p = policy_set_by_id(s->set, ref);
	const char *path;
	char host[254];

	if (!p && ref_split(ref, host, &path))
		policy_set_find(s->set, host, path, &p);
	if (!p)
		p = policy_set_by_name(s->set, ref);
	for (size_t i = 0; !p && i < s->napps; i++) /* a domain as it is written, stars and all */
		if (!strcmp(s->apps[i]->domain, ref))
			p = policy_set_at(s->set, i);
	return view_of(s, p);
}

const struct idp *
snapshot_idp(const struct snapshot *s, const char *ref)
{
	for (size_t i = 0; i < s->nidps; i++)
		if (s->idps[i]->id && !strcmp(s->idps[i]->id, ref))
			return s->idps[i];
	for (size_t i = 0; i < s->nidps; i++)
		if (!strcmp(s->idps[i]->name, ref))
			return s->idps[i];
	return NULL;
}

const struct service_token *
snapshot_service_token(const struct snapshot *s, const char *ref)
{
	for (size_t i = 0; i < s->nservice_tokens; i++)
		if (!strcmp(s->service_tokens[i]->id, ref) || !strcmp(s->service_tokens[i]->client_id, ref))
			return s->service_tokens[i];
	for (size_t i = 0; i < s->nservice_tokens; i++)
		if (!strcmp(s->service_tokens[i]->name, ref))
			return s->service_tokens[i];
	return NULL;
}

const struct tunnel *
snapshot_tunnel(const struct snapshot *s, const char *ref)
{
	for (size_t i = 0; i < s->ntunnels; i++)
		if (!s->tunnels[i]->deleted_at && !strcmp(s->tunnels[i]->id, ref))
			return s->tunnels[i];
	for (size_t i = 0; i < s->ntunnels; i++)
		if (!s->tunnels[i]->deleted_at && !strcmp(s->tunnels[i]->name, ref))
			return s->tunnels[i];
	return NULL;
}

static struct policy_input
input_of(const struct asker *who)
{
	struct policy_input in = {
	    .ip = who->ip,
	    .country = who->country,
	    .service_token = who->service_token,
	    .cert_ca = who->cert_ca,
	    .common_name = who->common_name,
	    .external = who->external,
	    .nexternal = who->nexternal,
	    .external_no = who->external_no,
	    .nexternal_no = who->nexternal_no,
	    .app_uid_of_linked_token = who->app_uid_of_linked_token,
	};
	const struct session *s = who->session;

	if (s) {
		in.have_identity = true;
		in.email = s->email;
		in.idp_id = s->idp;
		in.idp_type = s->idp_type;
		in.amr = (const char *const *)s->amr.v;
		in.namr = s->amr.n;
		in.groups = (const char *const *)s->groups.v;
		in.ngroups = s->groups.n;
		in.claims = s->claims;
		in.groups_unknown = s->groups_unknown;
	}
	return in;
}

/* What outside judges said about this session and application. */
struct heard {
	const char *yes[POLICY_EXTERNAL_MAX], *no[POLICY_EXTERNAL_MAX];
};

static size_t
heard_of(const struct texts *t, const char *app, const char *v[POLICY_EXTERNAL_MAX])
{
	size_t napp = strlen(app), n = 0;

	for (size_t i = 0; i < t->n && n < POLICY_EXTERNAL_MAX; i++)
		if (strncmp(t->v[i], app, napp) == 0 && t->v[i][napp] == ' ')
			v[n++] = t->v[i] + napp + 1;
	return n;
}

static void
hear(const struct session *s, const struct app_view *a, struct heard *h, struct policy_input *in)
{
	if (!s || in->external || in->external_no || !a->app->id)
		return;
	in->external = h->yes;
	in->nexternal = heard_of(&s->said_yes, a->app->id, h->yes);
	in->external_no = h->no;
	in->nexternal_no = heard_of(&s->said_no, a->app->id, h->no);
}

/* Does one of the application's names ask its clients for a certificate? */
static bool
asks_for_cert(const struct snapshot *s, const struct app_view *a)
{
	for (size_t i = 0; i < s->nclient_cas; i++)
		for (size_t k = 0; k < a->app->nsites; k++)
			if (texts_has(&s->client_cas[i]->associated_hostnames, a->app->sites[k].host))
				return true;
	return false;
}

void
policy_print(const struct policy *p, char out[static 65])
{
	static const char *const aside[] = {"precedence", "created_at", "updated_at"};
	json_t *o = policy_to_json(p, MODEL_STORE);

	for (size_t i = 0; i < sizeof aside / sizeof *aside; i++)
		json_object_del(o, aside[i]);
	char *text = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	out[0] = '\0';
	if (text)
		sha256_hex(text, strlen(text), out);
	free(text);
	json_decref(o);
}

/* The policy lets them in but for an approval: the session may have one. */
static void
approval_judge(const struct snapshot *s, const struct app_view *a, const struct asker *who, struct policy_verdict *v)
{
	const struct policy *p = v->code == SP_APPROVAL ? snapshot_policy(s, a, v) : NULL;
	char print[65];

	if (!p)
		return;
	policy_print(p, print);
	int64_t until = who->session ? session_approved_until(who->session, a->app->id, print) : 0;
	if (!who->unapproved && judge_now() >= until)
		return;
	v->outcome = POLICY_ALLOWED;
	v->code = SP_OK;
	v->approved_until = who->unapproved ? 0 : until;
}

void
snapshot_verdict(const struct snapshot *s, const struct app_view *a, const struct asker *who,
                 struct policy_verdict *ret_v)
{
	struct policy_input in = input_of(who);
	struct heard h;

	in.cert_unknown = who->elsewhere && asks_for_cert(s, a);
	in.could = who->could;
	hear(who->session, a, &h, &in);
	policy_eval(s->set, a->policy, &in, ret_v, NULL);
	approval_judge(s, a, who, ret_v);
}

void
snapshot_verdict_pre(const struct snapshot *s, const struct app_view *a, const struct asker *who,
                     struct policy_verdict *ret_v)
{
	struct policy_input in = input_of(who);

	in.cert_unknown = who->elsewhere && asks_for_cert(s, a);
	policy_eval_pre(s->set, a->policy, &in, ret_v, NULL);
}

const struct policy *
snapshot_policy(const struct snapshot *s, const struct app_view *a, const struct policy_verdict *v)
{
	(void)s;
	if (v->policy < 0 || (size_t)v->policy >= a->app->npolicies)
		return NULL;
	return policy_real(a->app->policies[v->policy]);
}
