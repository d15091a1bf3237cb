/* setup: the one-time link of init: whoever has its code sets password and TOTP of the first administrator. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "identity/email.h"
#include "ssh/sshwire.h"

#define SETUP_KEY "admin"
#define SETUP_PASSWORD_MIN 8
#define SETUP_CODE_BYTES 20

struct setup {
	uint8_t code[32]; /* SHA-256 */
	uint64_t expires;
	char email[EMAIL_MAX + 1], idp[37], totp[129]; /* totp "" until the page was opened */
};

static int
setup_save(struct signer *s, const struct setup *u)
{
	struct buf b;
	int e;

	buf_init_secret(&b, 1024);
	if ((e = buf_put(&b, u->code, 32)) == 0 && (e = buf_put_u64(&b, u->expires)) == 0 &&
	    (e = sshwire_put_cstr(&b, u->email)) == 0 && (e = sshwire_put_cstr(&b, u->idp)) == 0 &&
	    (e = sshwire_put_cstr(&b, u->totp)) == 0)
		e = keystore_put(&s->ks, KS_SETUP, SETUP_KEY, buf_slice(&b));
	buf_release(&b);
	return e;
}

/* The pending setup, if this is its code. */
static int
setup_find(struct signer *s, struct slice code, struct setup *ret_u, struct reason *r)
{
	uint8_t h[32];
	struct slice rec, want;
	struct buf b;
	struct setup u = {0};

	if (!rate_take(&s->setup_tries, "", clock_mono_ms()))
		return reason_set(r, E_AGAIN, SP_LOGIN_RATE, "too many attempts");
	if (!keystore_get(&s->ks, KS_SETUP, SETUP_KEY, &rec))
		return reason_set(r, E_NOENT, SP_LOGIN_STATE, "no setup is pending");
	buf_view(&b, rec.p, rec.n);
	if (buf_get(&b, 32, &want) < 0 || buf_get_u64(&b, &u.expires) < 0 ||
	    sshwire_get_cstr(&b, u.email, sizeof u.email) < 0 || sshwire_get_cstr(&b, u.idp, sizeof u.idp) < 0 ||
	    sshwire_get_cstr(&b, u.totp, sizeof u.totp) < 0)
		return reason_set(r, E_FORMAT, SP_INTERNAL, "the setup record is damaged");
	memcpy(u.code, want.p, 32);
	sha256(code.p, code.n, h);
	if (!mem_eq_ct(h, u.code, 32))
		return reason_set(r, E_DENIED, SP_LOGIN_STATE, "not the code of the setup link");
	if (signer_now() >= (int64_t)u.expires)
		return reason_set(r, E_EXPIRED, SP_LOGIN_STATE,
		                  "the setup link has expired; run 'sallyportd init' in a new folder");
	rate_give(&s->setup_tries, "");
	*ret_u = u;
	return 0;
}

int
setup_make(struct signer *s, const char *email, const char *idp, int64_t ttl, char out_code[static 41],
           struct reason *r)
{
	struct setup u = {.expires = (uint64_t)(signer_now() + ttl)};
	uint8_t raw[SETUP_CODE_BYTES];
	int e;

	if (email_parse(email, strlen(email), u.email) < 0)
		return reason_set(r, E_FORMAT, SP_EMAIL, "--admin: not an e-mail address: %s", email);
	random_bytes(raw, sizeof raw);
	hex_encode_str(out_code, 41, raw, sizeof raw);
	sha256(out_code, strlen(out_code), u.code);
	mem_wipe(raw, sizeof raw);
	str_copy(u.idp, sizeof u.idp, idp);
	if ((e = setup_save(s, &u)) == 0)
		e = signer_note(s, r, "setup_made", "email", u.email, NULL);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "setup: %s", err_str(e)) : 0;
}

static int
setup_totp(struct signer *s, struct setup *u, struct reason *r)
{
	uint8_t raw[TOTP_SECRET_LEN];
	struct buf text;

	if (u->totp[0])
		return 0; /* the page was opened before: show the same */
	random_bytes(raw, sizeof raw);
	buf_init_secret(&text, 128);
	int e = base32_encode(&text, raw, sizeof raw);
	if (e == 0)
		e = str_copy_n(u->totp, sizeof u->totp, buf_ptr(&text), buf_len(&text));
	if (e == 0)
		e = setup_save(s, u);
	mem_wipe(raw, sizeof raw);
	buf_release(&text);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "setup: %s", err_str(e)) : 0;
}

void
on_js_setup_begin(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_setup_begin *m = mv;
	struct js_setup_is a = {0};
	struct signer *s = arg;
	struct reason r = {0};
	struct setup u = {0};
	int e = setup_find(s, m->code, &u, &r);

	if (e == 0 && (e = setup_totp(s, &u, &r)) == 0) {
		a.email = u.email;
		a.idp = u.idp;
		a.totp = slice_str(u.totp);
	}
	signer_log("setup_begin", &r, e, "email", u.email);
	signer_result(e, &r, &a.code, &a.why);
	signer_reply(s, s->judge_gen, id, &js_setup_is_def, &a);
	mem_wipe(&u, sizeof u);
}

