/*
 * role_proc: one role as a process: found, started with its own uid and nothing but its channel, told its
 * configuration. The child gets fd 0 (/dev/null), 1 and 2 (ours) and 3 (the channel); everything else is closed before
 * exec.
 */
#ifndef EDGE_PARENT_ROLE_PROC_H
#define EDGE_PARENT_ROLE_PROC_H

#include <sys/types.h>

#include "core/err.h"
#include "edge/parent/edge_conf.h"
#include "msg/parent_role.h"

/* The uid a role runs under: `_sallyport-<role>` where that user exists, else one of role_uids; our own when we are not
 * root. */
struct role_ids {
	uid_t uid;
	gid_t gid;
};
void role_ids(const struct edge_conf *c, enum role r, struct role_ids *ret);

/* Starts build/libexec/sallyport-<role> (or ../libexec/sallyport/ when installed). extra_arg may be NULL. ret_fd is our
 * end. */
int role_spawn(const struct edge_conf *c, enum role r, const char *extra_arg, pid_t *ret_pid, int *ret_fd,
               struct reason *why);

/* Opens what the role is given (names of pr_file), calling give for each. The fd is closed after give returns. */
int role_give_country(const struct edge_conf *c, int (*give)(const char *, int, void *), void *arg);
int role_files(const struct edge_conf *c, enum role r, int (*give)(const char *name, int fd, void *arg), void *arg,
               struct reason *why);

/* Can everything that the roles would be given be opened? Asked before a configuration is taken. */
int role_files_check(const struct edge_conf *c, struct reason *why);

/* Takes the passphrase from a descriptor (to its end, at most 1 KiB) into a sealed memory file that every start of the
 * signer is given. */
int passphrase_keep(int from, int *ret_fd);

/* Folders of DIR with the owner and mode each role needs. Idempotent. */
int role_dirs(const struct edge_conf *c, struct reason *why);

/* pr_start as this configuration says it. Strings borrow from c and the static store. */
void role_start_msg(const struct edge_conf *c, unsigned threads, struct pr_start *ret_m);

#endif
