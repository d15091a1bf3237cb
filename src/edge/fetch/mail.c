/* mail: one-time codes, and who asks for access, by way of the operator's mail server. Text and sender are ours, the
 * address comes from the signer. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "core/url.h"
#include "crypto/random.h"
#include "edge/fetch/fetch.h"
#include "edge/fetch/http.h"
#include "identity/pin.h"

int
mail_start(struct fetch *f, const struct pr_start *m, struct reason *why)
{
	bool tls_first = false, loopback = false;

	if (str_copy(f->team_host, sizeof f->team_host, m->team_host) < 0 ||
	    str_copy(f->mail.url, sizeof f->mail.url, m->mail_url) < 0 ||
	    str_copy(f->mail.from, sizeof f->mail.from, m->mail_from) < 0 ||
	    str_copy(f->mail.user, sizeof f->mail.user, m->mail_user) < 0)
		return reason_set(why, E_LIMIT, SP_CONFIG, "mail: too long");
	if (!f->mail.url[0])
		return 0;
	if (mail_url_parse(f->mail.url, &tls_first, &loopback) < 0)
		return reason_set(why, E_FORMAT, SP_CONFIG,
		                  "mail: url must be smtp://host[:port] or smtps://host[:port]");
	if (!email_ok(f->mail.from))
		return reason_set(why, E_FORMAT, SP_CONFIG,
		                  "mail: from: found \"%.100s\", expected a lower-case address such as "
		                  "sallyport@example.com",
		                  f->mail.from);
	f->mail.tls = tls_first || !loopback;
	return 0;
}

static void
on_sent(int err, long status, struct slice body, const char *why, void *arg)
{
	struct fetch *f = arg;

	f->mails--;
	if (err < 0)
		log_error("mail_not_sent", "server", f->mail.url, "status", log_num(status), "why", why, NULL);
	else
		log_info("mail_sent", "server", f->mail.url, NULL);
}

/* The text in out; false when it cannot be made. */
static bool
mail_text(const struct fetch *f, const char *to, const char *pin, struct buf *out)
{
	uint8_t raw[16];
	char id[33];

	random_bytes(raw, sizeof raw);
	hex_encode_str(id, sizeof id, raw, sizeof raw);
	struct pin_mail m = {
	    .from = f->mail.from, .to = to, .team = f->team_host, .pin = pin, .id = id, .now = clock_wall()};
	return pin_mail_format(&m, out) == 0;
}

/* text: NULL = it cannot be made. */
static void
send_text(struct fetch *f, const char *to, const struct buf *text)
{
	struct http_mail h = {.url = f->mail.url, .from = f->mail.from, .to = to, .tls = f->mail.tls};
	char *password = NULL;
	const char *why = NULL;

	if (!f->mail.url[0])
		why = "no mail server: sallyportd.yml has no mail: {url: smtp://..., from: ...}";
	else if (f->mails >= FETCH_MAILS_MAX)
		why = "too many mails wait for the server";
	else if (!text)
		why = "the address cannot be written to";
	else if (f->mail.user[0] && !(password = str_dup_n(f->mail.password.d, f->mail.password.n)))
		why = "out of memory";
	if (!why) {
		h.text = buf_slice(text);
		h.timeout_ms = FETCH_MAIL_MS;
		h.user = password ? f->mail.user : NULL;
		h.password = password;
		if (http_mail(&h, on_sent, f) == 0)
			f->mails++;
		else
			why = "the mail could not be started";
	}
	if (why)
		log_error("mail_not_sent", "server", f->mail.url, "why", why, NULL);
	if (password)
		mem_wipe(password, strlen(password));
	free(password);
}

void
mail_send(struct fetch *f, const struct sf_mail *m)
{
	char pin[17] = "";
	struct buf text;

	buf_init_secret(&text, PIN_MAIL_MAX);
	str_copy_n(pin, sizeof pin, m->pin.p, m->pin.n);
	send_text(f, m->to, mail_text(f, m->to, pin, &text) ? &text : NULL);
	mem_wipe(pin, sizeof pin);
	buf_release(&text);
}

/* Who can be written to by this is judge's word; what is written is not, nor where it leads. Without a mail server the
   link is passed on by hand. */
void
mail_asked(struct fetch *f, const struct jh_asked *m)
{
	uint8_t raw[16];
	char id[33];
	struct buf text;

	if (!f->mail.url[0])
		return;
	random_bytes(raw, sizeof raw);
	hex_encode_str(id, sizeof id, raw, sizeof raw);
	struct asked_mail a = {.from = f->mail.from,
	                       .to = m->to,
	                       .who = m->who,
	                       .team = f->team_host,
	                       .app = m->app,
	                       .port = m->port,
	                       .request = m->request,
	                       .id = id,
	                       .now = clock_wall()};
	buf_init(&text, PIN_MAIL_MAX);
	send_text(f, m->to, asked_mail_format(&a, &text) == 0 ? &text : NULL);
	buf_release(&text);
}
