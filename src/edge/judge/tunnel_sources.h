/*
 * tunnel_sources: from where a certificate may be used, the application's `source_address`: anywhere, a list, or (auto)
 * the addresses from which this tunnel's live connectors reach the application's host, as they report them.
 *
 * A report is [{"hostname": as in the connector's rule, "addresses": [IP...]}], at most SOURCES_RULES_MAX rules and
 * SOURCES_ADDRESSES_MAX addresses each. It comes from whoever holds the tunnel's secret, so it can only narrow what
 * that tunnel's own certificates are good for; what does not parse is passed over. It lives and dies with the link. Of
 * one report the first rule that fits a host name counts, with all others of the same name (they differ in path).
 * Nothing reported is no restriction: a stock connector reports nothing. May block: no.
 */
#ifndef JUDGE_TUNNEL_SOURCES_H
#define JUDGE_TUNNEL_SOURCES_H

#include "ca/limits.h"
#include "edge/judge/tunnel_link.h"

#define SOURCES_RULES_MAX 256u
#define SOURCES_ADDRESSES_MAX 16u

struct cert_sources { /* texts are the snapshot's or the links': dead when either changes */
	const char *v[CA_SOURCES_MAX];
	size_t n;              /* 0 = from anywhere */
	unsigned said, silent; /* auto: live connections that reported addresses for this host, and that did not */
};

void sources_take(struct tunnel_link *l, const char *text); /* "" = none */
void cert_sources(const struct judge *j, const struct app_view *a, struct cert_sources *ret_s);
/* For explain: {"mode", "addresses"} and a sentence; NULL when the application says nothing (off). */
json_t *cert_sources_json(const struct judge *j, const struct app_view *a, struct buf *sentence);

#endif
