#include "identity/pin.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/str.h"
#include "core/url.h"

#define PIN_CODES 100000000u /* 10 to the PIN_DIGITS */

int
pin_make(const uint8_t random[static 8], char out[static PIN_DIGITS + 1])
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | random[i];
	if (v >= UINT64_MAX - UINT64_MAX % PIN_CODES)
		return E_RANGE;
	snprintf(out, PIN_DIGITS + 1, "%0*u", PIN_DIGITS, (unsigned)(v % PIN_CODES));
	return 0;
}

int
pin_parse(const void *p, size_t n, char out[static PIN_DIGITS + 1])
{
	const char *s = p;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == ' ' || s[i] == '\t')
			continue;
		if (s[i] < '0' || s[i] > '9' || k == PIN_DIGITS)
			return E_FORMAT;
		out[k++] = s[i];
	}
	out[k] = 0;
	return k == PIN_DIGITS ? 0 : E_FORMAT;
}

static bool
id_ok(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

/* RFC 5322 section 3.3; names of days and months do not follow the locale. */
static int
put_date(struct buf *out, int64_t now)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)now;
	struct tm tm;

	if (now < 0 || !gmtime_r(&t, &tm) || tm.tm_year > 8099)
		return E_RANGE;
	return buf_putf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday, tm.tm_mday,
	                months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool
host_ok(const char *s)
{
	char host[HOST_MAX + 1];

	return host_parse(s, strlen(s), host) == 0 && strcmp(host, s) == 0;
}

int
pin_mail_format(const struct pin_mail *m, struct buf *out)
{
	char pin[PIN_DIGITS + 1];
	int e;

	if (!email_ok(m->from) || !email_ok(m->to) || !id_ok(m->id) || !host_ok(m->team) ||
	    pin_parse(m->pin, strlen(m->pin), pin) < 0)
		return E_FORMAT;
	if ((e = put_date(out, m->now)) < 0)
		return e;
	return buf_putf(out,
	                "From: <%s>\r\nTo: <%s>\r\nSubject: Your code for %s\r\nMessage-ID: <%s@%s>\r\n"
	                "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	                "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
	                "Your code to sign in at %s:\r\n\r\n    %s\r\n\r\n"
	                "It works once, for %d minutes, in the browser that asked for it.\r\n"
	                "If that was not you, do nothing: without the code nobody gets in.\r\n"
	                "Nobody but that page will ever ask you for it.\r\n",
	                m->from, m->to, m->team, m->id, m->team, m->team, pin, PIN_MINUTES);
}

int
asked_mail_format(const struct asked_mail *m, struct buf *out)
{
	char port[8] = "";
	size_t n = strlen(m->request);
	int e;

	if (!email_ok(m->from) || !email_ok(m->to) || !email_ok(m->who) || !id_ok(m->id) || !host_ok(m->team) ||
	    !host_ok(m->app) || n < 32 || n > 36 || strspn(m->request, "0123456789abcdef-") != n || m->port > 65535)
		return E_FORMAT;
	if (m->port && m->port != 443)
		snprintf(port, sizeof port, ":%u", m->port);
	if ((e = put_date(out, m->now)) < 0)
		return e;
	return buf_putf(out,
	                "From: <%s>\r\nTo: <%s>\r\nSubject: %s asks for access to %s\r\nMessage-ID: <%s@%s>\r\n"
	                "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	                "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
	                "%s asks for access to %s.\r\n\r\n"
	                "To see why, and to approve or refuse, sign in here:\r\n\r\n"
	                "    https://%s%s/cdn-cgi/access/approve/%s\r\n\r\n"
	                "Nothing happens before you decide there.\r\n",
	                m->from, m->to, m->who, m->app, m->id, m->team, m->who, m->app, m->team, port, m->request);
}
