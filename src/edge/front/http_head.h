/*
 * http_head: which headers pass between a user and a service, and what a connector's answer head says. Engine.
 *
 * What belongs to one hop ends here, and so does what Connection names (RFC 9110 section 7.6.1), and a cookie that has
 * the name of one of the edge's; framing is written anew by net/http_server. A head that does not hold together (no
 * serialised headers, two lengths, a length that is no number) is refused whole: half of it could mean something else
 * to a browser. May block: no.
 */
#ifndef FRONT_HTTP_HEAD_H
#define FRONT_HTTP_HEAD_H

#include "wire/h2link.h"
#include "wire/http1.h"

#define HTTP_HEAD_HEADERS (H2_PACKED_MAX)

struct http_head {
	unsigned status;
	struct http1_header v[HTTP_HEAD_HEADERS]; /* what passes; points into packed */
	size_t n;
	int64_t length; /* -1: not said */
	bool ours;      /* the connector made it, not the service */
	struct h2_packed packed;
};

bool http_hop_header(const char *name);                   /* lower case or not */
bool http_list_names(const char *list, const char *name); /* is name an element of this comma list */
int http_head_read(const struct h2_header *h, size_t n, struct http_head *ret_h); /* E_FORMAT; release afterwards */
void http_head_release(struct http_head *h);

#endif
