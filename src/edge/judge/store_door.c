#include "edge/judge/store_door.h"

#include <stdio.h>
#include <unistd.h>

#include "core/log.h"
#include "edge/role/role.h"
#include "io/sandbox.h"
#include "store/store.h"

/* SQLite is told to follow no link, and /proc/self/fd/N is one. */
int
store_door_path(int state_fd, char *out, size_t size, struct reason *why)
{
	char proc[64];

	snprintf(proc, sizeof proc, "/proc/self/fd/%d", state_fd);
	ssize_t n = readlink(proc, out, size - 1);
	if (n < 0)
		return reason_set(why, E_IO, 0, "the folder \"state\" has no name");
	out[n] = '\0';
	return 0;
}

int
store_door_open(const char *where, const char *state_path, struct store **ret_s, struct reason *why)
{
	return store_open(store_is_url(where) ? where : state_path, ret_s, why);
}

/* With PostgreSQL, judge may connect to its database and to nothing else: TCP by port where the kernel can tell, and
   without UDP no name is asked for. */
int
store_door_confine(const char *where, struct store *s, struct role_run *run)
{
	struct sandbox_limits lim = {.nofile = 4096};
	bool dials = store_is_url(where), enforced = false;
	uint16_t ports[16];
	size_t n = store_ports(s, ports, 16);

	if (dials && sandbox_landlock_tcp(ports, n, &enforced) < 0)
		return role_fatal(run, "the sandbox could not be entered (landlock)");
	if (dials && !enforced)
		log_warn("sandbox", "why", "this kernel cannot bind connections to a port (landlock, Linux 6.7)", NULL);
	if (sandbox_enter(dials ? SANDBOX_JUDGE_PG : SANDBOX_JUDGE, &lim) < 0)
		return role_fatal(run, "the sandbox could not be entered");
	return 0;
}
