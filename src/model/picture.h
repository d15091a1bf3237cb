/*
 * picture: logos that an administrator gives: a data: URL with base64, of a few kinds, at most PICTURE_MAX characters.
 * Engine. May block: no.
 */
#ifndef MODEL_PICTURE_H
#define MODEL_PICTURE_H

#include "core/buf.h"

#define PICTURE_MAX (64u << 10) /* characters of the URL: snapshots hold one an application */

/* "image/png" and the like, and where its base64 begins; NULL when it is no such URL, or too long. */
const char *picture_type(const char *url, const char **ret_data);
/* Its bytes; they begin as those of its kind do. E_FORMAT otherwise. ret_bytes: initialised by the caller. */
int picture_bytes(const char *url, struct buf *ret_bytes, const char **ret_type);
bool picture_good(const char *url);

#endif
