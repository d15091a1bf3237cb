/*
 * refusals: what of a flood is written down. Anybody on the net can be refused as often as they like, and a record of
 * the audit chain costs an fsync and stays for ever: of nobody's refusals (no session, nothing proved) the first
 * REFUSALS_EACH of a minute are recorded one by one, the rest of that minute as one record with their number.
 *
 * They are counted by kind, address and application. IPv6 addresses count by their /64: whoever has one has all of it.
 * At most REFUSALS_MAX are told apart; all beyond are counted together. Engine: the time is an argument. May block: no.
 */
#ifndef JUDGE_REFUSALS_H
#define JUDGE_REFUSALS_H

#include "core/map.h"

#define REFUSALS_EACH 20u
#define REFUSALS_MAX 4096u
#define REFUSALS_MS 60000

struct refusal {
	int kind, code;
	char ip[64], app[40], host[256]; /* "" = several */
	int64_t since;                   /* ms */
	uint64_t n;
};
struct refusals {
	struct map by;
	struct refusal rest; /* when the table is full */
};

void refusals_init(struct refusals *t, uint64_t seed);
void refusals_release(struct refusals *t);
/* False: it is only counted; refusals_next tells. NULL is "". */
bool refusals_count(struct refusals *t, int kind, int code, const char *ip, const char *app, const char *host,
                    int64_t now_ms);
/* Again until false: one whose minute is over (all: or is not), with n the number that were only counted. */
bool refusals_next(struct refusals *t, int64_t now_ms, bool all, struct refusal *ret);

#endif
