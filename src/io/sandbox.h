/*
 * sandbox: what a role may ask of the kernel, from its first untrusted byte on.
 *
 * sandbox_enter: no_new_privs, not dumpable, no core, limits, then a seccomp allow-list for the role (default: kill the
 * process). Failing to install it is fatal to the caller. Under AddressSanitizer the filter is not installed (its runtime makes
 * calls of its own) and sandbox_active() says so. (security.md 4.2)
 */
#ifndef IO_SANDBOX_H
#define IO_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

enum sandbox_role { SANDBOX_FRONT, SANDBOX_JUDGE, SANDBOX_FETCH, SANDBOX_SIGNER, SANDBOX_SESSION };
struct sandbox_limits {
	uint64_t nofile; /* 0 = leave */
	uint64_t memory; /* RLIMIT_AS is useless with sanitizers: RLIMIT_DATA; 0 = leave */
};
int sandbox_enter(enum sandbox_role role, const struct sandbox_limits *lim);
bool sandbox_active(void);

#endif
