/* sallyport: the one program of users, host operators and administrators. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <signal.h>

#include "cli/common/cli.h"
#include "core/log.h"
#include "core/str.h"

static int
cmd_version(struct cli *c, int argc, char **argv)
{
	puts("sallyport version " SALLYPORT_VERSION);
	return 0;
}

static const struct cli_command version_command = {"version", "--version", "print the version", cmd_version};

static int
home_find(struct cli *c)
{
	const char *own = getenv("SALLYPORT_HOME"), *home = getenv("HOME");

	if (own && *own)
		return str_copy(c->home, sizeof c->home, own);
	if (!home || !*home)
		return E_NOENT;
	int n = snprintf(c->home, sizeof c->home, "%s/.sallyport", home);
	return n > 0 && (size_t)n < sizeof c->home ? 0 : E_LIMIT;
}

int
main(int argc, char **argv)
{
	static char self[4096];
	struct cli c = {0};
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	signal(SIGPIPE, SIG_IGN);
	log_init("sallyport", LOG_WARN);
	c.self = n > 0 ? self : "sallyport";
	if (home_find(&c) < 0)
		return cli_fail(SP_CLIENT_FILE,
		                "neither SALLYPORT_HOME nor HOME is set: where should keys and tokens go?");
	const struct cli_command all[] = {access_command, tunnel_command, admin_command, doctor_command,
	                                  version_command};
	return cli_dispatch(&c, "sallyport", all, sizeof all / sizeof *all, argc - 1, argv + 1);
}
