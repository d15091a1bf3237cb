#include "ssh/sshconfig.h"

#include <stdio.h>
#include <string.h>

#include "core/str.h"
#include "core/url.h"

#define PATH_LEN_MAX 1024
#define DEFAULT_HOME "~/.sallyport"

static int
refuse(struct reason *r, const char *what)
{
	return reason_set(r, E_FORMAT, SP_CLIENT_USAGE, "%s", what);
}

/* A path may hold anything printable but what one of its readers (ssh_config, the user's shell) gives a meaning even
   inside quotes. '%' is doubled later. */
static bool
path_ok(const char *s, bool bare)
{
	size_t n = strlen(s);
	if (!n || n > PATH_LEN_MAX)
		return false;
	if (s[0] != '/' && (!bare || strchr(s, '/') || s[0] == '-' || s[0] == '~' || s[0] == '='))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 || c == 0x7f || strchr("\"'\\$`!", c))
			return false;
	}
	return true;
}

static bool
needs_quotes(const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,:@%";
	return s[strspn(s, plain)] != 0;
}

/* '%' is the expansion mark of every keyword used here. */
static int
put_escaped(struct buf *out, const char *s)
{
	int e = 0;
	for (; *s && !e; s++) {
		e = buf_put_u8(out, (uint8_t)*s);
		if (!e && *s == '%')
			e = buf_put_u8(out, '%');
	}
	return e;
}

/* One word for the shell: in single quotes when it needs any (path_ok has excluded single quotes themselves). */
static int
put_word(struct buf *out, const char *s)
{
	const char *q = needs_quotes(s) ? "'" : "";
	int e = buf_put_str(out, q);
	if (!e)
		e = put_escaped(out, s);
	return e ? e : buf_put_str(out, q);
}

static int
put_command(const struct sshconfig *c, uint16_t port, const char *verb, struct buf *out)
{
	int e = put_word(out, c->program);
	if (!e)
		e = buf_putf(out, " access %s --hostname %%h", verb);
	if (!e && port)
		e = buf_putf(out, ":%u", (unsigned)port);
	if (!e && c->ca_file) {
		e = buf_put_str(out, " --ca-file ");
		if (!e)
			e = put_word(out, c->ca_file);
	}
	if (!e && c->cloudflared_home)
		e = buf_put_str(out, " --cloudflared-home");
	return e;
}

static int
put_file(const struct sshconfig *c, const char *keyword, const char *suffix, struct buf *out)
{
	int e;
	if (c->cloudflared_home)
		return buf_putf(out, "  %s ~/.cloudflared/%%h%s\n", keyword, suffix);
	if (!c->home)
		return buf_putf(out, "  %s " DEFAULT_HOME "/%%h%s\n", keyword, suffix);
	e = buf_putf(out, "  %s \"", keyword);
	if (!e)
		e = put_escaped(out, c->home);
	return e ? e : buf_putf(out, "/%%h%s\"\n", suffix);
}

static int
host_check(const char *text, struct hostport *hp, struct reason *r)
{
	if (strlen(text) > HOST_MAX + 8 || hostport_parse(text, 0, hp))
		return refuse(r, "not a host name, or host name and port, that can stand in ssh_config");
	if (hp->is_ip && hp->is_v6)
		return refuse(r, "an IPv6 address cannot be an application's host name");
	return 0;
}

int
sshconfig_format(const struct sshconfig *c, struct buf *out, struct reason *r)
{
	struct hostport hp = {0};
	int e = host_check(c->host, &hp, r);
	if (e)
		return e;
	if (!path_ok(c->program, true))
		return refuse(r, "the path of the program cannot be written safely into ssh_config");
	if ((c->home && !path_ok(c->home, false)) || (c->ca_file && !path_ok(c->ca_file, false)))
		return refuse(r, "home or CA file is not an absolute path that can be written safely into ssh_config");
	e = buf_putf(out, "Host %s\n  ProxyCommand ", hp.host);
	if (!e)
		e = put_command(c, hp.port, "ssh", out);
	if (!e)
		e = buf_put_str(out, "\n");
	if (e || !c->short_lived)
		return e;
	e = buf_putf(out, "\nMatch host %s exec \"", hp.host);
	if (!e)
		e = put_command(c, hp.port, "ssh-gen", out);
	if (!e)
		e = buf_put_str(out, "\"\n");
	if (!e)
		e = put_file(c, "IdentityFile", "-cf_key", out);
	return e ? e : put_file(c, "CertificateFile", "-cf_key-cert.pub", out);
}

int
sshconfig_key_name(const char *host, char *out, size_t n)
{
	struct hostport hp = {0};
	int e = host_check(host, &hp, NULL);
	if (e)
		return e;
	int len = snprintf(out, n, "%s-cf_key", hp.host);
	return len < 0 || (size_t)len >= n ? E_LIMIT : 0;
}
