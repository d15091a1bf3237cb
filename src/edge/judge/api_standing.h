/*
 * api_standing: which API tokens no longer stand, and when each was last used. A revocation is in the store before
 * anybody is told of it, and is looked up at every request; the signer, which believes no judge, forgets the token too.
 *
 * Last use is written once a minute. May block: load, revoke and sweep, on the store.
 */
#ifndef JUDGE_API_STANDING_H
#define JUDGE_API_STANDING_H

#include "edge/judge/judge.h"
#include "identity/token.h"

#define API_SEEN_MAX 10000u /* tokens remembered: those that stand, and revoked ones until they would have expired */

struct api_seen {
	int64_t last_used, revoked_at, expires_at; /* 0 = never, not, unknown */
	bool unsaved;
};

/* At start, and when another edge wrote to the store. */
int api_standing_load(struct judge *j, struct reason *why);
bool api_revoked(const struct judge *j, const char *jti);
void api_used(struct judge *j, const char *jti, int64_t expires_at);
int64_t api_last_used(const struct judge *j, const char *jti);
int api_revoke(struct judge *j, const char *jti, int64_t expires_at);
void api_standing_sweep(struct judge *j);

#endif
