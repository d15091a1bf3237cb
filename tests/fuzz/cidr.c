/* Networks and addresses ("net address"), e-mails and domains: what parses holds what it must. */
#include "fuzz.h"
#include "model/model.h"

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n), *sp = strchr(s, ' '), out[256], again[256];
	uint8_t net[16], addr[16];
	unsigned bits = 0;

	if (sp)
		*sp++ = '\0';
	if (model_cidr(s, net, &bits) == 0) {
		MUST(bits <= 128);
		MUST(bits < 96 || model_cidr_has(net, bits, net)); /* a short prefix does not hold mapped IPv4 */
		if (sp && model_addr(sp, addr) == 0 && model_cidr_has(net, bits, addr))
			MUST(same_bits(net, addr, bits));
	}
	if (model_email(s, out) == 0)
		MUST(model_email(out, again) == 0 && strcmp(out, again) == 0 && strchr(out, '@') == strrchr(out, '@'));
	if (model_domain(s, out) == 0)
		MUST(model_domain(out, again) == 0 && strcmp(out, again) == 0);
	free(s);
	return 0;
}
