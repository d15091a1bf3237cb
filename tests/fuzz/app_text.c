/* What the client reads of its token, of the edge's redirect and of its own file of a discovery. */
#include "cli/access/app.h"
#include "core/str.h"
#include "fuzz.h"

static void
check_aud(const char *aud)
{
	MUST(strlen(aud) == 64 && strspn(aud, "0123456789abcdef") == 64); /* part of a file's name */
}

static void
token(struct slice s)
{
	char out[64];
	int64_t exp;

	if (token_ok(s))
		MUST(!memchr(s.p, '\n', s.n) && !memchr(s.p, 0, s.n) && s.n <= TOKEN_MAX);
	token_expiry(s, &exp);
	if (token_claim(s, "cnf", out, sizeof out) == 0)
		MUST(strlen(out) < sizeof out);
	token_claim(s, "email", out, 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct hostport team = {0};
	struct app a = {.at = {.port = 443}};
	char aud[65] = "", *text = fuzz_text(d, n);
	struct buf t;

	token((struct slice){d, n});
	if (n < 4096) { /* the same bytes as a payload */
		buf_init(&t, 65536);
		MUST(buf_put_str(&t, "e30.") == 0 && b64_encode(&t, B64_URL, d, n) == 0 &&
		     buf_put_str(&t, ".c2ln") == 0);
		token(buf_slice(&t));
		buf_release(&t);
	}
	if (app_cache_parse((struct slice){d, n}, &team, aud) == 0) {
		MUST(team.host[0] && team.port);
		check_aud(aud);
	}
	MUST(app_redirect_parse(200, text, &a) == E_NOENT && app_redirect_parse(302, NULL, &a) == E_NOENT);
	if (app_redirect_parse(302, text, &a) == 0) {
		MUST(a.team.host[0] && a.team.port);
		check_aud(a.aud);
	}
	free(text);
	return 0;
}
