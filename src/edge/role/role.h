/*
 * role: the child's side of the parent protocol (msg/parent_role.h), the same in every role: fd 3 is the channel;
 * configuration in, descriptors in, then go(): open what is needed, confine, answer ready; after that neighbours may be
 * replaced.
 */
#ifndef EDGE_ROLE_ROLE_H
#define EDGE_ROLE_ROLE_H

#include "io/ipc.h"
#include "msg/parent_role.h"

struct role_run;
struct role_ops {
	int (*start)(struct role_run *r, const struct pr_start *m, void *arg); /* copy what is needed; < 0: fatal */
	int (*file)(struct role_run *r, const char *name, int fd,
	            void *arg); /* fd is the callee's; NULL = none expected */
	int (*listener)(struct role_run *r, const struct pr_listener *m, int fd, void *arg); /* NULL = none expected */
	int (*peer)(struct role_run *r, enum role who, unsigned index, int fd,
	            void *arg);                   /* also later: replaces the old one */
	int (*go)(struct role_run *r, void *arg); /* everything is here: open, confine; < 0: fatal */
	void (*role_state)(struct role_run *r, const struct pr_role_state *m, void *arg); /* judge only */
	/* front and session: an end of a pair; judge: a session's control channel, and its end. fd is the callee's. */
	int (*session_pair)(struct role_run *r, const struct pr_session_pair *m, int fd, void *arg);
	int (*session_channel)(struct role_run *r, const char *session, int fd, void *arg);
	void (*session_ended)(struct role_run *r, const struct pr_session_ended *m, void *arg);
	void (*reload)(struct role_run *r, void *arg); /* may be NULL */
	void (*drain)(struct role_run *r, void *arg);  /* NULL: exit at once */
};

/* Runs the loop until the parent goes away or role_exit. Returns the exit status. name: static. */
int role_main(const char *name, const struct role_ops *ops, void *arg);
struct loop *role_loop(const struct role_run *r);
/* judge: for its requests to the parent. NULL once it is gone. */
struct ipc *role_parent(const struct role_run *r);
/* Why it cannot go on, for the parent and the log; then the process ends with status 1. Returns E_STATE. */
int role_fatal(struct role_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void role_exit(struct role_run *r); /* in order, status 0 */

#endif
