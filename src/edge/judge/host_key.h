/*
 * host_key: which key an SSH server must show to the edge's own sessions (ssh.host_keys).
 *
 * first-seen: the first key is pinned, audited and kept in the store; another one later ends the session. list: one of
 * the listed keys (lines with @cert-authority are for servers with host certificates, which the session's SSH library
 * cannot verify: they count for nothing here). required: nobody gets in until keys are listed. The store is asked each
 * time, so that several edges agree. May block: on the store.
 */
#ifndef JUDGE_HOST_KEY_H
#define JUDGE_HOST_KEY_H

#include "edge/judge/judge.h"

#define HOST_KEY_KIND "host_key" /* in the store */

struct host_key_case {
	const struct app *app;
	const char *destination; /* "" = the application's one service */
	const char *email;       /* whose session meets it */
	const char *key;         /* one line */
};
/* 0: go on; *ret_pinned says that it is new. Else an sp_code, why filled (for log and audit) and what a person is told
   in text. */
int host_key_judge(struct judge *j, const struct host_key_case *c, bool *ret_pinned, struct reason *why, char *text,
                   size_t ntext);
/* Algorithms of the keys that would do, comma-separated, for the key exchange; "" = any. */
void host_key_types(struct judge *j, const struct app *a, const char *destination, char *out, size_t n);

/* Forgets those of applications that are gone. */
void host_keys_sweep(struct judge *j);

#endif
