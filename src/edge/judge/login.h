/*
 * login: from "who are you" to a token, in the browser and for a waiting client.
 *
 * Where a sign-in leads is a struct login_dest; it travels in the login URL's query, and through an OIDC provider in a
 * one-time row that is bound to the browser's CF_Session cookie. Codes, rows and transfers are taken exactly once
 * (once.h) and outlive this process. May block: at sign-in, on the store.
 */
#ifndef JUDGE_LOGIN_H
#define JUDGE_LOGIN_H

#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/session.h"

/* Bounds against a flood of sign-ins that nobody finishes: beyond them the oldest goes (once.h: that of rows). */
#define PURPOSES_MAX 10000u
#define TRANSFERS_MAX 10000u /* clients that wait */
#define LOGIN_SEC 600
#define CODE_SEC 60
#define TRANSFER_SEC 900
#define TRANSFER_HOLD_SEC 55
/* Polls held at once, and of one address once many are: each holds a slot of front's channel, and without a bound polls
   for invented keys would take them all. */
#define TRANSFER_HELD_MAX 1024u
#define TRANSFER_HELD_MANY 128u
#define TRANSFER_HELD_IP_MAX 32u
#define CHOICES_MAX 50

struct login_dest {
	char host[254];      /* of the application, or the team host */
	char aud[65];        /* of the application: a host may have several, by path; "" on the team host */
	char redirect[2049]; /* a path that is safe to go to */
	char state[65];      /* SHA-256 of the application's CF_AppSession cookie, hex; "" = none */
	char cnf[65];        /* the client's key, when one waits */
	bool team;           /* come back to redirect on the team host */
	bool test;           /* an administrator tries the provider: nobody is signed in */
	const char *step;    /* of a sign-in at a provider, in words: where a refusal came from */
};

/* --- login_start.c */
void login_get(struct req *r);
/* 0 or an sp_code; *ret_a NULL for the team host. */
int login_dest_parse(struct req *r, struct login_dest *ret_d, const struct app_view **ret_a);
const char *login_link(struct req *r, const struct login_dest *d,
                       const char *idp); /* path and query on the team host */
size_t login_choices(struct req *r, const struct app_view *a, const struct idp *v[CHOICES_MAX]);
/* The session of the team host's cookie, if it is alive and may still be used for a. Borrowed; token text in *ret_org.
 */
struct session *login_session(struct req *r, const struct app_view *a, const char **ret_org);
/* Somebody is signed in: verdict, application token, back to where they came from. */
void login_continue(struct req *r, struct session *s, const char *org_token, const struct login_dest *d);
/* Asks the signer for an application token; then(r, code, token): code 0 or an sp_code. */
void login_app_token(struct req *r, struct session *s, const char *org_token, const struct app_view *a, const char *cnf,
                     const struct policy_verdict *v, void (*then)(struct req *r, int code, const char *token));
/* The signer vouched for somebody: session, cookies, on to login_continue. */
void login_vouched(struct req *r, const struct js_login_done *m, struct session_new n, const struct idp *idp,
                   const struct login_dest *d);
void login_refused(struct req *r, const char *email, const struct idp *idp, const struct login_dest *d, int code,
                   const char *why);
/* Application's 302 to the login page. */
void login_redirect(struct req *r);
void login_redirect_to(struct req *r, const char *target); /* coming back to this path and query */

/* --- evaluate.c: then(r, session, org_token) once all that its policies ask outside was asked; at once when there is
   nothing to ask. Both are good until then returns. */
void login_evaluate(struct req *r, struct session *s, const char *org_token, const struct app_view *a,
                    void (*then)(struct req *r, struct session *s, const char *org_token));

/* --- csrf.c */
const char *csrf_cookie(struct req *r); /* CF_Session, made and set when absent */
const char *csrf_token(struct req *r, const char *cookie, const char *purpose); /* for a hidden field */
bool csrf_ok(struct req *r, const char *purpose, const char *given);            /* against the cookie that came */

/* --- login_local.c, login_oidc.c, login_cli.c, authorized.c, logout.c, setup.c */
void login_post(struct req *r);
struct page_failed;
void login_local_page(struct req *r, const struct login_dest *d, const struct idp *idp, unsigned status,
                      const struct page_failed *failed);
const char *login_purpose(struct req *r, const struct login_dest *d); /* of the forms' csrf field */
/* --- login_test.c */
/* The role of who is signed in; NULL = none. */
const struct admin *login_admin(const struct req *r, const struct session *s);
void test_get(struct req *r);
void login_test_done(struct req *r, const struct js_login_done *m, const struct idp *idp);
void login_test_failed(struct req *r, const struct idp *idp, const struct login_dest *d, int code, const char *why);
/* --- login_pin.c */
void
login_pin_page(struct req *r, const struct login_dest *d, const struct idp *idp, unsigned status,
               const struct page_failed *failed); /* asks for the address, or, when the form had one, for the code */
