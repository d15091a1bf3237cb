/* The jump header, an allow-list entry and a service, each a line; then what the bastion says to an address. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/ingress.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static const uint8_t metadata[4] = {169, 254, 169, 254};
	char text[1024], err[256], *line[3] = {text, text, text}, none[1] = "";
	struct hostport hp;
	struct ingress_rule r = {0};
	struct reason why;
	if (n >= sizeof text)
		return 0;
	memcpy(text, d, n);
	text[n] = 0;
	for (size_t i = 0, k = 1; i < n && k < 3; i++)
		if (text[i] == '\n') {
			text[i] = 0;
			line[k++] = text + i + 1;
		}
	service_parse(line[2], &r, err, sizeof err);
	char *list[2] = {line[1], NULL};
	r.kind = SERVICE_BASTION;
	r.destinations = list;
	r.default_destination = none;
	if (destination_parse(line[0], 0, &hp) < 0)
		return 0;
	if (hp.port == 0 || strpbrk(hp.host, "/@ %"))
		abort();
	/* only an entry that is an address may open the metadata service */
	if (destination_check(&r, hp.host, hp.port, metadata, 4, &why) == 0 && !strpbrk(line[1], "0123456789"))
		abort();
	return 0;
}
