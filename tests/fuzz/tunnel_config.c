/* A connector's config.yml by the client's keys: taken, or refused with a line for people. */
#include "cli/tunnel/tunnel.h"
#include "fuzz_file.h"

#include "cli_say.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct tunnel_options o = {0};
	struct tunnel_config t = {{0}};
	const char *first;

	if (n > 65536)
		return 0;
	said = 0;
	if (tunnel_config_parse("f.yml", d, n, &o, &t) < 0) {
		MUST(said == 1); /* one line, and not none */
	} else {
		MUST(said == 0 && o.edge.n <= CLI_LIST_MAX);
		for (size_t i = 0; i < o.edge.n; i++)
			MUST(o.edge.v[i]);
		MUST(!t.ingress || t.root);
		/* what the command line said stays */
		struct tunnel_config again = {{0}};
		struct tunnel_options mine = {.token = "mine", .edge = {.v = {"e:1"}, .n = 1}};
		first = mine.token;
		MUST(tunnel_config_parse("f.yml", d, n, &mine, &again) == 0);
		MUST(mine.token == first && mine.edge.n == 1);
		tunnel_config_release(&again);
	}
	if (n < 4096) { /* from a file it is the same */
		struct cli c = {0};
		struct tunnel_config file = {{0}};
		fuzz_file("config.yml", d, n);
		struct tunnel_options by = {.config = n % 2 ? fuzz_path : NULL}; /* else found in its place */
		snprintf(c.home, sizeof c.home, "%s", fuzz_dir);
		unsigned before = said;
		int r = tunnel_config_load(&c, &by, &file);
		MUST((r < 0) == (before > 0) && !file.tunnel == !t.tunnel && by.edge.n == o.edge.n);
		tunnel_config_release(&file);
	}
	tunnel_config_release(&t);
	return 0;
}
