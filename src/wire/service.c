/* The service of an ingress rule, as text (facts/cloudflared-wire.md e.4). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/str.h"
#include "wire/ingress.h"

__attribute__((format(printf, 3, 4))) static int
refuse(char *err, size_t nerr, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err, nerr, fmt, ap);
	va_end(ap);
	return E_FORMAT;
}

static int
parse_status(const char *s, struct ingress_rule *r, char *err, size_t nerr)
{
	uint64_t v;
	if (str_u64(s, 999, &v) < 0 || v < 100)
		return refuse(err, nerr, "found http_status:%s, expected 100 to 999; example http_status:404", s);
	r->kind = SERVICE_STATUS;
	r->status = (unsigned)v;
	return 0;
}

static bool
scheme_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (i > 0 && ((s[i] >= '0' && s[i] <= '9') || strchr("+.-", s[i])))))
			return false;
	return n > 0 && n < 16;
}

static int
parse_url(const char *s, const char *sep, struct ingress_rule *r, char *err, size_t nerr)
{
	static const struct {
		const char *scheme;
		uint16_t port;
		enum service_kind kind;
		bool tls;
	} rows[] = {
	    {"ssh", 22, SERVICE_TCP, false},  {"tcp", 7864, SERVICE_TCP, false}, {"rdp", 3389, SERVICE_TCP, false},
	    {"smb", 445, SERVICE_TCP, false}, {"http", 80, SERVICE_HTTP, false}, {"https", 443, SERVICE_HTTP, true},
	    {"ws", 80, SERVICE_HTTP, false},  {"wss", 443, SERVICE_HTTP, true},
	};
	size_t n = (size_t)(sep - s);
	const char *rest = sep + 3;
	enum service_kind kind = SERVICE_TCP; /* any other scheme is a raw dial with an explicit port */
	uint16_t port = 0;
	bool tls = false;
	struct hostport hp;
	if (!scheme_ok(s, n))
		return refuse(err, nerr,
		              "found service \"%s\", expected a lower-case scheme; example ssh://localhost:22", s);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strlen(rows[i].scheme) == n && memcmp(rows[i].scheme, s, n) == 0) {
			kind = rows[i].kind;
			port = rows[i].port;
			tls = rows[i].tls;
		}
	if (strpbrk(rest, "/?#"))
		return refuse(err, nerr, "found service \"%s\", expected no path; example ssh://localhost:22", s);
	if (hostport_parse(rest, port, &hp) < 0)
		return refuse(err, nerr,
		              "found service \"%s\", expected scheme://host:port; example ssh://localhost:22", s);
	if (hp.port == 0)
		return refuse(err, nerr,
		              "found service \"%s\", expected a port for this scheme; example tcp://localhost:5432", s);
	r->kind = kind;
	r->target = hp;
	r->tls = tls;
	return 0;
}

int
service_parse(const char *s, struct ingress_rule *ret_r, char *err, size_t nerr)
{
	static const char *const known[] = {"bastion",     "http_status:404",    "hello_world",
	                                    "socks-proxy", "ssh://localhost:22", NULL};
	const char *sep;
	if (strcmp(s, "bastion") == 0) {
		ret_r->kind = SERVICE_BASTION;
		return 0;
	}
	if (str_starts(s, "http_status:"))
		return parse_status(s + 12, ret_r, err, nerr);
	if (strcmp(s, "hello_world") == 0 || strcmp(s, "hello-world") == 0 || strcmp(s, "socks-proxy") == 0) {
		ret_r->kind = s[0] == 'h' ? SERVICE_HELLO : SERVICE_SOCKS;
		return 0;
	}
	if ((str_starts(s, "unix:") && s[5]) || (str_starts(s, "unix+tls:") && s[9])) {
		ret_r->kind = SERVICE_HTTP;
		ret_r->tls = s[4] == '+';
		ret_r->unix_path = strchr(s, ':') + 1;
		return 0;
	}
	sep = strstr(s, "://");
	if (sep)
		return parse_url(s, sep, ret_r, err, nerr);
	const char *near = str_nearest(s, known);
	return refuse(err, nerr, "found service \"%s\", expected scheme://host:port, bastion or http_status:N; %s %s",
	              s, near ? "did you mean" : "example", near ? near : "ssh://localhost:22");
}
