/* The forms of a sign-in, a client's confirmation, leaving, and init's link. */
#include <string.h>

#include "edge/judge/judge.h"
#include "edge/judge/page.h"
#include "edge/judge/snapshot.h"

void
page_reach(struct req *r, struct buf *b, const char *host)
{
	const struct app_view *a =
	    snapshot_app_of_host(r->snap, host, *req_param(r, "kid") ? req_param(r, "kid") : NULL);

	page_say(r, b, "p class=\"dim\"", T_TO_REACH,
	         a && strcmp(a->app->name, host) != 0 ? req_fmt(r, "%s (%s)", a->app->name, host) : host);
}

static void
put_failed(struct req *r, struct buf *b, const struct page_failed *f)
{
	if (f && f->words)
		page_alert(r, b, f->words, f->code);
}

/* A field with its label; more: further attributes. */
static void
put_input(struct req *r, struct buf *b, enum text label, const char *name, const char *more, const char *value)
{
	page_say(r, b, req_fmt(r, "label for=\"%s\"", name), label);
	buf_putf(b, "<input id=\"%s\" name=\"%s\" %s", name, name, more);
	if (value)
		page_text(b, " value=\"", value, "\"");
	buf_put_str(b, ">\n");
}

#define WRONG " aria-invalid=\"true\" aria-describedby=\"failed\""
#define EMAIL_INPUT "type=\"email\" maxlength=\"254\" autocomplete=\"username\" required"
#define CODE_INPUT "inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"64\" pattern=\"[0-9 ]*\""

void
page_login_form(struct req *r, unsigned status, const char *host, const char *action, const char *csrf,
                const struct page_failed *failed)
{
	const char *email = req_field(r, "email");
	bool again = failed && failed->words && *email;
	struct buf b;

	page_begin(r, &b, T_SIGN_IN);
	page_reach(r, &b, host);
	put_failed(r, &b, failed);
	page_form(&b, action, csrf);
	put_input(r, &b, T_EMAIL, "email", again ? EMAIL_INPUT WRONG : EMAIL_INPUT " autofocus", email);
	put_input(r, &b, T_PASSWORD, "password",
	          again ? "type=\"password\" autocomplete=\"current-password\" required autofocus" WRONG
	                : "type=\"password\" autocomplete=\"current-password\" required",
	          NULL);
	put_input(r, &b, T_CODE, "code", CODE_INPUT " aria-describedby=\"code-hint\"", NULL);
	page_say(r, &b, "p class=\"hint\" id=\"code-hint\"", T_CODE_HINT);
	page_button(r, &b, T_SIGN_IN);
	buf_put_str(&b, "</form>\n");
	page_end(r, &b);
	reply_html(r, status, &b);
}

void
page_pin_form(struct req *r, unsigned status, const char *host, const char *action, const char *csrf, const char *email,
              const char *again, const struct page_failed *failed)
{
	bool wrong = failed && failed->words;
	struct buf b;

	page_begin(r, &b, T_SIGN_IN);
	page_reach(r, &b, host);
	put_failed(r, &b, failed);
	if (email)
		page_say(r, &b, "p", T_PIN_SENT, email);
	else
		page_say(r, &b, "p", T_PIN_WHY);
	page_form(&b, action, csrf);
	if (email) {
		page_text(&b, "<input type=\"hidden\" name=\"email\" value=\"", email, "\">\n");
		put_input(r, &b, T_CODE, "code",
		          wrong ? CODE_INPUT " required autofocus" WRONG : CODE_INPUT " required autofocus", NULL);
	} else {
		put_input(r, &b, T_EMAIL, "email", wrong ? EMAIL_INPUT " autofocus" WRONG : EMAIL_INPUT " autofocus",
		          req_field(r, "email"));
	}
	page_button(r, &b, email ? T_SIGN_IN : T_PIN_SEND);
	buf_put_str(&b, "</form>\n");
	if (email) {
		page_text(&b, "<p class=\"dim\"><a href=\"", again, "\">");
		page_text(&b, "", page_words(r, T_PIN_AGAIN), "</a></p>\n");
	}
	page_end(r, &b);
	reply_html(r, status, &b);
}

void
page_login_choose(struct req *r, const char *host, const struct page_choice *v, size_t n)
{
	struct buf b;

	page_begin(r, &b, T_SIGN_IN);
	page_reach(r, &b, host);
	page_say(r, &b, "p", T_CHOOSE_METHOD);
	buf_put_str(&b, "<ul class=\"ways\">\n");
	for (size_t i = 0; i < n; i++) {
		const char *name = v[i].name;
		page_text(&b, i ? "<li><a class=\"button quiet\" href=\"" : "<li><a class=\"button\" href=\"",
		          v[i].link, "\">");
		text_html(&b, page_words(r, T_CONTINUE_WITH), &name, 1);
		buf_put_str(&b, "</a></li>\n");
	}
	buf_put_str(&b, "</ul>\n");
	page_end(r, &b);
	reply_html(r, 200, &b);
}

