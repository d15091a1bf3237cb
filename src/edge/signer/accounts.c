/* accounts: e-mail, password and TOTP of local providers. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "identity/email.h"
#include "identity/pkce.h"
#include "ssh/sshwire.h"

#define GROUP_MAX 256
/* What an unknown e-mail is verified against: it costs what a known one costs, and no password matches it. */
#define DUMMY_HASH "$argon2id$v=19$m=65536,t=2,p=1$c2FsbHlwb3J0ZHVtbXkwMA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define LOGIN_FAILED_TEXT "e-mail, password or code is wrong"

static void
account_key(const char *idp, const char *email, char out[static 320])
{
	size_t n = strlen(idp);

	memcpy(out, idp, n);
	out[n] = ' ';
	str_copy(out + n + 1, 320 - n - 1, email);
}

void
account_new_sub(char out[static 37])
{
	uint8_t u[16];

	random_bytes(u, sizeof u);
	uuid_v4_bits(u);
	uuid_format(u, out);
}

void
account_release(struct account *a)
{
	if (a->store)
		free(a->store);
	mem_wipe(a, sizeof *a);
}

int
account_get(struct signer *s, const char *idp, const char *email, struct account *ret_a)
{
	char key[320];
	struct slice rec;
	struct buf b;
	uint32_t n;
	size_t at = 0;

	account_key(idp, email, key);
	if (!keystore_get(&s->ks, KS_ACCOUNT, key, &rec))
		return E_NOENT;
	struct account a = {0};
	buf_view(&b, rec.p, rec.n);
	if (sshwire_get_cstr(&b, a.sub, sizeof a.sub) < 0 || sshwire_get_cstr(&b, a.hash, sizeof a.hash) < 0 ||
	    sshwire_get_cstr(&b, a.totp, sizeof a.totp) < 0 || buf_get_u64(&b, &a.totp_step) < 0 ||
	    buf_get_u32(&b, &n) < 0 || n > SIGNER_GROUPS_MAX)
		return E_FORMAT;
	a.store = calloc(1, buf_len(&b) + 1);
	if (!a.store)
		return E_NOMEM;
	for (; a.ngroups < n; a.ngroups++) {
		a.groups[a.ngroups] = a.store + at;
		if (sshwire_get_cstr(&b, a.store + at, GROUP_MAX + 1) < 0) {
			account_release(&a);
			return E_FORMAT;
		}
		at += strlen(a.store + at) + 1;
	}
	*ret_a = a;
	return 0;
}

int
account_save(struct signer *s, const char *idp, const char *email, const struct account *a)
{
	char key[320];
	struct buf b;
	int e;

	account_key(idp, email, key);
	buf_init_secret(&b, KS_VALUE_MAX);
	if ((e = sshwire_put_cstr(&b, a->sub)) < 0 || (e = sshwire_put_cstr(&b, a->hash)) < 0 ||
	    (e = sshwire_put_cstr(&b, a->totp)) < 0 || (e = buf_put_u64(&b, a->totp_step)) < 0 ||
	    (e = buf_put_u32(&b, (uint32_t)a->ngroups)) < 0)
		goto out;
	for (size_t i = 0; e == 0 && i < a->ngroups; i++)
		e = sshwire_put_cstr(&b, a->groups[i]);
	if (e == 0)
		e = keystore_put(&s->ks, KS_ACCOUNT, key, buf_slice(&b));
out:
	buf_release(&b);
	return e;
}

/* --- sign-in -------------------------------------------------------------------------------------------------------
 */

struct login {
	struct signer *s;
	uint32_t gen, id;
	char idp[37], email[EMAIL_MAX + 1], code[17], session[65], ip[65];
	size_t ncode;
	int64_t ttl;
	bool known;
};

static int
login_code_check(struct login *l, struct account *a, bool *need_code, struct reason *r)
{
	struct buf secret;
	uint64_t step = 0;
	int e;

	if (!a->totp[0])
		return 0;
	if (l->ncode == 0) {
		*need_code = true;
		return reason_set(r, E_DENIED, SP_LOGIN_FAILED, "password right, code missing");
	}
	buf_init_secret(&secret, 128);
	e = base32_decode(&secret, a->totp, strlen(a->totp));
	if (e == 0)
		e = totp_verify(buf_slice(&secret), l->code, l->ncode, signer_now(), a->totp_step, &step);
	buf_release(&secret);
	if (e < 0)
		return reason_set(r, E_DENIED, SP_LOGIN_FAILED, "code is wrong or was used already");
	a->totp_step = step; /* on disk before the answer: a code is good once */
	e = account_save(l->s, l->idp, l->email, a);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "keystore: %s", err_str(e)) : 0;
}

