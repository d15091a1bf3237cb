#include "edge/front/error_page.h"

#include <ctype.h>
#include <string.h>

/* As judge's pages (judge/http_reply.c); the style is judge's too, and the page does without when judge is away. */
static const struct http1_header page_headers[] = {
    {"content-type", "text/html; charset=utf-8"},
    {"content-security-policy",
     "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"},
    {"x-content-type-options", "nosniff"},
    {"x-frame-options", "DENY"},
    {"referrer-policy", "no-referrer"},
    {"cross-origin-opener-policy", "same-origin"},
    {"cache-control", "no-store"},
};

static bool
reads_pages(struct http_server *s)
{
	const struct http_request *r = http_server_request(s);
	const char *accept = r ? http_request_header(r, "accept", NULL) : NULL;

	return accept && strstr(accept, "text/html");
}

static void
put_page(struct buf *b, unsigned status, const char *text)
{
	size_t code = strcspn(text, " ");
	const char *words = text + code + (text[code] == ' '); /* a constant of ours, except for numbers */
	const char *title = status >= 500 ? "Something is not working" : "This cannot be done";

	buf_putf(b,
	         "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
	         "content=\"width=device-width, initial-scale=1\"><title>%s</title>"
	         "<link rel=\"icon\" href=\"/cdn-cgi/access/icon.svg\">"
	         "<link rel=\"stylesheet\" href=\"/cdn-cgi/access/style.css\"></head>\n<body><main>\n<h1>%s</h1>\n",
	         title, title);
	buf_putf(b, "<p class=\"bad\" role=\"alert\">%c", toupper((unsigned char)*words));
	html_escape(b, *words ? words + 1 : "");
	buf_putf(b, " (%.*s)</p>\n", (int)code, text);
	if (status >= 500)
		buf_put_str(b, "<h2>What you can do</h2>\n<p>Load the page again in a minute. If it lasts, tell your "
		               "administrator, with the code above and the time.</p>\n");
	buf_put_str(b, "</main></body></html>\n");
}

void
error_page(struct http_server *s, unsigned status, const char *text, bool close)
{
	struct buf b;

	if (!reads_pages(s)) {
		http_server_text(s, status, text, close);
		return;
	}
	buf_init(&b, 8192);
	put_page(&b, status, text);
	http_server_respond(s, &(struct http_reply){.status = status,
	                                            .headers = page_headers,
	                                            .nheaders = sizeof page_headers / sizeof *page_headers,
	                                            .body = {buf_ptr(&b), buf_len(&b)},
	                                            .close = close});
	buf_release(&b);
}
