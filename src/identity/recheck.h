/*
 * recheck: when a sign-in must be confirmed again by its provider, and what follows from the answer. Engine: no I/O;
 * times are wall-clock seconds and come as arguments.
 *
 * One struct recheck a session. Its states are FRESH (the last answer was good), ASKED (one question is under way),
 * SILENT (the last question had no answer: the provider is down), LOST (it cannot be asked any more, and nobody knows
 * why: see below) and ENDED (the provider said no; for ever). Between
 * `every` and `grace` after the last good answer a silent provider is forgiven; what cannot be asked at all (blind: no
 * refresh token and no userinfo) is forgiven as long and no longer, live connections included.
 *
 * LOST: providers exchange a refresh token for the next one each time. When an answer got lost on its way, the next
 * question is refused, as it is for somebody who was removed. Then nothing new is let in before a new sign-in, and live
 * connections go on until the grace is over. May block: no.
 */
#ifndef IDENTITY_RECHECK_H
#define IDENTITY_RECHECK_H

#include <stdbool.h>
#include <stdint.h>

#define RECHECK_RETRY_SEC 30 /* a silent provider is asked again at most this seldom */

enum recheck_state { RECHECK_FRESH, RECHECK_ASKED, RECHECK_SILENT, RECHECK_LOST, RECHECK_ENDED, RECHECK_STATE_N };
enum recheck_event { RECHECK_ASK, RECHECK_YES, RECHECK_NO_ANSWER, RECHECK_UNCLEAR, RECHECK_NO, RECHECK_EVENT_N };

struct recheck_conf {
	int64_t every; /* 0 = never asked */
	int64_t grace; /* since the last good answer; counts as `every` when shorter */
	bool blind;    /* nothing to ask with */
};
struct recheck {
	enum recheck_state state;
	int64_t good_at, tried_at;
};

/* E_STATE and unchanged when the table has no such transition: a second question while one is under way, an answer
   that nobody asked for, anything after the end. */
int recheck_event(struct recheck *r, enum recheck_event e, int64_t now);

enum recheck_advice {
	RECHECK_GO,     /* the last answer is young enough */
	RECHECK_DO_ASK, /* ask, then see recheck_stands */
	RECHECK_WAIT,   /* somebody has asked already: wait for that answer */
	RECHECK_LATE,   /* refused: nothing heard within the grace */
	RECHECK_ANEW,   /* refused: only a new sign-in can tell */
	RECHECK_OVER,   /* refused: the provider said no */
};
/* Somebody wants a certificate, a token or a connection. */
enum recheck_advice recheck_admit(const struct recheck *r, const struct recheck_conf *c, int64_t now);
/* The same once the question was answered or took too long: GO, LATE, ANEW or OVER. */
enum recheck_advice recheck_stands(const struct recheck *r, const struct recheck_conf *c, int64_t now);
/* Is it time to ask for a session that merely lives? spread: any number of the session's; questions of sessions that
   began together are told apart by up to a tenth of `every`, and come early rather than late. */
bool recheck_due(const struct recheck *r, const struct recheck_conf *c, uint64_t spread, int64_t now);
/* Blind or lost: when live connections of it end; 0 = not for this. */
int64_t recheck_end(const struct recheck *r, const struct recheck_conf *c);

#endif
