/* Durations and times: what parses is in range, and its shortest text parses to the same value. */
#include "core/clock.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n), text[32], stamp[24];
	int64_t v = 0, again = 0;

	if (duration_parse(s, &v) == 0) {
		MUST(v >= 0);
		duration_format(v, text, sizeof text);
		MUST(duration_parse(text, &again) == 0 && again == v);
	}
	if (time_parse(s, &v) == 0 && v >= -62167219200 && v <= 253402300799) {
		time_format(v, stamp);
		MUST(time_parse(stamp, &again) == 0 && again == v);
	}
	if (n >= sizeof v) {
		memcpy(&v, p, sizeof v);
		time_format(v, stamp);
		MUST(time_parse(stamp, &again) == 0);
		duration_format(v, text, sizeof text);
	}
	free(s);
	return 0;
}
