/* CF_Session is a random name for a browser while it signs in; forms carry a MAC over it. */
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/login.h"

static bool
well_formed(const char *v)
{
	return strlen(v) == 32 && strspn(v, "0123456789abcdef") == 32;
}

const char *
csrf_cookie(struct req *r)
{
	const char *v = NULL;
	char fresh[33];

	if (!r->browser_over && req_cookie(r, "CF_Session", &v) == 0 && well_formed(v))
		return v;
	judge_random_hex(fresh, 16);
	v = req_fmt(r, "%s", fresh);
	reply_cookie(r, "CF_Session", v, judge_now() + CF_SESSION_TTL);
	return v;
}

const char *
csrf_token(struct req *r, const char *cookie, const char *purpose)
{
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	const char *msg = req_fmt(r, "%s\n%s", cookie, purpose);

	hmac_sha256((struct slice){r->j->csrf_key, sizeof r->j->csrf_key}, slice_str(msg), mac);
	hex_encode_str(hex, sizeof hex, mac, sizeof mac);
	return req_fmt(r, "%s", hex);
}

bool
csrf_ok(struct req *r, const char *purpose, const char *given)
{
	const char *cookie;

	if (req_cookie(r, "CF_Session", &cookie) < 0 || !well_formed(cookie))
		return false;
	return secret_eq(slice_str(csrf_token(r, cookie, purpose)), slice_str(given));
}
