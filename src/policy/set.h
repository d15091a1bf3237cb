/* set: the compiled snapshot's inside, shared by compile, eval and explain. Not for other folders. */
#ifndef POLICY_SET_H
#define POLICY_SET_H

#include "core/map.h"
#include "policy/compile.h"
#include "policy/members.h"
#include "policy/rule.h"

/* Rules of one list. Many of them are single addresses: those of an include or exclude list are found by one search,
   the others are walked. */
struct email_key {
	uint64_t hash; /* email_hash */
	const char *text;
};
struct rules {
	const struct rule *v; /* all, as written */
	uint32_t n;
	const struct email_key *emails; /* by hash, then text */
	const struct rule *const *rest; /* those that are no SEL_EMAIL */
	uint32_t nemails, nrest;
};
static inline uint64_t
email_hash(const char *s)
{
	uint64_t h = 14695981039346656037ull;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211ull;
	return h;
}
struct ruleset {
	struct rules include, require, exclude;
};
struct set_group {
	const char *id, *name;
	struct ruleset rs;
	bool identity;      /* some rule in it, or below, asks about the person */
	unsigned depth;     /* 1 = no group inside */
	uint64_t steps;     /* rules looked at, at most */
	const char *broken; /* why it cannot be used */
	enum { GROUP_WHITE, GROUP_GREY, GROUP_BLACK } color;
};
struct set_list {
	const char *id, *name;
	struct members items;
};
struct set_policy {
	const char *id, *name;
	int decision;
	int64_t session_ms; /* the application's when the policy has none */
	bool approval;      /* wants one: lets nobody in by itself */
	struct ruleset rs;
	size_t index; /* in the application's list */
};
/* Where applications are found: all sites of one exact host, or of one text behind the last label with a star, the
   most specific first. */
struct set_site {
	struct site at; /* texts in the arena */
	struct policy_app *app;
	size_t rank; /* among all sites of the set */
};
struct site_run {
	struct set_site *v;
	size_t n;
};
struct policy_app {
	const struct policy_set *set;
	const char *id, *aud, *name, *domain;
	const char *broken;
	int64_t session_ms;
	const struct site *sites; /* in the arena, the domain first */
	size_t nsites;
	struct set_policy *policies; /* in the order of evaluation: the first nfirst are bypass and service auth */
	size_t npolicies, nfirst;
	const char **idps;
	size_t nidps;
};
/* A reusable policy, compiled once. */
struct shared_policy {
	struct set_policy p;
	uint64_t steps;
	const char *broken; /* why it cannot be used */
};
struct policy_set {
	struct arena mem;
	struct policy_app *apps;
	size_t napps;
	struct set_group *groups;
	size_t ngroups;
	struct shared_policy *shared;
	size_t nshared;
	struct set_list *lists;
	size_t nlists;
	struct map by_id, by_aud, by_name;
	struct set_site *sites;
	size_t nsites;
	struct map by_host, by_tail; /* exact host; what follows the last label with a star -> struct site_run */
};

#endif
