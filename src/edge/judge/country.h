/*
 * country: which country an address is of, by an operator's MMDB file.
 *
 * The parent opens the file; country_load copies it into the judge's own folder and maps that copy, so that nobody who
 * writes the original can cut a page away under us. Both layouts are understood: country.iso_code and country_code.
 * What is not two capital letters, not found or not readable is unknown, and unknown never opens (policy/eval.h). May
 * block: country_load, on the disk.
 */
#ifndef JUDGE_COUNTRY_H
#define JUDGE_COUNTRY_H

#include <stdint.h>

#include "core/err.h"

#define COUNTRY_FILE_MAX ((int64_t)512 << 20)

struct country;

/* Does not take fd. folder: where the copy goes, as "country.mmdb". */
int country_load(int fd, int folder, const char *folder_path, struct country **ret_c, struct reason *r);
int country_open(const char *path, struct country **ret_c, struct reason *r); /* the file as it is */
void country_free(struct country *c);                                         /* NULL is fine */
/* Two letters in static memory; "" = unknown. c NULL: unknown. IPv4 in IPv6 counts as IPv4. */
const char *country_of(const struct country *c, const char *ip);
int64_t country_built(const struct country *c); /* wall seconds, as the file says */

#endif
