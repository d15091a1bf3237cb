/* What a TLS client or an administrator may send as certificates: never taken beyond its end, and let in only by an
 * authority's signature. Bytes are tried as DER chain against a fixed authority, and as the PEM of authorities. */
#include "crypto/x509_client.h"
#include "fuzz.h"

/* of tests/vectors/mtls/ca.pem; the corpus has its certificates */
static const char roots[] =
#include "x509_client_ca.h"
    ;

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct x509_client who = {.not_after = -1};
	struct reason why = {0};
	char fingerprint[65];
	int64_t end = -1;
	int e = x509_client_verify((struct slice){(const uint8_t *)roots, sizeof roots - 1}, (struct slice){p, n},
	                           1800000000, &who, &why);

	MUST(e == 0 ? who.not_after > 1800000000 : why.text[0] || e == E_NOMEM);
	for (const char *c = who.common_name; e == 0 && *c; c++)
		MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
	e = x509_roots_check((struct slice){p, n}, fingerprint, &end, &why);
	MUST(e == 0 ? end >= 0 && fingerprint[64] == '\0' : why.text[0] || e == E_NOMEM);
	return 0;
}
