/* pins: sign-in with a one-time code that was mailed. Made and compared here, so that judge can neither see a code nor
 * claim one; bound to address, provider and browser; in memory only, since it lives for minutes. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "identity/pin.h"
#include "identity/pkce.h"
#include "msg/fetch.h"

#define PINS_MAX 20000u /* codes at once: beyond it asking for one says busy */
#define PIN_TRIES_MAX 5u
#define PIN_LIFE_MS (PIN_MINUTES * 60000)
#define PIN_WRONG_TEXT "the code is wrong, was used or has expired"

struct pin {
	char idp[37], email[EMAIL_MAX + 1], code[PIN_DIGITS + 1];
	unsigned tries;
	int64_t until; /* monotonic */
};

static void
pin_free(void *v)
{
	if (v)
		mem_wipe(v, sizeof(struct pin));
	free(v);
}

void
pins_init(struct signer *s, uint64_t seed)
{
	map_init(&s->pins, PINS_MAX, seed, pin_free);
	rate_init(&s->pin_mails, 5, 120000, seed); /* mails to one address: 5 at once, then one each 2 min */
	rate_init(&s->pin_mails_ip, 30, 10000, seed);
	rate_init(&s->pin_tries, 20, 15000, seed); /* guesses at one address, whatever codes it has */
	rate_init(&s->pin_tries_ip, 60, 2000, seed);
}

void
pins_release(struct signer *s)
{
	map_release(&s->pins);
	rate_release(&s->pin_mails);
	rate_release(&s->pin_mails_ip);
	rate_release(&s->pin_tries);
	rate_release(&s->pin_tries_ip);
}

static void
pins_expire(struct signer *s, int64_t now)
{
	struct map_iter it = {0};

	while (map_next(&s->pins, &it))
		if (((const struct pin *)it.value)->until <= now)
			map_del(&s->pins, it.key);
}

static const struct provider *
pin_provider(const struct signer *s, const char *idp)
{
	const struct provider *p = provider_get(s, idp);
	return p && p->kind == PROVIDER_PIN ? p : NULL;
}

/* --- a code is asked for --------------------------------------------------------------------------------------------
 */

static void
pin_send(struct signer *s, const struct pin *n)
{
	struct sf_mail m = {.to = n->email, .pin = slice_str(n->code)};

	if (!s->fetch || ipc_send(s->fetch, &sf_mail_def, &m) < 0)
		log_warn("mail_not_sent", "to", n->email, "why", "fetch is down", NULL);
}

static int
pin_begin(struct signer *s, const struct js_pin_begin *m, struct reason *r)
{
	struct pin *n = NULL;
	uint8_t raw[8];
	char email[EMAIL_MAX + 1];
	int64_t now = clock_mono_ms();
	int e;

	if (!pin_provider(s, m->idp) || !aud_ok(m->browser))
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "no provider %s of that kind, or no browser", m->idp);
	if (email_parse(m->email, strlen(m->email), email) < 0)
		return reason_set(r, E_FORMAT, SP_EMAIL, "not an e-mail address");
	if (!rate_take(&s->pin_mails_ip, m->client_ip, now) || !rate_take(&s->pin_mails, email, now))
		return reason_set(r, E_AGAIN, SP_LOGIN_RATE, "too many codes for %s from %s", email, m->client_ip);
	if (map_len(&s->pins) >= PINS_MAX / 2)
		pins_expire(s, now);
	if (!(n = calloc(1, sizeof *n)))
		return reason_set(r, E_NOMEM, SP_INTERNAL, "out of memory");
	str_copy(n->idp, sizeof n->idp, m->idp);
	str_copy(n->email, sizeof n->email, email);
	n->until = now + PIN_LIFE_MS;
	do
		random_bytes(raw, sizeof raw);
	while (pin_make(raw, n->code) < 0);
	mem_wipe(raw, sizeof raw);
	/* What is not mailed is made all the same: nobody can tell by what follows. */
	if ((e = map_set(&s->pins, m->browser, n)) < 0) {
		pin_free(n);
		return reason_set(r, e, SP_BUSY, "too many codes at once");
	}
	if (m->mail)
		pin_send(s, n);
	return 0;
}

void
on_js_pin_begin(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_pin_begin *m = mv;
	struct reason r = {0};
	int e = pin_begin(arg, m, &r);

	signer_done(arg, id, "pin_begin", "email", m->email, e, &r);
}

