/*
 * site: one domain of an application: a host and perhaps a path, both perhaps with stars, such as
 * "*.example.com/admin".
 *
 * Host: one '*' a label, never in the last; a star stands for any part of its label and never for a dot, so
 * "*.example.com" has neither "example.com" nor "a.b.example.com". Path: one '*' between two slashes; a star stands for
 * anything, slashes included. A path has what lies under it too: "/alpha" has "/alpha" and "/alpha/x", not "/alphabet";
 * with "/" and a star behind it, it has "/alpha/x", not "/alpha". No path, "/", and "/" with a star are the whole host.
 * Ports, queries and percent-escapes are refused (write the character itself). Case counts in paths.
 *
 * A request's path is compared in its plain form (site_path_plain). What an origin could read in two ways has none and
 * matches no site of a host that has paths: an escaped slash must not lead around a rule.
 * Contract of errors: model/model.h. May block: no.
 */
#ifndef MODEL_SITE_H
#define MODEL_SITE_H

#include "model/model.h"

#define SITE_PATH_MAX 128   /* of a site: it becomes part of a connector's rule, which is bounded */
#define SITE_STARS_MAX 8    /* in one path: bounds the work of a match */
#define SITE_PLAIN_MAX 8192 /* of a request's path */

struct site {
	char *host; /* lower case */
	char *path; /* "" = whole host, else from '/', without a final one */
};
/* "host", "host/path". err's pointer is "". */
int site_parse(const char *text, struct site *ret_s, struct model_error *err);
void site_release(struct site *s);

bool site_host_has(const char *pattern, const char *host); /* host: lower case, no port */
bool site_path_has(const char *pattern, const char *plain);
/* The path of a request line (from '/', no query) with escapes undone. E_FORMAT: it has several readings (an escaped
   slash or backslash, "." and "..", "//", ";", an escaped letter, percent sign or control character, a bad escape). */
int site_path_plain(const char *path, char out[static SITE_PLAIN_MAX + 1]);
/* < 0: a is more specific than b. A host without a star before one with; then more plain characters in the host, then
   in the path; then by text, so that any order of records gives one answer. */
int site_order(const struct site *a, const struct site *b);

#endif
