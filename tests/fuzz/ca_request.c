/* Certificate requests: what is signed reads back with one principal of the charset and a short life, or nothing is
 * signed. */
#include "ca/build.h"
#include "core/str.h"
#include "fuzz.h"

#define NOW 1800000000
#define FIELDS 16

static struct key *
authority(void)
{
	static struct key *k;
	static const uint8_t seed[32] = {1, 2, 3};
	if (!k)
		MUST(key_import_seed((struct slice){seed, sizeof seed}, &k) == 0);
	return k;
}

static void
check(const struct buf *line, const struct ca_request *q)
{
	struct sshcert c = {0};
	MUST(sshcert_parse_line((const char *)buf_ptr(line), buf_len(line), &c, NULL) == 0);
	MUST(c.kind == SSHCERT_USER && c.nprincipals == 1 && !strcmp(c.principals[0], q->principal) &&
	     ca_principal_ok(q->principal));
	MUST(q->reserved_ok || !ca_principal_reserved(q->principal));
	MUST(c.valid_after >= NOW - CA_BACKDATE_MAX && c.valid_before <= NOW + CA_TTL_MAX && c.valid_before > NOW);
	MUST(c.nextensions == q->nextensions && c.ncritical == (q->nsource_address ? 1 : 0));
	for (const char *p = c.key_id; *p; p++)
		MUST(*p >= 0x20 && *p < 0x7f);
	sshcert_release(&c);
}

/* One field a line: key, principal, e-mail, session, ttl, backdate, then "-" sources or else extensions. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n), *at = s, *v[FIELDS];
	const char *ext[FIELDS], *src[FIELDS];
	size_t nv = 0;
	uint64_t ttl = 0, back = 0;
	struct buf line;
	while (at && nv < FIELDS) {
		v[nv++] = at;
		at = strchr(at, '\n');
		if (at)
			*at++ = 0;
	}
	if (nv >= 6) {
		(void)str_u64(v[4], UINT32_MAX, &ttl);
		(void)str_u64(v[5], UINT32_MAX, &back);
		struct ca_request q = {.public_key = v[0],
		                       .principal = v[1],
		                       .email = v[2],
		                       .session = v[3],
		                       .now = NOW,
		                       .ttl = (int64_t)ttl,
		                       .backdate = (int64_t)back,
		                       .serial = 1,
		                       .reserved_ok = n & 1,
		                       .extensions = ext,
		                       .source_address = src};
		for (size_t i = 6; i < nv; i++) {
			if (v[i][0] == '-')
				src[q.nsource_address++] = v[i] + 1;
			else
				ext[q.nextensions++] = v[i];
		}
		buf_init(&line, SSHCERT_LINE_MAX);
		if (ca_build(&q, authority(), NULL, &line, NULL) == 0)
			check(&line, &q);
		else
			MUST(buf_len(&line) == 0);
		buf_release(&line);
	}
	free(s);
	return 0;
}
