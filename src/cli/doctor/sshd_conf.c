#include "cli/doctor/sshd_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/str.h"

int
sshd_conf_parse(const void *p, size_t n, struct sshd_conf *ret_c)
{
	struct sshd_conf c = {.n = n};

	if (n > SSHD_CONF_MAX)
		return E_LIMIT;
	if (!n || memchr(p, 0, n))
		return E_FORMAT;
	if (!(c.text = str_dup_n(p, n)))
		return E_NOMEM;
	for (size_t i = 0; i < n; i++)
		if (c.text[i] == '\n')
			c.text[i] = 0;
	if (!sshd_conf_get(&c, "port") && !sshd_conf_get(&c, "pubkeyauthentication")) {
		sshd_conf_release(&c);
		return E_FORMAT;
	}
	*ret_c = c;
	return 0;
}

void
sshd_conf_release(struct sshd_conf *c)
{
	free(c->text);
	*c = (struct sshd_conf){0};
}

const char *
sshd_conf_get(const struct sshd_conf *c, const char *keyword)
{
	size_t k = strlen(keyword);

	for (const char *line = c->text; line && line < c->text + c->n; line += strlen(line) + 1)
		if (!strncmp(line, keyword, k) && (line[k] == ' ' || !line[k]))
			return line + k + (line[k] == ' ');
	return NULL;
}

bool
sshd_list_has(const char *list, const char *name)
{
	size_t k = strlen(name);

	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, ",");
		if (n == k && !strncmp(p, name, n))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

bool
sshd_word(const char *value, size_t i, char *out, size_t n)
{
	for (const char *p = value; p && *p;) {
		p += strspn(p, " \t");
		size_t len = strcspn(p, " \t");
		if (len && !i--)
			return str_copy_n(out, n, p, len) == 0;
		p += len;
	}
	return false;
}

bool
sshd_is_set(const char *value)
{
	return value && *value && strcmp(value, "none");
}

const char *
sshd_ca_algorithm(const char *key_type)
{
	return !strcmp(key_type, "ssh-rsa") ? "rsa-sha2-512" : key_type;
}

bool
sshd_per_user(const char *path)
{
	for (const char *p = path; (p = strchr(p, '%')); p += p[1] ? 2 : 1)
		if (p[1] == 'u' || p[1] == 'h' || p[1] == 'U')
			return true;
	return *path != '/' && *path; /* relative: in the account's home */
}

/* scanf takes signs and blanks for digits; the form has neither. */
static bool
date_form(const char *s)
{
	static const char form[] = "aaa, dd aaa dddd dd:dd:dd GMT";

	for (size_t i = 0; i < sizeof form; i++) {
		bool ok = form[i] == 'd'   ? s[i] >= '0' && s[i] <= '9'
		          : form[i] == 'a' ? (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z')
		                           : s[i] == form[i];
		if (!ok)
			return false; /* a shorter text ends here, at its end */
	}
	return true;
}

int
http_date_parse(const char *s, int64_t *ret_wall)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = {0};
	char month[4] = "";
	int used = 0;

	if (!date_form(s) ||
	    sscanf(s + 3, ", %2d %3s %4d %2d:%2d:%2d GMT%n", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
	           &tm.tm_sec, &used) != 6 ||
	    used != 26)
		return E_FORMAT;
	const char *at = strstr(months, month);
	if (strlen(month) != 3 || !at || (at - months) % 3 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60 || tm.tm_year < 1970)
		return E_FORMAT;
	tm.tm_mon = (int)((at - months) / 3);
	tm.tm_year -= 1900;
	*ret_wall = timegm(&tm);
	return 0;
}
