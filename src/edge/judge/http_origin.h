/*
 * http_origin: what of a user's request head a service behind the edge may see. Engine. (security.md 2.D, 3.4)
 *
 * The edge alone says who the user is and where it comes from. Whatever could be read as such a statement is dropped,
 * in every spelling that a gateway interface folds into the same name: case, and any byte that is no letter or digit
 * for '-'. Cookies that only the edge reads are taken out of Cookie. May block: no.
 */
#ifndef JUDGE_HTTP_ORIGIN_H
#define JUDGE_HTTP_ORIGIN_H

#include "core/buf.h"

bool http_origin_drops(const char *name);
/* Appends the cookies that pass, joined by "; ". Not a person's request: CF_Authorization does not pass either, since
   nobody looked at it. */
int http_origin_cookies(const char *header, bool person, struct buf *out);

#endif
