/*
 * assets: scripts and style sheets of the pages (web/dist), embedded in this process and served on every host without
 * asking judge: they are the same for everybody and name nobody.
 *
 * A name carries the hash of its content, so an answer is good for ever; a compressed copy goes to whoever accepts
 * gzip (RFC 9110 section 12.5.3). Whatever else stands under the prefix is 404. May block: no.
 */
#ifndef FRONT_ASSETS_H
#define FRONT_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_server.h"

#define ASSETS_PREFIX "/cdn-cgi/access/assets/"

struct asset {
	const char *path, *type, *hash;
	const uint8_t *raw, *raw_end, *gz, *gz_end;
};
extern const struct asset assets_table[]; /* made by web/embed.sh */
extern const size_t assets_table_n;

#define ASSET_HEADERS 7u
struct asset_answer {
	struct http_reply reply; /* points into this struct */
	struct http1_header headers[ASSET_HEADERS];
	char etag[24];
};
bool assets_owns(const char *target);
/* ret_a is written in every case: 200, 304, 404 or 405. */
void assets_answer(const struct asset *table, size_t n, const struct http_request *r, struct asset_answer *ret_a);
bool assets_gzip(const char *accept_encoding); /* NULL = no header */

#endif
