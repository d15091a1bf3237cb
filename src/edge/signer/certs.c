/* certs: certificate authorities, one an application, and the signing of short-lived user certificates. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/build.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "ssh/sshwire.h"

#define SERIAL_TRIES 16
#define CA_COMMENT_MAX 128

struct ca {
	char aud[65], kind[17], comment[CA_COMMENT_MAX + 1], id[37];
	int64_t created;
	struct key *key;
};

static void
ca_free(void *v)
{
	struct ca *a = v;

	if (a)
		key_free(a->key);
	free(a);
}

/* id | kind | comment | created | PKCS#8 */
static int
ca_decode(const char *aud, struct slice rec, struct ca **ret_a)
{
	struct ca *a = calloc(1, sizeof *a);
	uint64_t created;
	struct slice der;
	struct buf b;
	int e = E_FORMAT;

	if (!a)
		return E_NOMEM;
	buf_view(&b, rec.p, rec.n);
	if (sshwire_get_cstr(&b, a->id, sizeof a->id) < 0 || sshwire_get_cstr(&b, a->kind, sizeof a->kind) < 0 ||
	    sshwire_get_cstr(&b, a->comment, sizeof a->comment) < 0 || buf_get_u64(&b, &created) < 0 ||
	    sshwire_get_string(&b, SECRET_MAX, &der) < 0 || buf_len(&b) != 0 ||
	    str_copy(a->aud, sizeof a->aud, aud) < 0 || (e = key_import_private(der, &a->key)) < 0) {
		ca_free(a);
		return e;
	}
	a->created = (int64_t)created;
	*ret_a = a;
	return 0;
}

static int
ca_encode(const struct ca *a, struct buf *out)
{
	struct secret der = {0};
	int e = key_export_private(a->key, &der);

	if (e == 0 && (e = sshwire_put_cstr(out, a->id)) == 0 && (e = sshwire_put_cstr(out, a->kind)) == 0 &&
	    (e = sshwire_put_cstr(out, a->comment)) == 0 && (e = buf_put_u64(out, (uint64_t)a->created)) == 0)
		e = sshwire_put_slice(out, secret_slice(&der));
	secret_release(&der);
	return e;
}

int
certs_load(struct signer *s, struct reason *r)
{
	struct map_iter it = {0};
	struct slice rec;

	s->cas.drop = ca_free;
	while (keystore_next(&s->ks, KS_CA, &it, &rec)) {
		struct ca *a = NULL;
		int e = ca_decode(it.key, rec, &a);
		if (e == 0)
			e = map_put(&s->cas, it.key, a);
		if (e < 0) {
			return reason_set(r, e, SP_CONFIG,
			                  "keys/store: the CA of %s cannot be used; restore keys/ from a backup",
			                  it.key);
		}
	}
	return 0;
}

static void
remember(struct recent *t, const char *key, const char *val)
{
	char *v = str_dup(val);

	if (v)
		recent_put(t, key, v);
}

void
certs_seen(struct signer *s, const json_t *line)
{
	if (strcmp(json_str_or(line, "ev", ""), "cert") != 0)
		return;
	s->ncerts++;
	remember(&s->serials, json_str_or(line, "serial", ""), "");
	remember(&s->user_keys, json_str_or(line, "key", ""), json_str_or(line, "sub", ""));
}

/* --- authorities -------------------------------------------------------------------------------------------------- */

static int
ca_answer(const struct ca *a, struct js_ca_is *ans, struct buf *line)
{
	struct sshkey k = {0};
	int e = sshkey_from_key(a->key, a->comment, &k);

	if (e == 0)
		e = sshkey_format_line(&k, line);
	sshkey_release(&k);
	ans->id = a->id;
	ans->public_key = e == 0 ? buf_cstr(line) : "";
	ans->created = a->created;
	return e;
}

