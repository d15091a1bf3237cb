/*
 * ticket: one relayed connection that front moves bytes for, as judge knows it: whose it is and what it may still do.
 *
 * Lives from the relay answer until front says that it ended, or its channel goes. A cut is an order: front closes both
 * sides, the ended message then brings the byte counts. May block: no.
 */
#ifndef JUDGE_TICKET_H
#define JUDGE_TICKET_H

#include "edge/judge/judge.h"
#include "edge/judge/session.h"

#define TICKETS_MAX 100000u
#define TICKETS_PER_SESSION_MAX 1000u /* one sign-in must not eat the edge */
#define TICKET_BEGIN_SEC 120          /* front says began or ended within this */

struct ticket {
	uint64_t id;
	char key[17]; /* of the map; cf-ray too */
	char session[40], app[40], tunnel[40], domain[254], email[255], ip[64], destination[300];
	/* let in by a service token (email is its client id then), or with a client certificate */
	char ssh[33]; /* id of the session process whose side it is; "" = none */
	bool host;    /* its host's side: users are not shown it */
	char service[40], cert_ca[40], cert_print[65], common_name[256], country[3];
	uint32_t service_version;
	unsigned front;
	bool http; /* one HTTP request, or a WebSocket of an HTTP application's page: not audited one by one */
	bool begun, cut, unsent; /* unsent: front's channel was full when it was to be told */
	int64_t made_at, began_at, until;
};

/* SP_BUSY or 0. s NULL: a bypass policy, nobody signed in. */
int ticket_new(struct judge *j, const struct req *r, const struct session *s, const struct app_view *a,
               const char *destination, struct ticket **ret_t);
void ticket_began(struct judge *j, uint64_t id);
/* A ticket that outlived an earlier judge: taken up again if its token still stands, else cut. */
void ticket_live(struct judge *j, unsigned front, const struct fj_ticket_live *m);
void ticket_ended(struct judge *j, const struct fj_ticket_ended *m);
/* May whoever it belongs to still have what it opened? The verdict as of now; 0 or an sp_code with why filled. *ret_a
   lives as long as the snapshot. */
int ticket_stands(struct judge *j, uint64_t id, const struct app_view **ret_a, struct policy_verdict *ret_v,
                  struct reason *why);
void ticket_forget(struct judge *j, uint64_t id); /* it never went out */
enum ticket_by { TICKET_SESSION, TICKET_EMAIL, TICKET_APP, TICKET_TUNNEL };
void tickets_cut(struct judge *j, enum ticket_by by, const char *value, const char *why);
/* After a change of policy: each live ticket's verdict again; those it now denies are cut. */
void tickets_countries(struct judge *j); /* the country file is another one */
void tickets_judge_again(struct judge *j);
void tickets_judge_session(struct judge *j, const char *session); /* the same for what is known of one person */
void tickets_cut_again(struct judge *j);                          /* what could not be said before */
void tickets_front_gone(struct judge *j, unsigned front);
void tickets_sweep(struct judge *j);
json_t *ticket_json(const struct ticket *t);

#endif
