/* ssh_config text from hostile names and paths: always the same few lines, nothing of which another reader could make
 * more. */
#include "fuzz.h"
#include "ssh/sshconfig.h"

static const char *const heads[] = {"Host ",       "  ProxyCommand ", "",
                                    "Match host ", "  IdentityFile ", "  CertificateFile "};

static size_t
count(const char *s, size_t n, char c)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		k += s[i] == c;
	return k;
}

static void
check(const char *s, size_t lines)
{
	size_t i = 0;
	for (; *s; i++) {
		const char *end = strchr(s, '\n');
		MUST(end && i < lines && !strncmp(s, heads[i], strlen(heads[i])));
		size_t n = (size_t)(end - s);
		MUST(count(s, n, '"') % 2 == 0 && count(s, n, '"') <= 2 && count(s, n, '\'') % 2 == 0);
		for (size_t j = 0; j < n; j++) {
			MUST((unsigned char)s[j] >= 0x20 && s[j] != 0x7f && !strchr("\\$`!", s[j]));
			if (s[j] == '%') {
				MUST(s[j + 1] == 'h' || s[j + 1] == '%');
				j++;
			}
		}
		s = end + 1;
	}
	MUST(i == lines);
}

/* host \n program \n home \n ca file */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n), *part[4] = {s, s, NULL, NULL}, *at = s;
	struct buf b;
	char name[300];
	for (int i = 1; i < 4 && (at = strchr(at, '\n')); i++) {
		*at++ = 0;
		part[i] = at;
	}
	struct sshconfig c = {.host = part[0], .program = part[1], .home = part[2], .ca_file = part[3]};
	for (int i = 0; i < 2; i++) {
		c.short_lived = i;
		buf_init(&b, 65536);
		if (sshconfig_format(&c, &b, NULL) == 0)
			check(buf_cstr(&b), i ? 6 : 2);
		buf_release(&b);
	}
	if (sshconfig_key_name(s, name, sizeof name) == 0)
		MUST(!strchr(name, '/') && name[0] != '.' && name[0] != '-');
	free(s);
	return 0;
}