void login_pin_post(struct req *r, const struct login_dest *d, const struct app_view *a, const struct idp *idp);
void login_oidc_start(struct req *r, const struct login_dest *d, const struct idp *idp);
void login_callback(struct req *r);
void discovery_drop(void *p);
void cli_app_get(struct req *r);
void cli_get(struct req *r);
void cli_post(struct req *r);
void tunnel_login_get(struct req *r); /* login_tunnel.c */
void tunnel_login_post(struct req *r);
void authorized_get(struct req *r);
int code_new(struct req *r, const char *host, const char *token, int64_t exp, const char **ret_code);
void logout_get(struct req *r);
void backchannel_logout(struct req *r); /* backchannel.c: the provider says that somebody signed out */
void logout_post(struct req *r);
void identity_get(struct req *r);
void certs_get(struct req *r);
void setup_get(struct req *r);
void setup_post(struct req *r);

/* --- transfer.c */
void transfer_get(struct req *r);
int transfer_key_check(const char *key, uint8_t ret_pub[32]); /* b64url of 32 bytes */
/* Seals for the waiting client; the object is read, not taken. */
int transfer_fill(struct judge *j, const char *key, const json_t *what);
void transfer_refuse(struct judge *j, const char *key, int code, const char *text);
const char *transfer_from(const struct judge *j, const char *key); /* address of the client that waits; "" = none yet */
/* The waiting client of a sign-in that was meant for one; "" when there is none. */
void login_dest_transfer(const struct login_dest *d, char ret_key[static 65]);
void login_sweep(struct judge *j); /* every second: what is too old goes, what waited long enough is answered */

/* --- app_cookie.c */
int binding_key_load(struct judge *j, struct reason *why); /* at start, from the store or made there */
/* Does the browser's CF_Binding belong to this token, where the application wants one? */
bool app_binding_ok(struct req *r, const char *token);
void app_cookies_set(struct req *r, const char *token, int64_t exp);
void app_cookies_clear(struct req *r);
/* Where to go first so that the application's other hosts get their cookies too, and then to path here; NULL: nowhere.
 */
const char *app_chain_begin(struct req *r, const char *path);
void chain_get(struct req *r);

/* --- purpose.c */
/* The deciding policy wants to know why, and was not told: the page has been sent; next is where the answer leads. */
bool purpose_asked(struct req *r, const struct session *s, const struct app_view *a, const struct policy_verdict *v,
                   const char *next);
void purpose_used(struct req *r, const struct session *s, const struct app_view *a); /* by the token it was for */
void purpose_post(struct req *r);
/* Somebody is let in: into the audit log, with what they said and who approved. */
void purpose_audit(struct req *r, const struct session *s, const struct app_view *a, const struct policy_verdict *v,
                   const char *why);
const char *purpose_prompt(struct req *r, const struct policy *p);
/* The field that asks it, with what was typed before. */
void purpose_input(struct req *r, struct buf *b, const struct policy *p);
/* The session ended while somebody wrote: what they wrote, and the way back. */
void purpose_ended(struct req *r, const char *text, const char *next);
/* 0, or what is wrong with the answer. */
int purpose_wrong(const char *text);

/* --- approval_page.c */
/* The verdict was SP_APPROVAL: asks for the reason, or says what became of the request; next is where access leads. */
void approval_page(struct req *r, const struct session *s, const struct app_view *a, const struct policy_verdict *v,
                   const char *next);
void approval_post(struct req *r);
void approve_get(struct req *r);
void approve_post(struct req *r);

/* --- app_cors.c */
enum preflight { PREFLIGHT_NONE, PREFLIGHT_ANSWERED, PREFLIGHT_BYPASS /* the origin answers it */ };
enum preflight app_preflight(struct req *r);
/* A person who is refused is sent to the application's own address for that; false: it has none. */
bool app_deny_elsewhere(struct req *r, int code);

/* --- app_request.c, ws_admit.c, http_admit.c, cert_issue.c */
void app_request(struct req *r);
/* The policy lets it in: with a session, or as r->who says; token is what the origin is told ("" = nothing). */
void app_admitted(struct req *r, struct session *s, const char *token);
void ws_admit(struct req *r, struct session *s, const char *token);
/* A tunnel with a live connector, and a ticket; false: the request is answered. */
struct ticket;
bool admission(struct req *r, const struct session *s, const char *destination, struct ticket **ret_t);
bool http_is(const struct app *a); /* is it a plain HTTP application, whose requests are relayed */
void http_admit(struct req *r, struct session *s, const char *token);
void http_sweep(struct judge *j); /* forgets what was audited long ago */
/* May a connection that goes there ("" = the application has one place only) go on? */
bool ws_destination_stands(const struct app *a, const char *destination);
void cert_issue(struct req *r);

#endif
