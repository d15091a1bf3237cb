/*
 * sandbox: what a role may ask of the kernel, from its first untrusted byte on.
 *
 * sandbox_enter: no_new_privs, not dumpable, no core, limits, then a seccomp allow-list for the role (default: kill the
 * process; threads included, and threads only start later in fetch). Failing to install it is
 * fatal to the caller. Under AddressSanitizer the filter is not installed (its runtime makes calls of its own) and
 * sandbox_active() says so. (security.md 4.2)
 */
#ifndef IO_SANDBOX_H
#define IO_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_role {
	SANDBOX_FRONT, /* accepts and relays; no file (open answers EACCES: malloc asks), no dialling */
	SANDBOX_JUDGE, /* opens files; no socket */
	SANDBOX_FETCH, /* dials; opens files for reading only, starts threads (resolver); its store must be open already
	                */
	SANDBOX_SIGNER,   /* neither files nor sockets; what is open may be read, written, truncated and synced */
	SANDBOX_SESSION,  /* as signer; open and socket answer EACCES instead of killing: libssh looks around by itself
	                   */
	SANDBOX_JUDGE_PG, /* judge on PostgreSQL: also connects streams; its database's addresses are resolved before */
	SANDBOX_ROLES
};
struct sandbox_limits {
	uint64_t nofile; /* 0 = leave */
	uint64_t memory; /* RLIMIT_AS is useless with sanitizers: RLIMIT_DATA; 0 = leave */
};
int sandbox_enter(enum sandbox_role role, const struct sandbox_limits *lim);
bool sandbox_active(void);

/*
 * Landlock: only what lies under rw (read, write, make, remove) and ro (read) may be opened from now on; either may be
 * NULL, NULL ends a list, a path that does not exist is skipped. Before sandbox_enter, and before threads start (it
 * binds the calling thread and its later children). A kernel without landlock: 0 and *ret_enforced = false.
 */
int sandbox_landlock(const char *const *rw, const char *const *ro, bool *ret_enforced);
/* TCP only to these ports from now on, and no port to listen on. As above; needs Linux 6.7. */
int sandbox_landlock_tcp(const uint16_t *ports, size_t n, bool *ret_enforced);

#endif
