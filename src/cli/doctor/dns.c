/* dns: do the names that the edge serves lead to where its team host leads, and which record is missing where. */
#include <string.h>

#include "cli/doctor/doctor.h"
#include "core/str.h"
#include "io/addr.h"
#include "io/net_listen.h"

#define NAMES_MAX 50

static bool
has_ip(const struct resolved *r, const char *ip)
{
	for (unsigned i = 0; i < r->n; i++) {
		char one[ADDR_IP_MAX];
		addr_ip((const struct sockaddr *)&r->a[i], one);
		if (!strcmp(one, ip))
			return true;
	}
	return false;
}

/* The addresses as text; false when one of them is not among those of `in`. */
static bool
list(const struct resolved *r, const struct resolved *in, char *out, size_t size)
{
	bool all = true;

	*out = '\0';
	for (unsigned i = 0; i < r->n; i++) {
		char ip[ADDR_IP_MAX];
		size_t n = strlen(out);
		addr_ip((const struct sockaddr *)&r->a[i], ip);
		snprintf(out + n, size - n, "%s%s", n ? ", " : "", ip);
		all = all && has_ip(in, ip);
	}
	return all;
}

/* A CNAME cannot stand at the top of a zone, where we cannot know the zones. */
static void
advise(const char *host, const char *team, const char *addresses)
{
	doctor_advise("where the zone of %s is kept, add: %s. CNAME %s.", host, host, team);
	doctor_advise("at the top of a zone, which takes no CNAME, instead A or AAAA: %s", addresses);
}

static void
check(struct doctor *d, const char *name, const char *team, const struct resolved *there, const char *addresses)
{
	struct resolved r = {0};
	char ask[300], found[512];

	/* of a wildcard any name will do */
	snprintf(ask, sizeof ask, "%s%s", name[0] == '*' ? "sallyport-doctor" : "", name[0] == '*' ? name + 1 : name);
	if (resolve_now(ask, 443, NULL, &r) < 0 || !r.n) {
		doctor_step(d, DOC_FAIL, "dns", "%s does not resolve", ask);
		advise(name, team, addresses);
	} else if (!list(&r, there, found, sizeof found)) {
		doctor_step(d, DOC_FAIL, "dns", "%s is %s, but the edge %s is %s", ask, found, team, addresses);
		advise(name, team, addresses);
	} else {
		doctor_step(d, DOC_OK, "dns", "%s leads to the edge, %s", ask, found);
	}
}

void
doctor_dns(struct doctor *d, const char *team, const json_t *names)
{
	struct resolved there = {0};
	char addresses[512];
	const json_t *v;
	size_t i;

	if (resolve_now(team, 443, NULL, &there) < 0 || !there.n) {
		doctor_step(d, DOC_FAIL, "dns", "the team host %s does not resolve", team);
		doctor_advise(
		    "where the zone of %s is kept, add: %s. A, with the address at which users reach this edge", team,
		    team);
		return;
	}
	list(&there, &there, addresses, sizeof addresses);
	doctor_step(d, DOC_OK, "dns", "the team host %s is %s", team, addresses);
	json_array_foreach(names, i, v)
	{
		const char *name = json_is_string(v) ? json_string_value(v) : "";
		if (i < NAMES_MAX && *name && strcmp(name, team) && strcmp(name, "h2.cftunnel.com"))
			check(d, name, team, &there, addresses);
	}
	if (i > NAMES_MAX)
		doctor_step(d, DOC_SKIP, "dns", "%zu more names", i - NAMES_MAX);
}
