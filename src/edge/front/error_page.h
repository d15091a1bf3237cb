/*
 * error_page: what front says by itself: a page to who reads pages, one line to everybody else. Nothing of the request
 * stands in it. May block: no.
 */
#ifndef FRONT_ERROR_PAGE_H
#define FRONT_ERROR_PAGE_H

#include "net/http_server.h"

/* text: "SP-1006 what happened". */
void error_page(struct http_server *s, unsigned status, const char *text, bool close);

#endif