static int
login_mint(struct login *l, const struct account *a, struct js_login_done *ans, char sub[static 37], struct buf *out,
           struct reason *r)
{
	static const char *pwd[] = {"pwd"}, *mfa[] = {"pwd", "otp", "mfa"};
	const struct provider *p = provider_get(l->s, l->idp);
	int64_t now = signer_now();

	if (!p)
		return reason_set(r, E_NOENT, SP_LOGIN_FAILED, "the provider is gone");
	identity_uuid(p->issuer, a->sub, sub);
	struct token t = {.type = TOKEN_ORG,
	                  .iss = l->s->issuer,
	                  .aud = l->s->issuer,
	                  .sub = sub,
	                  .email = l->email,
	                  .idp_id = p->id,
	                  .idp_type = p->type,
	                  .idp_iss = p->issuer,
	                  .idp_sub = a->sub,
	                  .session = l->session,
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + l->ttl};
	ans->amr = a->totp[0] ? (struct strs){mfa, 3} : (struct strs){pwd, 1};
	for (size_t i = 0; i < ans->amr.n; i++)
		t.amr.v[t.amr.n++] = ans->amr.v[i];
	for (size_t i = 0; i < a->ngroups; i++)
		t.groups.v[t.groups.n++] = a->groups[i];
	ans->sub = sub;
	ans->iss = p->issuer;
	ans->subject = a->sub;
	ans->email = l->email;
	ans->groups = (struct strs){(const char **)(uintptr_t)a->groups, a->ngroups};
	return tokens_mint(l->s, &t, out, r);
}

static int
login_decide(struct login *l, const struct worker_job *j, struct account *a, bool *need_code, struct reason *r)
{
	int e = l->known ? account_get(l->s, l->idp, l->email, a) : E_NOENT;

	if (e < 0 || j->result != 0 || strcmp(a->hash, j->hash) != 0) /* also when it was changed meanwhile */
		return reason_set(r, E_DENIED, SP_LOGIN_FAILED, e < 0 ? "no such account" : "password is wrong");
	return login_code_check(l, a, need_code, r);
}

static void
login_done(struct worker_job *j)
{
	struct login *l = j->arg;
	struct signer *s = l->s;
	struct js_login_done ans = {0};
	struct account a = {0};
	struct reason r = {0};
	struct buf org;
	char sub[37];
	bool need = false;

	buf_init_secret(&org, JS_TOKEN_MAX + 1);
	int e = login_decide(l, j, &a, &need, &r);
	if (e == 0 || need) {
		rate_give(&s->login_account, l->email);
		rate_give(&s->login_ip, l->ip);
	}
	if (e == 0)
		e = login_mint(l, &a, &ans, sub, &org, &r);
	log_line(e < 0 ? LOG_WARN : LOG_INFO, "login_local", "email", l->email, "ip", l->ip, "session", l->session,
	         "why", e < 0 ? r.text : "", NULL);
	if (e < 0)
		ans = (struct js_login_done){0};
	signer_result(e, &r, &ans.code, &ans.why);
	if (e == E_DENIED && !need)
		ans.why = LOGIN_FAILED_TEXT; /* judge learns no more than its user */
	ans.need_code = need;
	ans.org_token = e == 0 ? buf_cstr(&org) : "";
	signer_reply(s, l->gen, l->id, &js_login_done_def, &ans);
	account_release(&a);
	buf_release(&org);
	mem_wipe(l, sizeof *l);
	worker_job_free(j);
}

