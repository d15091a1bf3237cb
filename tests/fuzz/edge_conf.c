/* sallyportd.yml: taken whole or refused with one line that names the file. */
#include "edge/parent/edge_conf.h"
#include "fuzz_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct edge_conf *c = NULL;
	struct conf_error err = {{0}};
	char iss[300];

	if (edge_conf_parse("/d", "f.yml", d, n, &c, &err) < 0) {
		MUST(!c);
		MUST(!strchr(err.text, '\n'));
		return 0;
	}
	MUST(c->team.host[0] && c->team.port && c->ncerts <= EDGE_CERTS_MAX);
	edge_conf_issuer(c, iss, sizeof iss);
	edge_conf_free(c);
	c = NULL;
	fuzz_file("sallyportd.yml", d, n);
	MUST(edge_conf_load(fuzz_dir, &c, &err) == 0 && c->ncerts <= EDGE_CERTS_MAX);
	edge_conf_free(c);
	return 0;
}
