/* An operator's MMDB file, whatever is in it: two capital letters or nothing. */
#include "edge/judge/country.h"
#include "fuzz_file.h"

/* libmaxminddb 1.7.1 loses a few kilobytes when a file's metadata is damaged; one such file a reload is bearable. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const ips[] = {"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "255.255.255.255", "::"};
	struct country *c = NULL;
	struct reason r = {0};

	fuzz_file("country", p, n);
	if (country_open(fuzz_path, &c, &r) < 0) {
		MUST(r.code);
		return 0;
	}
	for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
		const char *cc = country_of(c, ips[i]);
		MUST(!*cc || (cc[0] >= 'A' && cc[0] <= 'Z' && cc[1] >= 'A' && cc[1] <= 'Z' && !cc[2]));
	}
	country_free(c);
	return 0;
}
