/*
 * once: what a sign-in leaves behind for exactly one later request: the state of one that went to a provider, the code
 * that carries a token to an application's host, what a waiting client is to get. Rows of the store, so that they
 * outlive this process and are taken once whoever asks.
 *
 * A row is found by the SHA-256 of its name and sealed under a key that comes from the name alone: who reads the store,
 * or a backup, can neither use nor open what is under way. Names are at least 128 random bits, or a public key that its
 * owner's box protects. Beyond ONCE_MAX of a kind the oldest go. May block: yes, on the store.
 */
#ifndef JUDGE_ONCE_H
#define JUDGE_ONCE_H

#include "core/json.h"
#include "edge/judge/judge.h"

enum once_kind { ONCE_LOGIN, ONCE_CODE, ONCE_TRANSFER, ONCE_N };

#define ONCE_MAX 10000u      /* of a kind: against a flood of sign-ins that nobody finishes */
#define ONCE_TRIM_EVERY 256u /* a kind is counted at every so many; so ONCE_MAX may be passed by as many */
#define ONCE_VALUE_MAX 49152u

/* For so many seconds. E_EXIST: the name is in use. Errors of the store. */
int once_put(struct judge *j, enum once_kind kind, const char *name, const json_t *value, int64_t seconds);
/* The value, new reference, to whoever comes first. E_NOENT: never was, taken or expired; else the store's errors. */
int once_take(struct judge *j, enum once_kind kind, const char *name, json_t **ret_value);

#endif
