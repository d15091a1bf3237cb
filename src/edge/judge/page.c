#include "edge/judge/page.h"

#include <string.h>

#include "edge/judge/judge.h"
#include "edge/judge/login.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"

static const char style[] =
#include "style_css.h"
    ;

void
style_get(struct req *r)
{
	reply_bytes(r, 200, "text/css; charset=utf-8", style, sizeof style - 1);
}

void
page_text(struct buf *b, const char *before, const char *text, const char *after)
{
	buf_put_str(b, before);
	html_escape(b, text);
	buf_put_str(b, after);
}

void
page_begin(struct buf *b, const char *title)
{
	page_begin_again(b, title, 0);
}

void
page_begin_again(struct buf *b, const char *title, unsigned seconds)
{
	buf_init(b, PAGE_MAX);
	buf_put_str(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
	page_text(b, "<title>", title, "</title>");
	if (seconds)
		buf_putf(b, "<meta http-equiv=\"refresh\" content=\"%u\">", seconds);
	buf_put_str(b, "<link rel=\"stylesheet\" href=\"/cdn-cgi/access/style.css\"></head>\n<body><main>\n");
	page_text(b, "<h1>", title, "</h1>\n");
}

void
page_end(struct buf *b)
{
	buf_put_str(b, "</main></body></html>\n");
}

void
page_refuse(struct req *r, unsigned status, int code, const char *more)
{
	struct buf b;

	page_begin(&b, status >= 500 ? "Something is not working" : status == 404 ? "Not found" : "Refused");
	page_text(&b, "<p class=\"bad\" role=\"alert\">", sp_text(code), "");
	buf_putf(&b, " (SP-%d)</p>\n", code);
	if (more && *more)
		page_text(&b, "<p>", more, "</p>\n");
	if (code >= SP_NO_POLICY && code <= SP_POLICY_BLOCK) {
		if (r->app && r->app->app->custom_deny_message)
			page_text(&b, "<p>", r->app->app->custom_deny_message, "</p>\n");
		buf_put_str(&b, "<p><a href=\"/cdn-cgi/access/logout\">Sign in as somebody else</a></p>\n");
	}
	page_text(&b, "<p class=\"dim\">Request <code>", r->rid, "</code>: give this to your administrator.</p>\n");
	page_end(&b);
	reply_html(r, status, &b);
}

void
page_note(struct req *r, unsigned status, const char *title, const char *text)
{
	struct buf b;

	page_begin(&b, title);
	page_text(&b, "<p>", text, "</p>\n");
	page_end(&b);
	reply_html(r, status, &b);
}

void
page_login_form(struct req *r, unsigned status, const char *to, const char *action, const char *csrf,
                const char *failed)
{
	struct buf b;

	page_begin(&b, "Sign in");
	page_text(&b, "<p class=\"dim\">to reach <strong>", to, "</strong></p>\n");
	if (failed)
		page_text(&b, "<p class=\"bad\" role=\"alert\">", failed, "</p>\n");
	page_text(&b, "<form method=\"post\" action=\"", action, "\">\n");
	page_text(&b, "<input type=\"hidden\" name=\"csrf\" value=\"", csrf, "\">\n");
	page_text(
	    &b,
	    "<label for=\"email\">E-mail</label>"
	    "<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required autofocus value=\"",
	    req_field(r, "email"), "\">\n");
	buf_put_str(
	    &b,
	    "<label for=\"password\">Password</label>"
	    "<input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n"
	    "<label for=\"code\">Code <span class=\"dim\">only if your account has one</span></label>"
	    "<input id=\"code\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" "
	    "pattern=\"[0-9]*\">\n"
	    "<button type=\"submit\">Sign in</button>\n</form>\n");
	page_end(&b);
	reply_html(r, status, &b);
}

void
page_pin_form(struct req *r, unsigned status, const char *to, const char *action, const char *csrf, const char *email,
              const char *again, const char *failed)
{
	struct buf b;

	page_begin(&b, "Sign in");
	page_text(&b, "<p class=\"dim\">to reach <strong>", to, "</strong></p>\n");
	if (failed)
		page_text(&b, "<p class=\"bad\" role=\"alert\">", failed, "</p>\n");
	if (email)
		page_text(&b, "<p>A code was sent to <strong>", email,
		          "</strong> if that address may sign in here. It works for ten minutes.</p>\n");
	page_text(&b, "<form method=\"post\" action=\"", action, "\">\n");
	page_text(&b, "<input type=\"hidden\" name=\"csrf\" value=\"", csrf, "\">\n");
	if (email) {
		page_text(&b, "<input type=\"hidden\" name=\"email\" value=\"", email, "\">\n");
		buf_put_str(&b, "<label for=\"code\">Code</label>"
		                "<input id=\"code\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" "
		                "pattern=\"[0-9 ]*\" required autofocus>\n"
		                "<button type=\"submit\">Sign in</button>\n</form>\n");
		page_text(&b, "<p class=\"dim\"><a href=\"", again, "\">Another code or address</a></p>\n");
	} else {
		buf_put_str(
		    &b,
		    "<label for=\"email\">E-mail</label>"
		    "<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required autofocus>\n"
		    "<button type=\"submit\">Send me a code</button>\n</form>\n");
	}
	page_end(&b);
	reply_html(r, status, &b);
}

void
page_login_choose(struct req *r, const char *to, const struct page_choice *v, size_t n)
{
	struct buf b;

	page_begin(&b, "Sign in");
	page_text(&b, "<p class=\"dim\">to reach <strong>", to, "</strong></p>\n<ul>\n");
	for (size_t i = 0; i < n; i++) {
		page_text(&b, "<li><a class=\"button\" href=\"", v[i].link, "\">");
		page_text(&b, "Continue with ", v[i].name, "</a></li>\n");
	}
	buf_put_str(&b, "</ul>\n");
	page_end(&b);
	reply_html(r, 200, &b);
}

static void
page_confirm(struct req *r, const char *asks, const char *what, const char *ends, const struct client_asks *c)
{
	struct buf b;

	page_begin(&b, "Let this client in?");
	page_text(&b, asks, what, ends);
	page_text(&b, "<dl>\n<dt>You are</dt><dd>", c->email, "</dd>");
	/* The client's address, not this browser's: somebody else's client would show here. */
	page_text(&b, "<dt>Asked from</dt><dd>", *c->from ? c->from : "nowhere yet: no client waits", "</dd></dl>\n");
	if (*c->from && strcmp(c->from, r->client_ip) != 0)
		page_text(&b, "<p class=\"bad\" role=\"alert\">That is not your browser's address, which is ",
		          r->client_ip, ".</p>\n");
	buf_put_str(&b, "<p>Go on only if the client shows the same code:</p>\n");
	page_text(&b, "<p class=\"big\">", c->code, "</p>\n");
	page_text(&b, "<form method=\"post\" action=\"", r->target, "\">\n");
	page_text(&b, "<input type=\"hidden\" name=\"csrf\" value=\"", c->csrf,
	          "\">\n<button type=\"submit\">The code is the same: let it in</button>\n</form>\n"
	          "<p class=\"dim\">If you did not start this, close the window.</p>\n");
	page_end(&b);
	reply_html(r, 200, &b);
}

void
page_cli_confirm(struct req *r, const char *host, const struct client_asks *c)
{
	page_confirm(r, "<p>A command-line client asks to use <strong>", host, "</strong> in your name.</p>\n", c);
}

void
page_tunnel_confirm(struct req *r, const struct client_asks *c)
{
	page_confirm(r, "<p>A command-line client asks to <strong>manage the tunnels of ", r->host,
	             "</strong>: to create and delete them, to run them, and to choose which host names lead to "
	             "them.</p>\n",
	             c);
}

void
page_logout(struct req *r, const char *link)
{
	struct buf b;

	page_begin(&b, "Sign out?");
	page_text(&b,
	          "<p>This ends your session on every application, live connections included.</p>\n<a class=\"button\" "
	          "href=\"",
	          link, "\">Sign out</a>\n");
	page_end(&b);
	reply_html(r, 200, &b);
}

void
page_ssh(struct req *r)
{
	struct buf b;

	page_begin(&b, r->app->app->name);
	buf_put_str(&b, "<p>This application is reached by ssh. Once:</p>\n");
	page_text(&b, "<pre>sallyport access ssh-config --hostname ", r->host,
	          " --short-lived-cert --write</pre>\n<p>and then:</p>\n");
	page_text(&b, "<pre>ssh USER@", r->host, "</pre>\n");
	page_end(&b);
	reply_html(r, 200, &b);
}

void
page_launcher(struct req *r, const struct session *s)
{
	struct asker who = req_asker(r, s);
	struct buf b;
	size_t n = 0;

	who.could = who.unapproved = true; /* the way to ask is by opening it */
	page_begin(&b, "Applications");
	page_text(&b, "<p class=\"dim\">Signed in as ", s->email, "</p>\n<ul>\n");
	for (size_t i = 0; i < r->snap->napps; i++) {
		const struct app_view *a = &r->snap->views[i];
		struct policy_verdict v = {0};
		snapshot_verdict(r->snap, a, &who, &v);
		if (!policy_passes(&v) || !a->app->app_launcher_visible || strchr(a->app->domain, '*'))
			continue;
		page_text(&b, "<li><a class=\"button\" href=\"",
		          req_fmt(r, "%s%s", req_origin_of(r, a->app->sites[0].host), a->app->sites[0].path), "/\">");
		page_text(&b, "", a->app->name, "</a></li>\n");
		n++;
	}
	buf_put_str(&b, n ? "</ul>\n" : "</ul>\n<p>There is nothing here for you yet.</p>\n");
	buf_put_str(&b, "<p class=\"dim\"><a href=\"/cdn-cgi/access/logout\">Sign out</a></p>\n");
	page_end(&b);
	reply_html(r, 200, &b);
}

void
page_setup(struct req *r, unsigned status, const char *email, const char *totp, const char *uri, const char *failed)
{
	struct buf b;

	page_begin(&b, "Set up your account");
	page_text(&b, "<p class=\"dim\">for <strong>", email, "</strong></p>\n");
	if (failed)
		page_text(&b, "<p class=\"bad\" role=\"alert\">", failed, "</p>\n");
	buf_put_str(&b, "<p>1. Add this secret to your authenticator:</p>\n");
	page_text(&b, "<p><code id=\"totp\">", totp, "</code></p>\n");
	page_text(&b, "<p class=\"dim\"><a id=\"otpauth\" href=\"", uri, "\">");
	page_text(&b, "", uri, "</a></p>\n<p>2. Choose a password and enter the authenticator's present code:</p>\n");
	buf_put_str(&b, "<form method=\"post\">\n<label for=\"password\">Password</label>"
	                "<input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"new-password\" "
	                "minlength=\"8\" required>\n"
	                "<label for=\"code\">Code</label>"
	                "<input id=\"code\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" "
	                "pattern=\"[0-9]*\" required>\n"
	                "<button type=\"submit\">Save</button>\n</form>\n");
	page_end(&b);
	reply_html(r, status, &b);
}

void
launcher_get(struct req *r)
{
	const char *org;
	struct session *s = login_session(r, NULL, &org);

	if (s)
		page_launcher(r, s);
	else
		reply_redirect(r, req_fmt(r, "/cdn-cgi/access/login/%s?redirect_url=%%2F", r->j->team_host));
}
