/* Recipient \n team host: a mail that is made has the headers we write, one recipient, and nothing of anybody else's.
 */
#include "fuzz.h"
#include "identity/pin.h"

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n), *team = strchr(s, '\n');
	struct pin_mail m = {.from = "s@corp.test",
	                     .to = s,
	                     .team = "team.test",
	                     .pin = "12345678",
	                     .id = "0123456789abcdef0123456789abcdef",
	                     .now = 1795300000};
	struct buf b;

	buf_init(&b, PIN_MAIL_MAX);
	if (team) {
		*team = 0;
		m.team = team + 1;
	}
	if (pin_mail_format(&m, &b) == 0) {
		const char *text = buf_cstr(&b);
		MUST(email_ok(s));
		MUST(count(text, "\r\n") == 16 && count(text, "\n") == 16 && count(text, "\r") == 16);
		MUST(count(text, "<") == 3 && count(text, ">") == 3);
	}
	buf_release(&b);
	free(s);
	return 0;
}