static int
ca_create(struct signer *s, const struct js_ca_create *m, struct ca **ret_a, struct reason *r)
{
	struct ca *a = NULL;
	struct buf rec;
	int e;

	buf_init_secret(&rec, SECRET_MAX + 1024);
	if (!aud_ok(m->aud)) {
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "aud is not 64 hex digits");
		goto out;
	}
	if (strcmp(m->kind, "ed25519") != 0 && strcmp(m->kind, "ecdsa-p256") != 0 && strcmp(m->kind, "rsa-3072") != 0) {
		e = reason_set(r, E_NOENT, SP_BAD_REQUEST, "a CA key is ed25519, ecdsa-p256 or rsa-3072");
		goto out;
	}
	a = calloc(1, sizeof *a);
	if (!a || (e = key_generate_named(m->kind, &a->key)) < 0) {
		e = reason_set(r, a ? e : E_NOMEM, SP_INTERNAL, "the CA key could not be made");
		goto out;
	}
	str_copy(a->aud, sizeof a->aud, m->aud);
	str_copy(a->kind, sizeof a->kind, m->kind);
	if (str_copy(a->comment, sizeof a->comment, m->comment) < 0 || strpbrk(m->comment, "\r\n"))
		a->comment[0] = 0;
	account_new_sub(a->id);
	a->created = signer_now();
	if ((e = ca_encode(a, &rec)) < 0 || (e = keystore_put(&s->ks, KS_CA, a->aud, buf_slice(&rec))) < 0)
		goto out;
	if ((e = signer_note(s, r, "ca_create", "name", a->aud, "kind", a->kind, NULL)) < 0 ||
	    (e = map_put(&s->cas, a->aud, a)) < 0)
		goto out;
	*ret_a = a;
	a = NULL;
out:
	ca_free(a);
	buf_release(&rec);
	return e < 0 && !r->code ? reason_set(r, e, SP_INTERNAL, "CA: %s", err_str(e)) : e;
}

static void
ca_reply(struct signer *s, uint32_t id, int e, const struct ca *a, struct reason *r)
{
	struct js_ca_is ans = {0};
	struct buf line;

	buf_init(&line, 4096);
	if (e == 0 && (e = ca_answer(a, &ans, &line)) < 0)
		ans = (struct js_ca_is){0};
	signer_result(e, r, &ans.code, &ans.why);
	signer_reply(s, s->judge_gen, id, &js_ca_is_def, &ans);
	buf_release(&line);
}

void
on_js_ca_create(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_ca_create *m = mv;
	struct signer *s = arg;
	struct reason r = {0};
	struct ca *a = map_get(&s->cas, m->aud);
	int e = a ? 0 : ca_create(s, m, &a, &r);

	signer_log("ca_create", &r, e, "aud", m->aud);
	ca_reply(s, id, e, a, &r);
}

void
on_js_ca_get(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_ca_get *m = mv;
	struct signer *s = arg;
	struct reason r = {0};
	struct ca *a = map_get(&s->cas, m->aud);
	int e = a ? 0 : reason_set(&r, E_NOENT, SP_NO_CA, "application %s has no CA", m->aud);

	ca_reply(s, id, e, a, &r);
}

void
on_js_ca_delete(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_ca_delete *m = mv;
	struct admin_delete d = {.token = m->admin_token,
	                         .scope = "access:write",
	                         .event = "ca_delete",
	                         .name = m->aud,
	                         .kind = KS_CA,
	                         .key = m->aud,
	                         .absent = SP_NO_CA};
	struct signer *s = arg;
	struct reason r = {0};
	int e = evidence_delete(s, &d, &r);

	if (e == 0)
		map_del(&s->cas, m->aud);
	signer_done(s, id, "ca_delete", "aud", m->aud, e, &r);
}

/* --- certificates --------------------------------------------------------------------------------------------------
 */

struct order {
	const struct js_cert_sign *m;
	struct token who;
	const char *owner, *name_of; /* the identity, and what people call it: UUID and e-mail, or client id twice */
	struct ca *ca;
	struct principal_plan name;
	struct ca_plan plan;
	bool planned;
	struct buf line, stream; /* stream: token, of an edge session */
};

/* edge number, then 56 random bits that were not given before. */
static int
serial_new(struct signer *s, uint64_t *ret_serial)
{
	char hex[17];

	for (int i = 0; i < SERIAL_TRIES; i++) {
		uint64_t v = (uint64_t)s->edge_no << 56 | (random_u64() >> 8);
		snprintf(hex, sizeof hex, "%016" PRIx64, v);
		if ((v << 8) == 0 || recent_get(&s->serials, hex))
			continue;
		*ret_serial = v;
		return 0;
	}
	return E_STATE;
}

