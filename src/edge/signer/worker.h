/*
 * worker: one thread that computes argon2id, so that certificates go on meanwhile. One job at a time, WORKER_QUEUE_MAX
 * waiting (attack: a flood of sign-ins; beyond it E_LIMIT = SP_BUSY). Results come back on the loop's thread. Started
 * before the sandbox. May block: stop only.
 */
#ifndef EDGE_SIGNER_WORKER_H
#define EDGE_SIGNER_WORKER_H

#include <pthread.h>

#include "core/list.h"
#include "core/secret.h"
#include "crypto/password.h"
#include "io/loop.h"

#define WORKER_QUEUE_MAX 64u

struct worker_job {
	struct list link;
	struct worker *w;
	struct secret password;
	char hash[PASSWORD_HASH_MAX]; /* to verify against; "" = make one, which is then here */
	int result;                   /* of password_verify or password_hash */
	void (*done)(
	    struct worker_job *j); /* on the loop's thread; then the job is the callee's to free with worker_job_free */
	void *arg;
};
struct worker {
	struct loop *loop;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list queue;
	unsigned n;
	bool up, stop, running;
};
int worker_start(struct worker *w, struct loop *l);
void worker_stop(struct worker *w);
int worker_add(struct worker *w, struct worker_job *j); /* takes j on success */
void worker_job_free(struct worker_job *j);

#endif
