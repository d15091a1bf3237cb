/* host:port: what parses, formats to text that parses to the same. */
#include "core/url.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n), text[HOST_MAX + 16], host[HOST_MAX + 1];
	struct hostport hp, again;

	if (hostport_parse(s, 0, &hp) == 0) {
		hostport_format(&hp, text, sizeof text);
		MUST(hostport_parse(text, 0, &again) == 0);
		MUST(strcmp(again.host, hp.host) == 0 && again.port == hp.port && again.is_v6 == hp.is_v6);
		MUST(!strpbrk(hp.host, "/@?# \r\n"));
		(void)host_is_localhost(hp.host);
	}
	if (host_parse((const char *)p, n, host) == 0)
		MUST(strlen(host) == n);
	free(s);
	return 0;
}