/* --- and given ------------------------------------------------------------------------------------------------------
 */

/* Is it the code of this browser, for this address? Used up when it is, and when it was tried too often. */
static int
pin_match(struct signer *s, const struct js_pin_check *m, const char *email, struct reason *r)
{
	struct pin *n = map_get(&s->pins, m->browser);
	char given[PIN_DIGITS + 1] = "", none[PIN_DIGITS + 1] = "????????";
	int64_t now = clock_mono_ms();
	bool ours = n && n->until > now && !strcmp(n->email, email) && !strcmp(n->idp, m->idp);
	bool form = pin_parse(m->pin.p, m->pin.n, given) == 0;
	bool same = mem_eq_ct(given, ours ? n->code : none, PIN_DIGITS);

	mem_wipe(given, sizeof given);
	if (ours && form && same) {
		map_del(&s->pins, m->browser);
		return 0;
	}
	if (n && ++n->tries >= PIN_TRIES_MAX)
		map_del(&s->pins, m->browser);
	return reason_set(r, E_DENIED, SP_LOGIN_FAILED, PIN_WRONG_TEXT);
}

static int
pin_check(struct signer *s, const struct js_pin_check *m, char email[static EMAIL_MAX + 1],
          const struct provider **ret_p, struct reason *r)
{
	const struct provider *p = pin_provider(s, m->idp);
	int64_t now = clock_mono_ms();
	int e;

	if (!p || !aud_ok(m->browser) || !tokens_session_ok(m->session))
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider, browser or session is malformed");
	if (email_parse(m->email, strlen(m->email), email) < 0)
		return reason_set(r, E_DENIED, SP_LOGIN_FAILED, PIN_WRONG_TEXT);
	if ((e = tokens_ttl_check(m->ttl, r)) < 0 || (e = signer_clock_check(s, signer_now(), r)) < 0)
		return e;
	if (!rate_take(&s->pin_tries_ip, m->client_ip, now) || !rate_take(&s->pin_tries, email, now))
		return reason_set(r, E_AGAIN, SP_LOGIN_RATE, "too many attempts for %s from %s", email, m->client_ip);
	if ((e = pin_match(s, m, email, r)) < 0)
		return e;
	rate_give(&s->pin_tries, email);
	rate_give(&s->pin_tries_ip, m->client_ip);
	*ret_p = p;
	return 0;
}

static int
pin_mint(struct signer *s, const struct js_pin_check *m, const struct provider *p, const char *email, const char *sub,
         struct buf *out, struct reason *r)
{
	int64_t now = signer_now();
	struct token t = {.type = TOKEN_ORG,
	                  .iss = s->issuer,
	                  .aud = s->issuer,
	                  .sub = sub,
	                  .email = email,
	                  .idp_id = p->id,
	                  .idp_type = p->type,
	                  .idp_iss = p->issuer,
	                  .idp_sub = email,
	                  .session = m->session,
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + m->ttl};

	t.amr.v[t.amr.n++] = "otp";
	return tokens_mint(s, &t, out, r);
}

void
on_js_pin_check(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	static const char *otp[] = {"otp"}; /* RFC 8176; it has no value for mail */
	const struct js_pin_check *m = mv;
	struct signer *s = arg;
	struct js_login_done a = {0};
	const struct provider *p = NULL;
	struct reason r = {0};
	char email[EMAIL_MAX + 1] = "", sub[37];
	struct buf org;

	buf_init_secret(&org, JS_TOKEN_MAX + 1);
	int e = pin_check(s, m, email, &p, &r);
	if (e == 0) {
		identity_uuid(p->issuer, email, sub);
		e = pin_mint(s, m, p, email, sub, &org, &r);
	}
	signer_result(e, &r, &a.code, &a.why);
	if (e == 0) {
		a.org_token = buf_cstr(&org);
		a.sub = sub;
		a.iss = p->issuer;
		a.subject = email;
		a.email = email;
		a.amr = (struct strs){otp, 1};
	}
	log_line(e < 0 ? LOG_WARN : LOG_INFO, "login_pin", "email", email, "ip", m->client_ip, "why",
	         e < 0 ? r.text : "", NULL);
	signer_reply(s, s->judge_gen, id, &js_login_done_def, &a);
	buf_release(&org);
}
