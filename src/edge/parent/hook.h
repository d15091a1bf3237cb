/*
 * hook: the command that renews the edge's certificates (tls.acme.hook): run at the edge's start and every day, as the
 * user the parent runs as, without a shell, with stdin and stdout closed and a deadline. Its outcome is logged; what it
 * wrote is read again. One at a time. May block: no.
 */
#ifndef EDGE_PARENT_HOOK_H
#define EDGE_PARENT_HOOK_H

#include <sys/types.h>

#include "io/loop.h"

struct hook {
	struct loop *loop;
	struct loop_timer again, deadline;
	char *const *argv; /* borrowed; NULL: none */
	pid_t pid;         /* 0: does not run */
	void (*done)(void *arg);
	void *arg;
};

/* argv may be NULL: nothing is run. done: it ended well. */
void hook_start(struct hook *h, struct loop *l, char *const *argv, void (*done)(void *arg), void *arg);
/* The configuration was read again: argv is another one now, and is run at once when it differs. */
void hook_change(struct hook *h, char *const *argv);
bool hook_died(struct hook *h, pid_t pid, int status); /* true: it was the hook's */
void hook_stop(struct hook *h);                        /* ends it */

#endif
