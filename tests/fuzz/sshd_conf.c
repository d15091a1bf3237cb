/* What `sshd -T` and a Date: header could say, and the readers of their values. */
#include "cli/doctor/sshd_conf.h"
#include "fuzz.h"

static void
value(const char *v)
{
	char word[64];
	size_t i = 0;

	while (sshd_word(v, i, word, sizeof word)) {
		MUST(word[0] && strlen(word) < sizeof word && !strpbrk(word, " \t"));
		i++;
	}
	if (sshd_list_has(v, "ssh-ed25519"))
		MUST(strstr(v, "ssh-ed25519"));
	if (sshd_is_set(v))
		sshd_per_user(v);
	MUST(*sshd_ca_algorithm(v) || !*v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static const char *const keywords[] = {"port",    "pubkeyauthentication",  "trustedusercakeys",
	                                       "hostkey", "casignaturealgorithms", "authorizedprincipalsfile"};
	struct sshd_conf c = {0};
	char *text = fuzz_text(d, n);
	int64_t at = 0;

	if (sshd_conf_parse(d, n, &c) == 0) {
		for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
			const char *v = sshd_conf_get(&c, keywords[i]);
			MUST(!v || (v > c.text && v + strlen(v) <= c.text + c.n));
			if (v)
				value(v);
		}
		sshd_conf_release(&c);
	}
	value(text);
	if (http_date_parse(text, &at) == 0)
		MUST(at >= 0 && strlen(text) == 29);
	free(text);
	return 0;
}
