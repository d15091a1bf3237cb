/*
 * page: the HTML that people see while they sign in. No script anywhere; every text from outside goes through
 * html_escape.
 *
 * A page is built in a buf and handed to reply_html. May block: no.
 */
#ifndef JUDGE_PAGE_H
#define JUDGE_PAGE_H

#include "edge/judge/http.h"

#define PAGE_MAX (512u << 10)

void page_begin(struct buf *b, const char *title);
/* One that is asked for again by itself. */
void page_begin_again(struct buf *b, const char *title, unsigned seconds);
void page_end(struct buf *b);
void page_text(struct buf *b, const char *before, const char *text, const char *after); /* text is escaped */
/* What a refusal looks like to a person. */
void page_refuse(struct req *r, unsigned status, int code, const char *more);
/* "You may close this window." and the like: a title and a sentence. */
void page_note(struct req *r, unsigned status, const char *title, const char *text);
/* Local sign-in form. failed: what went wrong before, or NULL. */
void page_login_form(struct req *r, unsigned status, const char *to, const char *action, const char *csrf,
                     const char *failed);
/* One-time code: asks for the address; with email not NULL for the code that was mailed to it. again: link that starts
   over. */
void page_pin_form(struct req *r, unsigned status, const char *to, const char *action, const char *csrf,
                   const char *email, const char *again, const char *failed);
struct page_choice {
	const char *name, *link;
};
void page_login_choose(struct req *r, const char *to, const struct page_choice *v, size_t n);
/* Who confirms, and what the waiting client and its code are. */
struct client_asks {
	const char *email, *from, *code, *csrf;
};
void page_cli_confirm(struct req *r, const char *host, const struct client_asks *c);
void page_tunnel_confirm(struct req *r, const struct client_asks *c);
void page_logout(struct req *r, const char *link);
void page_ssh(struct req *r);
void page_launcher(struct req *r, const struct session *s);
void page_setup(struct req *r, unsigned status, const char *email, const char *totp, const char *uri,
                const char *failed);

/* handlers */
void style_get(struct req *r);
void launcher_get(struct req *r);

#endif
