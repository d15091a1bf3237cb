/*
 * picture: logos that an administrator gives: a data: URL with base64, of a few kinds, at most PICTURE_MAX characters.
 * Engine. May block: no.
 */
#ifndef MODEL_PICTURE_H
#define MODEL_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#define PICTURE_MAX (64u << 10) /* characters of the URL: snapshots hold one an application */

/* "image/png" and the like, and where its base64 begins; NULL when it is no such URL, or too long. */
const char *picture_type(const char *url, const char **ret_data);
/* Do the bytes begin as this kind does? */
bool picture_is(const char *type, const void *p, size_t n);

#endif