/* --- finish ----------------------------------------------------------------------------------------------------------
 */

struct finish {
	struct signer *s;
	uint32_t gen, id;
	struct setup u;
	uint64_t step;
};

static void
finish_reply(struct signer *s, uint32_t gen, uint32_t id, int e, const struct reason *r, struct js_setup_done *a)
{
	signer_result(e, r, &a->code, &a->why);
	signer_reply(s, gen, id, &js_setup_done_def, a);
}

/* The account is there before the link is gone. */
static int
finish_apply(struct finish *f, const char *hash, struct account *a, struct reason *r)
{
	struct signer *s = f->s;
	struct slice rec;
	int e = 0;

	if (!keystore_get(&s->ks, KS_SETUP, SETUP_KEY, &rec) || rec.n < 32 || memcmp(rec.p, f->u.code, 32) != 0)
		return reason_set(r, E_STATE, SP_LOGIN_STATE, "the setup link was used meanwhile");
	if (account_get(s, f->u.idp, f->u.email, a) < 0)
		account_new_sub(a->sub);
	str_copy(a->hash, sizeof a->hash, hash);
	str_copy(a->totp, sizeof a->totp, f->u.totp);
	a->totp_step = f->step;
	if ((e = account_save(s, f->u.idp, f->u.email, a)) < 0 || (e = keystore_del(&s->ks, KS_SETUP, SETUP_KEY)) < 0)
		goto out;
	e = signer_note(s, r, "setup_done", "email", f->u.email, "sub", a->sub, NULL);
out:
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "setup: %s", err_str(e)) : 0;
}

static void
finish_hashed(struct worker_job *j)
{
	struct finish *f = j->arg;
	const struct provider *p = provider_get(f->s, f->u.idp);
	struct js_setup_done ans = {0};
	struct account a = {0};
	struct reason r = {0};
	int e = j->result;

	if (e < 0 || !p)
		e = reason_set(&r, p ? e : E_NOENT, SP_INTERNAL, "the password could not be set");
	else if ((e = finish_apply(f, j->hash, &a, &r)) == 0)
		ans = (struct js_setup_done){.email = f->u.email, .idp = f->u.idp, .iss = p->issuer, .subject = a.sub};
	signer_log("setup_finish", &r, e, "email", f->u.email);
	finish_reply(f->s, f->gen, f->id, e, &r, &ans);
	account_release(&a);
	mem_wipe(f, sizeof *f);
	worker_job_free(j);
}

static int
finish_check(struct signer *s, const struct js_setup_finish *m, struct finish *f, struct reason *r)
{
	struct buf secret;
	int e = setup_find(s, m->code, &f->u, r);

	if (e < 0)
		return e;
	if (m->password.n < SETUP_PASSWORD_MIN)
		return reason_set(r, E_RANGE, SP_BAD_REQUEST, "the password needs at least %d characters",
		                  SETUP_PASSWORD_MIN);
	if (!f->u.totp[0])
		return reason_set(r, E_STATE, SP_LOGIN_STATE, "the setup page was not opened yet");
	buf_init_secret(&secret, 128);
	e = base32_decode(&secret, f->u.totp, strlen(f->u.totp));
	if (e == 0)
		e = totp_verify(buf_slice(&secret), (const char *)m->totp_code.p, m->totp_code.n, signer_now(), 0,
		                &f->step);
	buf_release(&secret);
	return e < 0 ? reason_set(r, E_DENIED, SP_LOGIN_FAILED,
	                          "the code is wrong; enter the one that the authenticator shows now")
	             : 0;
}

void
on_js_setup_finish(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_setup_finish *m = mv;
	struct js_setup_done ans = {0};
	struct signer *s = arg;
	struct reason r = {0};
	struct worker_job *j = calloc(1, sizeof *j);
	struct finish *f = calloc(1, sizeof *f);
	int e = j && f ? finish_check(s, m, f, &r) : E_NOMEM;

	if (e == 0) {
		f->s = s;
		f->gen = s->judge_gen;
		f->id = id;
		j->done = finish_hashed;
		j->arg = f;
		if ((e = secret_set(&j->password, m->password.p, m->password.n)) == 0 &&
		    (e = worker_add(&s->worker, j)) == 0)
			return;
		reason_set(&r, e, SP_BUSY, "busy; try again");
	}
	signer_log("setup_finish", &r, e, "step", "check");
	finish_reply(s, s->judge_gen, id, e, &r, &ans);
	if (f)
		mem_wipe(f, sizeof *f);
	free(f);
	if (j) {
		j->arg = NULL;
		worker_job_free(j);
	}
}
