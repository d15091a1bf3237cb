/* Certificates, as line and as blob: what parses has a verified signature and survives a second reading. */
#include "fuzz.h"
#include "ssh/sshcert.h"

static void
check(const struct sshcert *c)
{
	MUST(c->valid_after < c->valid_before);
	MUST(c->nprincipals <= SSHCERT_PRINCIPALS_MAX && c->key_id && c->signature.n);
	MUST(c->kind == SSHCERT_USER || c->kind == SSHCERT_HOST);
	for (size_t i = 1; i < c->nextensions; i++)
		MUST(strcmp(c->extensions[i - 1].name, c->extensions[i].name) < 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sshcert c = {0};
	struct reason r = {0};
	struct buf line;
	if (sshcert_parse_line((const char *)p, n, &c, &r) == 0) {
		check(&c);
		sshcert_release(&c);
	} else {
		MUST(r.code == SP_KEY_REFUSED && !c.store);
	}
	if (sshcert_parse((struct slice){p, n}, &c, NULL) == 0) {
		check(&c);
		sshcert_release(&c);
		buf_init(&line, SSHCERT_LINE_MAX);
		MUST(sshcert_format_line((struct slice){p, n}, NULL, &line) == 0);
		MUST(sshcert_parse_line((const char *)buf_ptr(&line), buf_len(&line), &c, NULL) == 0);
		sshcert_release(&c);
		buf_release(&line);
	}
	return 0;
}
