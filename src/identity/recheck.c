#include "identity/recheck.h"

#include "core/err.h"

#define NEVER RECHECK_STATE_N

static const enum recheck_state next_state[RECHECK_STATE_N][RECHECK_EVENT_N] = {
    /*                  ASK            YES            NO_ANSWER       UNCLEAR       NO */
    [RECHECK_FRESH] = {RECHECK_ASKED, NEVER, NEVER, NEVER, RECHECK_ENDED},
    [RECHECK_ASKED] = {NEVER, RECHECK_FRESH, RECHECK_SILENT, RECHECK_LOST, RECHECK_ENDED},
    [RECHECK_SILENT] = {RECHECK_ASKED, NEVER, NEVER, NEVER, RECHECK_ENDED},
    [RECHECK_LOST] = {NEVER, NEVER, NEVER, NEVER, RECHECK_ENDED},
    [RECHECK_ENDED] = {NEVER, NEVER, NEVER, NEVER, NEVER},
};

int
recheck_event(struct recheck *r, enum recheck_event e, int64_t now)
{
	enum recheck_state to = next_state[r->state][e];

	if (to == NEVER)
		return E_STATE;
	r->state = to;
	if (e == RECHECK_ASK)
		r->tried_at = now;
	if (e == RECHECK_YES)
		r->good_at = now;
	return 0;
}

/* A clock that went back makes an answer neither younger nor good for ever: it counts as due. */
static int64_t
age(int64_t since, int64_t now, int64_t every)
{
	return now < since ? every : now - since;
}

static int64_t
forgiven(const struct recheck_conf *c)
{
	return c->grace > c->every ? c->grace : c->every;
}

static int64_t
retry_after(const struct recheck_conf *c)
{
	return c->every < RECHECK_RETRY_SEC ? c->every : RECHECK_RETRY_SEC;
}

enum recheck_advice
recheck_stands(const struct recheck *r, const struct recheck_conf *c, int64_t now)
{
	if (r->state == RECHECK_ENDED)
		return RECHECK_OVER;
	if (!c->every)
		return RECHECK_GO;
	if (r->state == RECHECK_LOST)
		return RECHECK_ANEW;
	if (age(r->good_at, now, c->every) < forgiven(c))
		return RECHECK_GO;
	return c->blind ? RECHECK_ANEW : RECHECK_LATE;
}

enum recheck_advice
recheck_admit(const struct recheck *r, const struct recheck_conf *c, int64_t now)
{
	if (r->state == RECHECK_ENDED || r->state == RECHECK_LOST || c->blind)
		return recheck_stands(r, c, now);
	if (!c->every || age(r->good_at, now, c->every) < c->every)
		return RECHECK_GO;
	if (r->state == RECHECK_ASKED)
		return RECHECK_WAIT;
	if (r->state == RECHECK_SILENT && age(r->tried_at, now, c->every) < retry_after(c))
		return recheck_stands(r, c, now);
	return RECHECK_DO_ASK;
}

bool
recheck_due(const struct recheck *r, const struct recheck_conf *c, uint64_t spread, int64_t now)
{
	if (!c->every || c->blind)
		return false;
	if (r->state == RECHECK_SILENT)
		return age(r->tried_at, now, c->every) >= retry_after(c);
	if (r->state != RECHECK_FRESH)
		return false;
	int64_t early = (int64_t)(spread % (uint64_t)(c->every / 10 + 1));
	return age(r->good_at, now, c->every) >= c->every - early;
}

int64_t
recheck_end(const struct recheck *r, const struct recheck_conf *c)
{
	return c->every && (c->blind || r->state == RECHECK_LOST) ? r->good_at + forgiven(c) : 0;
}
