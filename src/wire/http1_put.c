/* The writing half of http1: heads that cannot be made to say more than their caller meant. */
#include <string.h>

#include "wire/http1.h"
#include "wire/token.h"

static bool
visible(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

int
http1_put_request(struct buf *out, const char *method, const char *target, const char *host)
{
	if (!token_ok(method, strlen(method)) || !visible(target) || !visible(host))
		return E_FORMAT;
	return buf_putf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host);
}

int
http1_put_status(struct buf *out, unsigned status)
{
	if (status < 100 || status > 599)
		return E_RANGE;
	return buf_putf(out, "HTTP/1.1 %u %s\r\n", status, http1_status_text(status));
}

int
http1_put_header(struct buf *out, const char *name, const char *value)
{
	if (!token_ok(name, strlen(name)) || !field_value_ok(value, strlen(value)))
		return E_FORMAT;
	return buf_putf(out, "%s: %s\r\n", name, value);
}

int
http1_put_end(struct buf *out)
{
	return buf_put_str(out, "\r\n");
}

const char *
http1_status_text(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} rows[] = {
	    {100, "Continue"},
	    {101, "Switching Protocols"},
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {301, "Moved Permanently"},
	    {302, "Found"},
	    {303, "See Other"},
	    {304, "Not Modified"},
	    {307, "Temporary Redirect"},
	    {308, "Permanent Redirect"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {410, "Gone"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {421, "Misdirected Request"},
	    {422, "Unprocessable Content"},
	    {426, "Upgrade Required"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Status";
}