static int
login_start(struct signer *s, uint32_t id, const struct js_login_local *m, struct reason *r)
{
	struct worker_job *j = calloc(1, sizeof *j);
	struct login *l = calloc(1, sizeof *l);
	const struct provider *p = provider_get(s, m->idp);
	struct account a = {0};
	int e = 0;

	if (!j || !l) {
		e = reason_set(r, E_NOMEM, SP_INTERNAL, "out of memory");
		goto out;
	}
	if (!tokens_session_ok(m->session)) {
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "session is malformed");
		goto out;
	}
	if ((e = tokens_ttl_check(m->ttl, r)) < 0 || (e = signer_clock_check(s, signer_now(), r)) < 0)
		goto out;
	*l = (struct login){.s = s, .gen = s->judge_gen, .id = id, .ttl = m->ttl, .ncode = m->code.n};
	if (email_parse(m->email, strlen(m->email), l->email) < 0)
		str_copy(l->email, sizeof l->email, "?");
	memcpy(l->code, m->code.p ? (const void *)m->code.p : "", m->code.n);
	str_copy(l->idp, sizeof l->idp, m->idp);
	str_copy(l->session, sizeof l->session, m->session);
	str_copy(l->ip, sizeof l->ip, m->client_ip);
	int64_t now = clock_mono_ms();
	if (!rate_take(&s->login_ip, l->ip, now) || !rate_take(&s->login_account, l->email, now)) {
		e = reason_set(r, E_AGAIN, SP_LOGIN_RATE, "too many attempts for %s from %s", l->email, l->ip);
		goto out;
	}
	l->known = p && p->kind == PROVIDER_LOCAL && account_get(s, m->idp, l->email, &a) == 0 && a.hash[0];
	str_copy(j->hash, sizeof j->hash, l->known ? a.hash : DUMMY_HASH);
	j->done = login_done;
	j->arg = l;
	if ((e = secret_set(&j->password, m->password.p, m->password.n)) == 0 && (e = worker_add(&s->worker, j)) < 0)
		reason_set(r, e, SP_BUSY, "too many sign-ins at once");
	account_release(&a);
	if (e == 0)
		return 0;
out:
	free(l);
	if (j) {
		j->arg = NULL;
		worker_job_free(j);
	}
	return e;
}

void
on_js_login_local(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct js_login_done a = {0};
	struct signer *s = arg;
	struct reason r = {0};
	int e = login_start(s, id, m, &r);

	if (e == 0)
		return;
	signer_log("login_local", &r, e, "ip", ((const struct js_login_local *)m)->client_ip);
	signer_result(e, &r, &a.code, &a.why);
	signer_reply(s, s->judge_gen, id, &js_login_done_def, &a);
}

/* --- administration --------------------------------------------------------------------------------------------------
 */

struct put {
	struct signer *s;
	uint32_t gen, id;
	char idp[37], email[EMAIL_MAX + 1], actor[160];
	bool totp_change;
	char totp[129];
	char *groups; /* as account_save writes them: NUL-separated */
	size_t ngroups;
};

static void
put_free(struct put *p)
{
	if (!p)
		return;
	free(p->groups);
	mem_wipe(p, sizeof *p);
	free(p);
}

/* The record as it stands now plus what was asked; hash "" = unchanged. */
static int
put_apply(struct put *p, const char *hash, struct reason *r)
{
	struct account a = {0};
	const char *g = p->groups;
	int e = account_get(p->s, p->idp, p->email, &a);

	if (e == E_NOENT) {
		account_new_sub(a.sub);
		e = 0;
	}
	if (e < 0)
		goto out;
	if (hash[0])
		str_copy(a.hash, sizeof a.hash, hash);
	if (p->totp_change) {
		str_copy(a.totp, sizeof a.totp, p->totp);
		a.totp_step = 0;
	}
	for (a.ngroups = 0; a.ngroups < p->ngroups; g += strlen(g) + 1)
		a.groups[a.ngroups++] = g;
	if ((e = account_save(p->s, p->idp, p->email, &a)) < 0)
		goto out;
	journal_begin(&p->s->jn, signer_now(), p->s->ks.seq, "account_put");
	journal_str(&p->s->jn, "idp", p->idp);
	journal_str(&p->s->jn, "email", p->email);
	journal_str(&p->s->jn, "sub", a.sub);
	journal_bool(&p->s->jn, "password", hash[0] != 0);
	journal_bool(&p->s->jn, "totp", a.totp[0] != 0);
	journal_str(&p->s->jn, "by", p->actor);
	e = journal_end(&p->s->jn);
out:
	account_release(&a);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "account: %s", err_str(e)) : 0;
}

static void
put_finish(struct put *p, int e, const char *hash, struct reason *r)
{
	struct js_done a = {0};

	if (e == 0)
		e = put_apply(p, hash, r);
	signer_log("account_put", r, e, "email", p->email);
	signer_result(e, r, &a.code, &a.why);
	signer_reply(p->s, p->gen, p->id, &js_done_def, &a);
}

static void
put_hashed(struct worker_job *j)
{
	struct put *p = j->arg;
	struct reason r = {0};

	if (j->result < 0)
		reason_set(&r, j->result, SP_INTERNAL, "password hash: %s", err_str(j->result));
	put_finish(p, j->result, j->hash, &r);
	j->arg = NULL;
	worker_job_free(j);
	put_free(p);
}

