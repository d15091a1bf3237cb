/*
 * evaluation: the rule that asks somebody else (external_evaluation). We POST {"token": JWT} with who it is and a
 * nonce, signed by our token key; the answer is {"token": JWT}, signed RS256 by a key of the rule's keys_url, with the
 * same nonce, an exp, and success. No I/O.
 *
 * Whatever is not exactly that is no answer: E_* with a reason (SP_POLICY_DENY). A verified "success": false is an
 * answer too: no. May block: no.
 */
#ifndef IDENTITY_EVALUATION_H
#define IDENTITY_EVALUATION_H

#include "identity/token.h"

#define EVALUATION_TTL 60    /* seconds that our request lives */
#define EVALUATION_LIFE 3600 /* and an answer, at most */
#define EVALUATION_ANSWER_MAX 65536
#define EVALUATION_NONCE 32 /* hexadecimal digits */

/* Claims of the request about whoever the opened org token names. New reference, NULL when out of memory. */
json_t *evaluation_claims(const struct token *org, const char *iss, const char *evaluate_url, const char *nonce,
                          int64_t now);
int evaluation_check(const char *answer, size_t n, const char *keys, const char *nonce, int64_t now, bool *ret_yes,
                     struct reason *r);
/* The claims of an answer whose signature was verified. */
int evaluation_read(const json_t *claims, const char *nonce, int64_t now, bool *ret_yes, struct reason *r);

#endif
