/* Addresses and the Unix names made of them: whatever comes in, what comes out is in the charset. */
#include "ca/request.h"
#include "fuzz.h"
#include "identity/email.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char key[EMAIL_MAX + 1], again[EMAIL_MAX + 1], name[CA_PRINCIPAL_MAX + 1], cidr[CA_CIDR_MAX],
	    cidr2[CA_CIDR_MAX], id[CA_KEY_ID_MAX + 1];
	char *s = fuzz_text(p, n);
	if (email_parse((const char *)p, n, key) == 0) {
		MUST(strlen(key) == n && email_ok(key));
		MUST(email_eq(s, key) && *email_domain(key));
		MUST(email_parse(key, n, again) == 0 && !strcmp(key, again));
		for (size_t i = 0; i < n; i++)
			MUST(key[i] > 0x20 && key[i] < 0x7f && !(key[i] >= 'A' && key[i] <= 'Z'));
	}
	if (ca_principal_from_email(s, name, NULL) == 0) {
		size_t len = strlen(name);
		MUST(len >= 1 && len <= 32 && ca_principal_ok(name));
		MUST(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") <= len && !strchr(name, ',') &&
		     !strchr(name, '+'));
		MUST((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
	}
	if (ca_cidr_canonical(s, cidr) == 0)
		MUST(ca_cidr_canonical(cidr, cidr2) == 0 && !strcmp(cidr, cidr2));
	if (ca_key_id(s, s, id) == 0) {
		MUST(strspn(id, " ") <= 1);
		for (size_t i = 0; id[i]; i++)
			MUST(id[i] >= 0x20 && id[i] < 0x7f);
	}
	free(s);
	return 0;
}