/* The key of one identity is never certified for another. */
static int
key_owner_check(struct signer *s, const struct order *o, struct reason *r)
{
	const char *seen = recent_get(&s->user_keys, o->plan.fingerprint);
	char cnf[44];

	if (*o->m->edge_session) { /* docs/decisions/2026-11-23-edge-sessions.md */
		if (o->who.type == TOKEN_SERVICE)
			return reason_set(r, E_DENIED, SP_KEY_MISMATCH, "sessions of the edge are for people");
		return seen ? reason_set(r, E_DENIED, SP_KEY_MISMATCH, "key %s was used before", o->plan.fingerprint)
		            : 0;
	}
	/* A token that names no key is a browser's: origins see it (cf-access-jwt-assertion), so it buys no
	 * certificate. */
	if (!o->who.cnf[0])
		return reason_set(r, E_DENIED, SP_KEY_MISMATCH,
		                  "the login was made for no key; sign in with the client");
	sshkey_cnf(sshkey_blob(&o->plan.subject), cnf);
	if (strcmp(o->who.cnf, cnf) != 0)
		return reason_set(r, E_DENIED, SP_KEY_MISMATCH, "the login was made for another key than %s",
		                  o->plan.fingerprint);
	if (seen && strcmp(seen, o->owner) != 0)
		return reason_set(r, E_DENIED, SP_KEY_MISMATCH, "key %s was used by another identity",
		                  o->plan.fingerprint);
	return 0;
}

static int
cert_rates(struct signer *s, const struct order *o, struct reason *r)
{
	int64_t now = clock_mono_ms();

	if (!rate_take(&s->cert_person, o->owner, now))
		return reason_set(r, E_AGAIN, SP_CERT_RATE, "too many certificates for %s", o->name_of);
	if (!rate_take(&s->cert_ca, o->ca->aud, now) || !rate_take(&s->cert_all, "", now)) {
		log_error("cert_rate", "ca", o->ca->aud, NULL);
		return reason_set(r, E_AGAIN, SP_CERT_RATE, "too many certificates at once");
	}
	return 0;
}

/* A person by an app token of a provider that still stands, or a service token by one of its own. */
static int
order_who(struct signer *s, struct order *o, struct reason *r)
{
	const struct js_cert_sign *m = o->m;
	int e;

	if (token_claims_service(m->app_token)) {
		if ((e = evidence_service(s, m->app_token, m->aud, &o->who, r)) == 0)
			o->owner = o->name_of = o->who.common_name;
		return e;
	}
	if ((e = evidence_app(s, m->app_token, m->aud, &o->who, r)) < 0)
		return e;
	o->owner = o->who.sub;
	o->name_of = o->who.email;
	if (!provider_by_issuer(s, o->who.idp_iss))
		return reason_set(r, E_DENIED, SP_REVOKED, "provider %s of this login was removed", o->who.idp_iss);
	return 0;
}

static bool
edge_session_ok(const char *id)
{
	return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

/* Everything is decided here; nothing is changed. */
static int
order_check(struct signer *s, struct order *o, struct reason *r)
{
	const struct js_cert_sign *m = o->m;
	int64_t now = signer_now();
	struct ca_request q = {.public_key = m->public_key,
	                       .now = now,
	                       .backdate = m->ttl / 4 < SIGNER_BACKDATE ? m->ttl / 4 : SIGNER_BACKDATE,
	                       .ttl = m->ttl,
	                       .extensions = m->extensions.v,
	                       .nextensions = m->extensions.n,
	                       .source_address = m->source_address.v,
	                       .nsource_address = m->source_address.n};
	int e;

	if (*m->edge_session && !edge_session_ok(m->edge_session))
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "edge_session is not 32 hex digits");
	if ((e = signer_clock_check(s, now, r)) < 0 || (e = order_who(s, o, r)) < 0)
		return e;
	if (!(o->ca = map_get(&s->cas, m->aud)))
		return reason_set(r, E_NOENT, SP_NO_CA, "application %s has no CA", m->aud);
	if ((e = principal_plan(s, &o->who, m->principal, &o->name, r)) < 0)
		return e;
	if ((e = serial_new(s, &q.serial)) < 0)
		return reason_set(r, e, SP_INTERNAL, "no fresh serial number was found");
	random_bytes(q.nonce, sizeof q.nonce);
	q.principal = o->name.name;
	q.reserved_ok = o->name.bound;
	q.email = o->name_of;
	q.session = o->who.type == TOKEN_SERVICE ? o->who.jti : *m->edge_session ? m->edge_session : o->who.session;
	if ((e = ca_plan(&q, &o->plan, r)) < 0)
		return e;
	o->planned = true;
	if ((e = key_owner_check(s, o, r)) < 0)
		return e;
	return cert_rates(s, o, r);
}