static int
put_groups(struct put *p, const struct strs *g, struct reason *r)
{
	size_t n = 1, at = 0;

	if (g->n > SIGNER_GROUPS_MAX)
		return reason_set(r, E_LIMIT, SP_BAD_REQUEST, "an account is in at most %d groups", SIGNER_GROUPS_MAX);
	for (size_t i = 0; i < g->n; i++)
		n += strlen(g->v[i]) + 1;
	p->groups = calloc(1, n);
	if (!p->groups)
		return reason_set(r, E_NOMEM, SP_INTERNAL, "out of memory");
	for (size_t i = 0; i < g->n; i++) {
		size_t k = strlen(g->v[i]) + 1;
		memcpy(p->groups + at, g->v[i], k);
		at += k;
	}
	p->ngroups = g->n;
	return 0;
}

static int
put_totp(struct put *p, struct slice totp, struct reason *r)
{
	struct buf raw;

	p->totp_change = totp.n > 0;
	if (totp.n == 0 || (totp.n == 1 && totp.p[0] == '-'))
		return 0;
	buf_init_secret(&raw, 128);
	int e = str_copy_n(p->totp, sizeof p->totp, totp.p, totp.n);
	if (e == 0)
		e = base32_decode(&raw, p->totp, totp.n);
	if (e == 0 && buf_len(&raw) < 10)
		e = E_RANGE;
	buf_release(&raw);
	return e < 0 ? reason_set(r, E_FORMAT, SP_BAD_REQUEST, "totp must be base32 of 10 bytes or more") : 0;
}

static int
put_read(struct put *p, const struct js_account_put *m, char hash[static PASSWORD_HASH_MAX], struct reason *r)
{
	struct token admin = {0};
	const struct provider *idp = provider_get(p->s, m->idp);
	int e = evidence_admin(p->s, m->admin_token, "idp:write", &admin, r);

	if (e < 0)
		return e;
	str_copy(p->actor, sizeof p->actor, admin.sub);
	token_release(&admin);
	if (!idp || idp->kind != PROVIDER_LOCAL || str_copy(p->idp, sizeof p->idp, m->idp) < 0)
		return reason_set(r, E_NOENT, SP_NOT_FOUND, "no local provider %s", m->idp);
	if (email_parse(m->email, strlen(m->email), p->email) < 0)
		return reason_set(r, E_FORMAT, SP_EMAIL, "not an e-mail address: %s", m->email);
	if (m->password.n && m->hash.n)
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "either password or password_hash");
	if (m->hash.n && (str_copy_n(hash, PASSWORD_HASH_MAX, m->hash.p, m->hash.n) < 0 || !password_hash_ok(hash)))
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST,
		                  "password_hash must be argon2id, at most 256 MiB; see 'sallyport admin hash'");
	if ((e = put_totp(p, m->totp, r)) < 0)
		return e;
	return put_groups(p, &m->groups, r);
}

static int
put_queue(struct put *p, struct slice password, struct reason *r)
{
	struct worker_job *j = calloc(1, sizeof *j);

	if (!j)
		return reason_set(r, E_NOMEM, SP_INTERNAL, "out of memory");
	j->done = put_hashed;
	j->arg = p;
	int e = secret_set(&j->password, password.p, password.n);
	if (e == 0 && (e = worker_add(&p->s->worker, j)) == 0)
		return 0;
	j->arg = NULL;
	worker_job_free(j);
	return reason_set(r, e, SP_BUSY, "too many passwords at once; try again");
}

void
on_js_account_put(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_account_put *m = mv;
	struct signer *s = arg;
	struct put *p = calloc(1, sizeof *p);
	struct reason r = {0};
	char hash[PASSWORD_HASH_MAX] = "";
	int e;

	if (!p)
		return; /* judge's deadline answers */
	*p = (struct put){.s = s, .gen = s->judge_gen, .id = id};
	e = put_read(p, m, hash, &r);
	if (e == 0 && m->password.n) {
		e = put_queue(p, m->password, &r);
		if (e == 0)
			return;
	}
	put_finish(p, e, hash, &r);
	mem_wipe(hash, sizeof hash);
	put_free(p);
}

void
on_js_account_delete(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_account_delete *m = mv;
	char email[EMAIL_MAX + 1] = "", key[320];
	struct admin_delete d = {.token = m->admin_token,
	                         .scope = "idp:write",
	                         .event = "account_delete",
	                         .name = email,
	                         .kind = KS_ACCOUNT,
	                         .key = key,
	                         .absent = SP_NOT_FOUND};
	struct reason r = {0};
	int e = email_parse(m->email, strlen(m->email), email);

	account_key(m->idp, email, key);
	e = e < 0 ? reason_set(&r, e, SP_EMAIL, "not an e-mail address") : evidence_delete(arg, &d, &r);
	signer_done(arg, id, "account_delete", "email", m->email, e, &r);
}
