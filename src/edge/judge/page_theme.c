/* What the organisation puts around the pages, and the files that pages name: style, icon, logos. */
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/judge.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/snapshot.h"
#include "edge/judge/theme.h"
#include "model/organization.h"
#include "model/picture.h"

static const char style[] =
#include "style_css.h"
    ;
static const char icon[] =
#include "icon_svg.h"
    ;

/* Nobody's host is told whose edge it came to. */
const struct organization *
page_organization(const struct req *r)
{
	bool known = r->app || !strcmp(r->host, r->j->team_host);

	return known && r->snap->norganizations ? r->snap->organizations[0] : NULL;
}

void
style_get(struct req *r)
{
	const struct organization *o = r->snap->norganizations ? r->snap->organizations[0] : NULL;
	struct buf b;

	buf_init(&b, sizeof style + 1024);
	buf_put(&b, style, sizeof style - 1);
	if (o)
		theme_css(&b, json_str_or(o->login_design, "background_color", ""),
		          json_str_or(o->login_design, "text_color", ""));
	reply_bytes(r, 200, "text/css; charset=utf-8", buf_ptr(&b), buf_len(&b));
	buf_release(&b);
}

void
icon_get(struct req *r)
{
	reply_bytes(r, 200, "image/svg+xml", icon, sizeof icon - 1);
}

bool
page_file(struct req *r)
{
	bool is_style = !strcmp(r->path, "/cdn-cgi/access/style.css"),
	     is_icon = !strcmp(r->path, "/cdn-cgi/access/icon.svg");

	if (is_style)
		style_get(r);
	else if (is_icon)
		icon_get(r);
	return is_style || is_icon;
}

static void
reply_picture(struct req *r, const char *url)
{
	const char *type = NULL;
	struct buf b;

	buf_init(&b, PICTURE_MAX);
	if (picture_bytes(url, &b, &type) == 0)
		reply_bytes(r, 200, type, buf_ptr(&b), buf_len(&b));
	else
		reply_refuse(r, SP_NOT_FOUND);
	buf_release(&b);
}

void
logo_get(struct req *r)
{
	const struct organization *o = page_organization(r);
	reply_picture(r, o ? json_str_or(o->login_design, "logo_path", "") : "");
}

/* Which applications there are is for those who are signed in. */
void
logo_app_get(struct req *r)
{
	const char *org;
	const struct app_view *a = login_session(r, NULL, &org) ? snapshot_app_by_id(r->snap, r->seg[0]) : NULL;

	reply_picture(r, a && a->app->logo_url ? a->app->logo_url : "");
}

const char *
page_logo(struct req *r)
{
	const struct organization *o = page_organization(r);
	const char *data;

	return o && picture_type(json_str_or(o->login_design, "logo_path", ""), &data) ? "/cdn-cgi/access/logo" : NULL;
}

const char *
page_logo_of(struct req *r, const struct app *a)
{
	const char *data;

	return picture_type(a->logo_url, &data) ? req_fmt(r, "/cdn-cgi/access/logo/%s", a->id) : NULL;
}
