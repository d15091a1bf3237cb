#include "edge/judge/page.h"

#include <stdarg.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/judge.h"
#include "edge/judge/login.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"
#include "model/organization.h"

void
page_text(struct buf *b, const char *before, const char *text, const char *after)
{
	buf_put_str(b, before);
	html_escape(b, text);
	buf_put_str(b, after);
}

static size_t
language(const struct req *r)
{
	return text_language(req_header(r, "accept-language"));
}

const char *
page_words(struct req *r, enum text t)
{
	return text_get(language(r), t);
}

/* How many texts the words want: one more than the highest {n}. */
static size_t
places(const char *words)
{
	size_t n = 0;

	for (const char *p = words; (p = strchr(p, '{')); p++) {
		const char *d = p + 1 + (p[1] == '!');
		if (*d >= '0' && *d < '0' + TEXT_ARGS_MAX && d[1] == '}' && (size_t)(*d - '0') >= n)
			n = (size_t)(*d - '0') + 1;
	}
	return n;
}

void
page_say(struct req *r, struct buf *b, const char *tag, enum text t, ...)
{
	const char *words = page_words(r, t), *args[TEXT_ARGS_MAX];
	size_t n = places(words);
	va_list ap;

	va_start(ap, t);
	for (size_t i = 0; i < n; i++)
		args[i] = va_arg(ap, const char *);
	va_end(ap);
	buf_putf(b, "<%s>", tag);
	text_html(b, words, args, n);
	buf_putf(b, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

void
page_alert(struct req *r, struct buf *b, const char *text, int code)
{
	(void)r;
	page_text(b, "<p class=\"bad\" role=\"alert\" id=\"failed\">", text, "");
	if (code)
		buf_putf(b, " (SP-%d)", code);
	buf_put_str(b, "</p>\n");
}

void
page_fact(struct req *r, struct buf *b, enum text name, const char *value)
{
	page_text(b, "<dt>", page_words(r, name), "</dt>");
	page_text(b, "<dd>", value, "</dd>\n");
}

void
page_form(struct buf *b, const char *action, const char *csrf)
{
	if (action)
		page_text(b, "<form method=\"post\" action=\"", action, "\">\n");
	else
		buf_put_str(b, "<form method=\"post\">\n");
	if (csrf)
		page_text(b, "<input type=\"hidden\" name=\"csrf\" value=\"", csrf, "\">\n");
}

void
page_button(struct req *r, struct buf *b, enum text t)
{
	page_say(r, b, "button type=\"submit\"", t);
}

void
page_link_button(struct req *r, struct buf *b, const char *class, const char *to, enum text t)
{
	page_text(b, req_fmt(r, "<a class=\"%s\" href=\"", class), to, "\">");
	page_text(b, "", page_words(r, t), "</a>\n");
}

/* Who owns the place, unless nothing here is theirs. */
static void
put_brand(struct req *r, struct buf *b)
{
	const struct organization *o = page_organization(r);
	bool known = r->app || !strcmp(r->host, r->j->team_host);
	const char *logo = page_logo(r);

	if (!known)
		return;
	buf_put_str(b, "<header class=\"brand\">");
	if (logo)
		page_text(b, "<img src=\"", logo, "\" alt=\"\">");
	else
		buf_put_str(b, "<img class=\"mark\" src=\"/cdn-cgi/access/icon.svg\" alt=\"\">");
	page_text(b, "<span>", o && o->name ? o->name : r->j->team_host, "</span></header>\n");
	const char *said = o ? json_str_or(o->login_design, "header_text", "") : "";
	if (*said)
		page_text(b, "<aside class=\"ground-note\">", said, "</aside>\n");
}

void
page_begin_with(struct req *r, struct buf *b, const struct page_head *h)
{
	const struct organization *o = page_organization(r);

	buf_init(b, PAGE_MAX);
	page_text(b, "<!doctype html>\n<html lang=\"", page_words(r, T_LANGUAGE),
	          "\"><head><meta charset=\"utf-8\">"
	          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
	page_text(b, "<title>", h->title, "");
	if (o && o->name)
		page_text(b, " · ", o->name, "");
	buf_put_str(b, "</title><link rel=\"icon\" href=\"/cdn-cgi/access/icon.svg\">"
	               "<link rel=\"stylesheet\" href=\"/cdn-cgi/access/style.css\"></head>\n<body>\n");
	put_brand(r, b);
	buf_put_str(b, h->wide ? "<main class=\"wide\">\n" : "<main>\n");
	page_text(b, "<h1>", h->title, "</h1>\n");
}

void
page_begin(struct req *r, struct buf *b, enum text title)
{
	page_begin_with(r, b, &(struct page_head){.title = page_words(r, title)});
}

void
page_end(struct req *r, struct buf *b)
{
	const struct organization *o = page_organization(r);
	const char *said = o ? json_str_or(o->login_design, "footer_text", "") : "";

	buf_put_str(b, "</main>\n");
	if (*said)
		page_text(b, "<footer class=\"foot\">", said, "</footer>\n");
	buf_put_str(b, "</body></html>\n");
}

void
page_note(struct req *r, unsigned status, enum text title, enum text text, const char *link, enum text link_text)
{
	struct buf b;

	page_begin(r, &b, title);
	page_say(r, &b, "p", text);
	if (link)
		page_link_button(r, &b, "button", link, link_text);
	page_end(r, &b);
	reply_html(r, status, &b);
}

/* --- refusals ------------------------------------------------------------------------------------------------------
 */

static bool
of_policy(int code)
{
	return (code >= SP_NO_POLICY && code <= SP_POLICY_BLOCK) || code == SP_APPROVAL;
}

static enum text
refused_title(unsigned status, int code)
{
	if (status >= 500)
		return T_REFUSED_BROKEN;
	if (status == 404)
		return T_REFUSED_FOUND;
	if (status == 429)
		return T_REFUSED_WAIT;
	if (code >= SP_LOGIN_NEEDED && code < SP_NO_POLICY)
		return T_REFUSED_LOGIN;
	return status == 401 || status == 403 ? T_REFUSED : T_REFUSED_REQUEST;
}

/* Whatever helps the administrator to find it again. */
static void
put_facts(struct req *r, struct buf *b, int code)
{
	const struct session *s = *r->session ? session_get(r->j, r->session) : NULL;
	char at[24];

	time_format(judge_now(), at);
	buf_put_str(b, "<div class=\"facts\">");
	page_say(r, b, "p class=\"dim\"", T_REFUSED_TELL);
	buf_put_str(b, "<dl>\n");
	page_fact(r, b, T_REFUSED_CODE, req_fmt(r, "SP-%d", code));
	page_say(r, b, "dt", T_REFUSED_REQUEST_ID);
	page_text(b, "<dd><code>", r->rid, "</code></dd>\n");
	page_fact(r, b, T_REFUSED_TIME, at);
	if (r->app)
		page_fact(r, b, T_REFUSED_APP, r->app->app->name);
	if (s)
		page_fact(r, b, T_REFUSED_YOU, s->email);
	buf_put_str(b, "</dl></div>\n");
}

/* The way out: never back into the same refusal by itself. */
static void
put_ways(struct req *r, struct buf *b, unsigned status, int code)
{
	bool get = req_is(r, "GET"), team = !strcmp(r->host, r->j->team_host);

	if (of_policy(code))
		page_link_button(r, b, "button", "/cdn-cgi/access/logout", T_SIGN_IN_AS_OTHER);
	else if (status >= 500 && get)
		page_link_button(r, b, "button", r->target, T_TRY_AGAIN);
	else if (refused_title(status, code) == T_REFUSED_LOGIN)
		page_link_button(r, b, "button", team ? "/" : r->app ? r->app->app->sites[0].path : "/", T_START_AGAIN);
	else if (team && get && strcmp(r->path, "/") != 0)
		page_link_button(r, b, "button quiet", "/", T_TO_START);
}

void
page_refuse(struct req *r, unsigned status, int code, const char *more)
{
	const char *next, *words = text_code(language(r), code, &next);
	struct buf b;

	if (*r->session && (code == SP_POLICY_DENY || code == SP_POLICY_BLOCK))
		words = page_words(r, T_REFUSED_POLICY); /* the title says what the words would */
	page_begin(r, &b, refused_title(status, code));
	page_alert(r, &b, words, code);
	if (more && *more)
		page_text(&b, "<p>", more, "</p>\n");
	if (of_policy(code) && r->app && r->app->app->custom_deny_message)
		page_text(&b, "<p class=\"said\">", r->app->app->custom_deny_message, "</p>\n");
	if (*next) {
		page_say(r, &b, "h2", T_REFUSED_NEXT);
		page_text(&b, "<p>", next, "</p>\n");
	}
	put_ways(r, &b, status, code);
	put_facts(r, &b, code);
	page_end(r, &b);
	reply_html(r, status, &b);
}
