/* X-Forwarded-For from a trusted peer: the address that comes out is an address, and none that a user could choose by
 * writing to the left of what the proxy added. */
#include "core/str.h"
#include "edge/front/proxies.h"
#include "fuzz.h"
#include "model/model.h"

static int
client(const struct proxies *p, const char *first, const char *second, char out[static 64])
{
	const struct http1_header h[] = {{"x-forwarded-for", first}, {"accept", "*"}, {"x-forwarded-for", second}};
	struct http_request r = {.headers = h, .nheaders = 3};

	return proxies_client(p, "10.0.0.1", &r, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static const char *const list[] = {"10.0.0.0/8", "2001:db8::/32"};
	struct proxies p = {.n = 0}, none = {.n = 0};
	struct reason why = {0};
	char out[64], again[64], *text = fuzz_text(d, n), *second = strchr(text, '\n');
	uint8_t addr[16];

	if (second)
		*second++ = 0;
	MUST(proxies_init(&p, list, 2, &why) == 0);
	if (client(&p, text, second ? second : "", out) == 0) {
		MUST(model_addr(out, addr) == 0);
		if (!proxies_trusted(&p,
		                     out)) { /* reading stopped there: what the user wrote in front is not looked at */
			char *forged = str_fmt("rubbish,%s", text);
			MUST(forged && client(&p, forged, second ? second : "", again) == 0 && !strcmp(out, again));
			free(forged);
		}
	}
	MUST(client(&none, text, "192.0.2.1", out) == 0 && !strcmp(out, "10.0.0.1"));
	const char *one[] = {text};
	if (proxies_init(&p, one, 1, &why) < 0)
		MUST(why.text[0]);
	proxies_trusted(&p, text);
	free(text);
	return 0;
}
