/* The first byte names which answer it is: what is read is bounded and plain, and what fetch would write of it the
 * signer reads back as the same. */
#include "fuzz.h"
#include "identity/facts.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static facts_read_fn *const readers[] = {facts_github_user,  facts_github_emails, facts_github_orgs,
	                                         facts_github_teams, facts_okta_groups,   facts_google_groups,
	                                         facts_azure_groups};
	size_t which = n ? (size_t)(p[0] - 'a') : 0;
	struct facts f = {0}, back = {0};
	struct reason r = {0};
	char next[FACTS_NEXT_MAX];
	struct buf b;

	if (!n || which > sizeof readers / sizeof *readers)
		return 0;
	buf_init(&b, 2 * FACTS_TEXT_MAX);
	if (which == sizeof readers / sizeof *readers) {
		if (facts_parse(p + 1, n - 1, &f) == 0)
			MUST(*f.sub && (!*f.email || email_ok(f.email)));
	} else if (readers[which](&f, p + 1, n - 1, next, &r) < 0) {
		MUST(r.code == SP_LOGIN_PROVIDER || r.code == SP_EMAIL);
	} else {
		MUST(which != 0 || *f.sub);
		MUST(which != 1 || email_ok(f.email));
	}
	MUST(!f.groups_unknown || f.ngroups == 0);
	for (size_t i = 0; i < f.ngroups; i++)
		MUST(*f.groups[i] && strlen(f.groups[i]) <= OIDC_GROUP_MAX);
	if (!*f.sub)
		memcpy(f.sub, "1", 2);
	MUST(facts_format(&f, &b) == 0);
	if (buf_len(&b) <= FACTS_TEXT_MAX) {
		MUST(facts_parse(buf_ptr(&b), buf_len(&b), &back) == 0);
		MUST(back.ngroups == f.ngroups && back.groups_unknown == f.groups_unknown);
	}
	facts_release(&f);
	facts_release(&back);
	buf_release(&b);
	return 0;
}
