/*
 * The browser terminal's page: nothing but the names of its script and style sheet (web/src/terminal), which ask
 * /cdn-cgi/access/terminal for the rest.
 *
 * Its policy: script of the edge alone, none inline; a WebSocket to this host alone ('self' does not mean wss: to every
 * browser); style elements, because xterm.js makes them. Nothing else comes from anywhere.
 */
#include "edge/judge/http.h"
#include "edge/judge/page.h"
#include "web_names.h"

static const char *
policy(struct req *r)
{
	const char *host = req_origin_of(r, r->host) + sizeof "https://" - 1;

	return req_fmt(
	    r,
	    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' wss://%s; "
	    "img-src 'self' data:; font-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
	    host);
}

void
terminal_page(struct req *r)
{
	struct buf b;

	buf_init(&b, PAGE_MAX);
	buf_put_str(&b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
	page_text(&b, "<title>", r->app->app->name, "</title>");
	buf_put_str(&b, "<link rel=\"icon\" href=\"/cdn-cgi/access/icon.svg\">"
	                "<link rel=\"stylesheet\" href=\"" ASSET_TERMINAL_CSS "\">"
	                "<script defer src=\"" ASSET_TERMINAL_JS "\"></script></head>\n<body>"
	                "<div id=\"terminal\" data-state=\"connecting\"></div>\n<noscript>");
	page_say(r, &b, "p", T_TERMINAL_SCRIPT);
	page_ssh_line(r, &b);
	buf_put_str(&b, "</noscript>\n");
	buf_put_str(&b, "</body></html>\n");
	reply_header(r, "content-security-policy", policy(r));
	reply_html(r, 200, &b);
}
