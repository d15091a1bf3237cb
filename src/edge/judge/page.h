/*
 * page: the HTML that people see while they sign in. No script anywhere; every text from outside goes through
 * html_escape; every word of ours comes from text_en.h.
 *
 * A page is built in a buf and handed to reply_html. The organisation's name, texts, colours and logo are around it
 * (theme.h). May block: no.
 */
#ifndef JUDGE_PAGE_H
#define JUDGE_PAGE_H

#include "edge/judge/http.h"
#include "edge/judge/text.h"

#define PAGE_MAX (512u << 10)
#define TILES_MAX 300u /* applications on the launcher: the page stays below PAGE_MAX */

/* --- page.c: what every page is made of */
void page_begin(struct req *r, struct buf *b, enum text title);
struct page_head {
	const char *title; /* text from outside is fine */
	bool wide;
};
void page_begin_with(struct req *r, struct buf *b, const struct page_head *h);
void page_end(struct req *r, struct buf *b);
void page_text(struct buf *b, const char *before, const char *text, const char *after); /* text is escaped */
/* <tag>words</its name>: tag as in `p class="dim"`; then as many texts (const char *) as the words have places. */
void page_say(struct req *r, struct buf *b, const char *tag, enum text t, ...);
const char *page_words(struct req *r, enum text t); /* not escaped */
/* What went wrong, read out at once; code 0 = none to name. */
void page_alert(struct req *r, struct buf *b, const char *text, int code);
/* <dt>name</dt><dd>value</dd> */
void page_fact(struct req *r, struct buf *b, enum text name, const char *value);
void page_form(struct buf *b, const char *action, const char *csrf); /* NULL: to where the page is; no field */
void page_button(struct req *r, struct buf *b, enum text t);
void page_link_button(struct req *r, struct buf *b, const char *class, const char *to, enum text t);
/* What a refusal looks like to a person. */
void page_refuse(struct req *r, unsigned status, int code, const char *more);
/* A title and a sentence; link NULL = none. */
void page_note(struct req *r, unsigned status, enum text title, enum text text, const char *link, enum text link_text);

/* --- page_sign.c */
/* What is to be reached: an application's name and host, or the team host alone. */
void page_reach(struct req *r, struct buf *b, const char *host);
/* What went wrong before: said with a code. words NULL = nothing. */
struct page_failed {
	const char *words;
	int code;
};
void page_login_form(struct req *r, unsigned status, const char *host, const char *action, const char *csrf,
                     const struct page_failed *failed);
/* One-time code: asks for the address; with email not NULL for the code that was mailed to it. again: link that starts
   over. */
void page_pin_form(struct req *r, unsigned status, const char *host, const char *action, const char *csrf,
                   const char *email, const char *again, const struct page_failed *failed);
struct page_choice {
	const char *name, *link;
};
void page_login_choose(struct req *r, const char *host, const struct page_choice *v, size_t n);
/* Who confirms, and what the waiting client and its code are. */
struct client_asks {
	const char *email, *from, *code, *csrf;
};
void page_cli_confirm(struct req *r, const char *host, const struct client_asks *c);
void page_tunnel_confirm(struct req *r, const struct client_asks *c);
void page_logout(struct req *r, const char *link);
void page_setup(struct req *r, unsigned status, const char *email, const char *totp, const char *uri, bool failed);

/* --- page_launcher.c */
/* The command a user runs once for ssh to this application, in a <pre>. */
void page_ssh_line(struct req *r, struct buf *b);
void page_ssh(struct req *r);
void terminal_page(struct req *r); /* terminal_page.c: the browser terminal (web/src/terminal) */
void page_launcher(struct req *r, struct session *s);
void launcher_get(struct req *r);

/* --- page_theme.c */
const struct organization *page_organization(const struct req *r); /* NULL = none is set, or not for this reader */
/* Path of the organisation's logo or an application's (NULL = none that we show). */
const char *page_logo(struct req *r);
const char *page_logo_of(struct req *r, const struct app *a);
void style_get(struct req *r);
void icon_get(struct req *r);
bool page_file(struct req *r); /* one of the two, which any host has: true when it was answered */
void logo_get(struct req *r);
void logo_app_get(struct req *r);

/* --- page_qr.c: the one user of libqrencode */
/* An SVG picture of text; nothing when it cannot be drawn (too long: the secret stands beside it as text). */
void page_qr(struct req *r, struct buf *b, const char *text);

#endif
