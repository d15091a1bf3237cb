/*
 * ssh_session: an SSH session that the edge itself takes part in, as judge knows it: a process (edge/session), its
 * control channel, and two tickets, one a side.
 *
 * Made by terminal_admit once the policy has said yes; the parent starts the process. It gets one certificate for one
 * key, on the evidence of the user's application token, which judge keeps until then and the process never sees. Either
 * ticket's cut ends it, with the reason told. It lives until the parent says that its process is gone. May block: no.
 */
#ifndef JUDGE_SSH_SESSION_H
#define JUDGE_SSH_SESSION_H

#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/ticket.h"
#include "msg/session.h"

#define SSH_SESSIONS_MAX 100000u
#define SSH_SESSIONS_PER_LOGIN 100u /* one sign-in must not take every process of the edge */
#define SSH_IDLE_SEC 3600           /* of a browser's: an unlocked machine */
#define SSH_DETACHED_SEC 60
#define SSH_END_SEC 6 /* told to end; then it is killed */

struct ssh_session {
	struct judge *j;
	char id[33];
	struct ipc *ipc; /* NULL before the process is there, and after it */
	enum session_mode mode;
	uint64_t user_ticket, host_ticket;
	char session[40], app[40], email[255], ip[64], country[3], idp[255], destination[301];
	char asked[65], user[65]; /* the name as the signer is asked for it ("" = e-mail's prefix), and as it will be */
	char ca[2049];
	struct secret token; /* until the certificate is there */
	char host[254];      /* as the user named it */
	unsigned front;      /* its channel */
	uint64_t serial;
	uint32_t cert_id;                  /* its request for the certificate */
	bool begun, ended, detached, gone; /* gone: its process; what it said last may still be read */
	char how[64];
	int64_t made_at, began_at, until, kill_at; /* kill_at 0 = not */
	uint64_t bytes_in, bytes_out;
};

/* A new one for this request, not yet started: tickets made, token kept. 0 or an sp_code. */
struct ssh_session_want {
	enum session_mode mode;
	const char *destination, *asked, *user, *token, *ca;
};
int ssh_session_new(struct req *r, const struct session *s, const struct ssh_session_want *w,
                    struct ssh_session **ret_x);
/* Starts its process and answers the request: SESSION, or the refusal. */
void ssh_session_start(struct req *r, struct ssh_session *x);
/* Gives a living one another user's side and answers the request. t is the new ticket. */
void ssh_session_attach(struct req *r, struct ssh_session *x, struct ticket *t);
struct ssh_session *ssh_session_get(const struct judge *j, const char *id);
size_t ssh_session_count(const struct judge *j, const char *session);
void ssh_session_cut(struct judge *j, const char *id, const char *why);
void ssh_session_end(struct ssh_session *x, int code, const char *text);
/* The parent's word. */
int ssh_session_channel(struct judge *j, const char *id, int fd);
void ssh_session_process_ended(struct judge *j, const char *id, const char *how);
void ssh_sessions_tick(struct judge *j);
void ssh_session_drop(void *x); /* of the map */

/* --- terminal_admit.c */
void terminal_get(struct req *r);

/* --- cert_issue.c: what an order to the signer is made of, for a session process too */
int cert_principal(const struct app *a, const struct policy *p, const char *email, const char *asked,
                   const char **ret_name);
/* --- ws_admit.c: 0 and "host:port" ("" = the application's one service), or an sp_code. */
int ws_destination(const struct app *a, const char *asked, char out[static 300]);

#endif