/* --- a client waits ------------------------------------------------------------------------------------------------
 */

static void
put_confirm(struct req *r, struct buf *b, const struct client_asks *c)
{
	buf_put_str(b, "<dl>\n");
	page_fact(r, b, T_CLIENT_YOU, c->email);
	/* The client's address, not this browser's: somebody else's client would show here. */
	page_fact(r, b, T_CLIENT_FROM, *c->from ? c->from : page_words(r, T_CLIENT_NOBODY));
	buf_put_str(b, "</dl>\n");
	if (*c->from && strcmp(c->from, r->client_ip) != 0)
		page_say(r, b, "p class=\"bad\" role=\"alert\"", T_CLIENT_ELSEWHERE, r->client_ip);
	page_say(r, b, "p", T_CLIENT_SAME);
	page_text(b, "<p class=\"big\">", c->code, "</p>\n");
	page_form(b, r->target, c->csrf);
	page_button(r, b, T_CLIENT_BUTTON);
	buf_put_str(b, "</form>\n");
	page_say(r, b, "p class=\"dim\"", T_CLIENT_NOT_YOU);
	page_end(r, b);
	reply_html(r, 200, b);
}

void
page_cli_confirm(struct req *r, const char *host, const struct client_asks *c)
{
	struct buf b;

	page_begin(r, &b, T_CLIENT_TITLE);
	page_say(r, &b, "p", T_CLIENT_APP, host);
	put_confirm(r, &b, c);
}

void
page_tunnel_confirm(struct req *r, const struct client_asks *c)
{
	struct buf b;

	page_begin(r, &b, T_CLIENT_TITLE);
	page_say(r, &b, "p", T_CLIENT_TUNNELS, r->host);
	put_confirm(r, &b, c);
}

void
page_logout(struct req *r, const char *link)
{
	struct buf b;

	page_begin(r, &b, T_LOGOUT_TITLE);
	page_say(r, &b, "p", T_LOGOUT_TEXT);
	page_link_button(r, &b, "button", link, T_LOGOUT_BUTTON);
	page_link_button(r, &b, "button quiet", "/", T_LOGOUT_STAY);
	page_end(r, &b);
	reply_html(r, 200, &b);
}

/* --- init's link ---------------------------------------------------------------------------------------------------
 */

void
page_setup(struct req *r, unsigned status, const char *email, const char *totp, const char *uri, bool failed)
{
	struct buf b;

	page_begin(r, &b, T_SETUP_TITLE);
	page_say(r, &b, "p class=\"dim\"", T_SETUP_FOR, email);
	if (failed)
		page_alert(r, &b, page_words(r, T_SETUP_WRONG), SP_LOGIN_FAILED);
	buf_put_str(&b, "<ol class=\"steps\">\n<li>");
	page_say(r, &b, "h2", T_SETUP_SCAN);
	page_qr(r, &b, uri);
	page_say(r, &b, "p class=\"dim\"", T_SETUP_SECRET);
	page_text(&b, "<p><code class=\"secret\" id=\"totp\">", totp, "</code></p>\n");
	page_text(&b, "<p class=\"dim\"><a id=\"otpauth\" href=\"", uri, "\">");
	page_text(&b, "", page_words(r, T_SETUP_LINK), "</a></p></li>\n<li>");
	page_say(r, &b, "h2", T_SETUP_CHOOSE);
	page_form(&b, NULL, NULL);
	/* for password managers: which account this is */
	put_input(r, &b, T_EMAIL, "email", "type=\"email\" autocomplete=\"username\" readonly", email);
	put_input(r, &b, T_PASSWORD, "password",
	          failed ? "type=\"password\" autocomplete=\"new-password\" minlength=\"8\" required autofocus" WRONG
	                 : "type=\"password\" autocomplete=\"new-password\" minlength=\"8\" required "
	                   "aria-describedby=\"min\"",
	          NULL);
	page_say(r, &b, "p class=\"hint\" id=\"min\"", T_SETUP_MIN);
	put_input(r, &b, T_CODE, "code", CODE_INPUT " required", NULL);
	page_button(r, &b, T_SETUP_SAVE);
	buf_put_str(&b, "</form></li>\n</ol>\n");
	page_end(r, &b);
	reply_html(r, status, &b);
}