static int
order_journal(struct signer *s, const struct order *o, struct reason *r)
{
	const struct ca_plan *p = &o->plan;
	struct journal *j = &s->jn;
	char serial[17];

	snprintf(serial, sizeof serial, "%016" PRIx64, p->serial);
	journal_begin(j, signer_now(), s->ks.seq, "cert");
	journal_str(j, "ca", o->ca->aud);
	journal_str(j, "serial", serial);
	journal_str(j, "key_id", p->key_id);
	journal_str(j, "principal", p->principal);
	journal_str(j, "key", p->fingerprint);
	journal_bool(j, "cnf", !*o->m->edge_session);
	if (*o->m->edge_session) {
		journal_str(j, "for", "edge session");
		journal_str(j, "edge_session", o->m->edge_session);
		journal_str(j, "session", o->who.session);
	}
	journal_num(j, "after", p->valid_after);
	journal_num(j, "before", p->valid_before);
	journal_str(j, "source", p->source_address);
	journal_str(j, "sub", o->owner);
	journal_str(j, "iss", o->who.type == TOKEN_SERVICE ? SERVICE_ISS : o->who.idp_iss);
	journal_str(j, "subject", o->who.type == TOKEN_SERVICE ? o->who.common_name : o->who.idp_sub);
	if (journal_end(j) < 0)
		return reason_set(r, E_LIMIT, SP_BUSY, "the journal is full");
	remember(&s->serials, serial, "");
	remember(&s->user_keys, p->fingerprint, o->owner);
	s->ncerts++;
	return 0;
}

/* A connector sees the token of each stream. The browser's own would open a terminal in its hands; this one names the
   session's key, and the terminal's door takes none that names a key. */
static int
stream_token(struct signer *s, struct order *o, struct reason *r)
{
	struct token t = o->who;
	char cnf[44];

	sshkey_cnf(sshkey_blob(&o->plan.subject), cnf);
	t.json = NULL;
	t.cnf = cnf;
	t.iat = t.nbf = signer_now();
	return tokens_mint(s, &t, &o->stream, r);
}

static int
order_run(struct signer *s, struct order *o, struct reason *r)
{
	int e;

	if ((e = order_check(s, o, r)) < 0 || (e = principal_commit(s, &o->name, &o->who, r)) < 0 ||
	    (e = order_journal(s, o, r)) < 0)
		return e;
	if ((e = ca_finish(&o->plan, o->ca->key, &o->line, r)) < 0 || !*o->m->edge_session)
		return e;
	return stream_token(s, o, r);
}

void
on_js_cert_sign(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct order o = {.m = m};
	struct js_cert_is a = {0};
	struct signer *s = arg;
	struct reason r = {0};

	buf_init(&o.line, SSHCERT_LINE_MAX);
	buf_init_secret(&o.stream, JS_TOKEN_MAX + 1);
	int e = order_run(s, &o, &r);
	signer_result(e, &r, &a.code, &a.why);
	if (e == 0) {
		a.certificate = buf_cstr(&o.line);
		a.stream_token = *o.m->edge_session ? buf_cstr(&o.stream) : "";
		a.principal = o.plan.principal;
		a.key_id = o.plan.key_id;
		a.fingerprint = o.plan.fingerprint;
		a.serial = o.plan.serial;
		a.valid_after = o.plan.valid_after;
		a.valid_before = o.plan.valid_before;
	}
	signer_log("cert_sign", &r, e, "email", o.name_of ? o.name_of : "");
	signer_reply(s, s->judge_gen, id, &js_cert_is_def, &a);
	if (o.planned)
		ca_plan_release(&o.plan);
	principal_plan_release(&o.name);
	token_release(&o.who);
	buf_release(&o.line);
	buf_release(&o.stream);
}

void
on_js_ping(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct signer *s = arg;
	struct js_pong a = {.cas = (uint32_t)map_len(&s->cas),
	                    .accounts = (uint32_t)keystore_count(&s->ks, KS_ACCOUNT),
	                    .certificates = s->ncerts};

	signer_reply(s, s->judge_gen, id, &js_pong_def, &a);
}
