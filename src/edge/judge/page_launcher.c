/* What somebody may open, on the team host; and what stands where an application has no page of its own. */
#include <string.h>

#include "edge/judge/judge.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/recheck.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"

void
page_ssh_line(struct req *r, struct buf *b)
{
	const char *port = r->port && r->port != 443 ? req_fmt(r, ":%u", r->port) : "";

	page_text(b, "<pre>sallyport access ssh-config --hostname ", req_fmt(r, "%s%s", r->host, port),
	          " --short-lived-cert --write</pre>\n");
}

void
page_ssh(struct req *r)
{
	struct buf b;

	page_begin_with(r, &b, &(struct page_head){.title = r->app->app->name});
	page_say(r, &b, "p", T_SSH_TEXT);
	page_ssh_line(r, &b);
	page_say(r, &b, "p", T_SSH_THEN);
	page_text(&b, "<pre>ssh USER@", r->host, "</pre>\n");
	page_end(r, &b);
	reply_html(r, 200, &b);
}

/* The first character of a name, whole. */
static const char *
initial(struct req *r, const char *name)
{
	size_t n = 1;

	while (((unsigned char)name[n] & 0xc0) == 0x80)
		n++;
	return req_fmt(r, "%.*s", (int)n, name);
}

static void
put_tile(struct req *r, struct buf *b, const struct app_view *a)
{
	const struct app *app = a->app;
	const char *logo = page_logo_of(r, app);

	page_text(b, "<li><a href=\"",
	          req_fmt(r, "%s%s", req_origin_of(r, a->app->sites[0].host), a->app->sites[0].path), "/\">");
	if (logo)
		page_text(b, "<img src=\"", logo, "\" alt=\"\">");
	else
		page_text(b, "<span class=\"initial\" aria-hidden=\"true\">", initial(r, app->name), "</span>");
	page_text(b, "<span><span class=\"name\">", app->name, "</span>");
	page_text(b, "<span class=\"where\">", app->domain, "</span></span></a></li>\n");
}

/* The verdict of every application, for this person here and now. */
static bool
may_open(const struct req *r, const struct app_view *a, struct asker *who)
{
	struct policy_verdict v = {0};

	if (!a->app->app_launcher_visible || strchr(a->app->domain, '*'))
		return false;
	snapshot_verdict(r->snap, a, who, &v);
	return policy_passes(&v);
}

void
page_launcher(struct req *r, struct session *s)
{
	struct asker who = req_asker(r, s);
	struct buf b;
	size_t n = 0;

	who.could = who.unapproved = true; /* the way to ask is by opening it */
	page_begin_with(r, &b, &(struct page_head){.title = page_words(r, T_APPS_TITLE), .wide = true});
	buf_put_str(&b, "<div class=\"top\">");
	page_say(r, &b, "p class=\"dim\"", T_APPS_YOU, s->email);
	buf_put_str(&b, "<nav>");
	page_text(&b, "<a href=\"/cdn-cgi/access/logout\">", page_words(r, T_LOGOUT_BUTTON), "</a></nav></div>\n");
	for (size_t i = 0; i < r->snap->napps; i++) {
		const struct app_view *a = &r->snap->views[i];
		if (!may_open(r, a, &who))
			continue;
		if (n++ == 0)
			buf_put_str(&b, "<ul class=\"apps\">\n");
		if (n <= TILES_MAX)
			put_tile(r, &b, a);
	}
	if (n)
		buf_put_str(&b, "</ul>\n");
	else
		page_say(r, &b, "p", T_APPS_NONE);
	if (n > TILES_MAX)
		page_say(r, &b, "p class=\"dim\"", T_APPS_MORE, req_fmt(r, "%zu", n - TILES_MAX));
	page_end(r, &b);
	reply_html(r, 200, &b);
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
