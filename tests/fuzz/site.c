/* "pattern path": domains of applications and paths of requests. What is read again is the same; a plain path has one
 * reading; a site that ends in a star or is found by its own text has itself. */
#include "fuzz.h"
#include "model/site.h"

static void
same_again(const struct site *s)
{
	char text[512];
	struct site again;
	struct model_error err;

	snprintf(text, sizeof text, "%s%s", s->host, s->path);
	MUST(site_parse(text, &again, &err) == 0);
	MUST(site_order(s, &again) == 0);
	site_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = fuzz_text(p, n), *sp = strchr(text, ' '), plain[SITE_PLAIN_MAX + 1];
	struct model_error err = {{0}};
	struct site s;
	int ret;

	if (sp)
		*sp++ = '\0';
	ret = site_parse(text, &s, &err);
	MUST(ret == E_OK || (ret == E_FORMAT && err.text[0]));
	if (sp && site_path_plain(sp, plain) == 0) {
		MUST(plain[0] == '/' && !strstr(plain, "//") && !strstr(plain, "/../") && !strchr(plain, '\\'));
		MUST(strlen(plain) <= strlen(sp));
		if (ret == E_OK && site_path_has(s.path, plain))
			MUST(s.path[0] == '\0' || plain[1] == s.path[1] || s.path[1] == '*');
	}
	if (ret == E_OK) {
		same_again(&s);
		if (!strchr(s.host, '*'))
			MUST(site_host_has(s.host, s.host));
		if (!strchr(s.path, '*'))
			MUST(site_path_has(s.path, s.path[0] ? s.path : "/"));
		site_release(&s);
	}
	free(text);
	return 0;
}
