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

static struct key *ca_key;
static struct sshkey subject;

static void
setup(void)
{
	static const uint8_t seed[32] = {7};
	struct key *k = NULL;

	if (ca_key)
		return;
	MUST(key_generate(KEY_P256, 0, &ca_key) == 0);
	MUST(key_import_seed((struct slice){seed, 32}, &k) == 0 && sshkey_from_key(k, "me", &subject) == 0);
	key_free(k);
}

static void
option(struct sshcert_option *v, size_t *n, char *text)
{
	char *value = strchr(text, '=');

	if (*n == SSHCERT_OPTIONS_MAX)
		return;
	if (value)
		*value++ = 0;
	v[(*n)++] = (struct sshcert_option){text, value};
}

/* The text after the first letter, a line each: key id, then p principals, c critical options, e extensions. What an
 * authority signs of it reads back the same. */
static void
built(char *text)
{
	struct sshcert c = {.kind = SSHCERT_USER, .serial = 7, .valid_after = 1, .valid_before = 2}, back = {0};
	struct buf blob;
	char *save = NULL;

	setup();
	buf_init(&blob, SSHCERT_BLOB_MAX);
	c.key_id = strtok_r(text, "\n", &save);
	for (char *l; c.key_id && (l = strtok_r(NULL, "\n", &save));) {
		if (*l == 'p' && c.nprincipals < SSHCERT_PRINCIPALS_MAX)
			c.principals[c.nprincipals++] = l + 1;
		if (*l == 'c')
			option(c.critical, &c.ncritical, l + 1);
		if (*l == 'e')
			option(c.extensions, &c.nextensions, l + 1);
	}
	if (c.key_id && sshcert_sign(&c, &subject, ca_key, &blob) == 0) {
		MUST(sshcert_parse(buf_slice(&blob), &back, NULL) == 0);
		MUST(!strcmp(back.key_id, c.key_id) && back.nprincipals == c.nprincipals && back.serial == 7);
		MUST(back.ncritical == c.ncritical && back.nextensions == c.nextensions);
		check(&back);
		sshcert_release(&back);
	}
	buf_release(&blob);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sshcert c = {0};
	struct reason r = {0};
	struct buf line;
	if (n && p[0] == 'k') {
		char *text = fuzz_text(p + 1, n - 1);
		built(text);
		free(text);
	}
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
