/*
 * sshwire: strings and multiple-precision integers of RFC 4251 section 5 on a buf.
 *
 * get_* borrow from the buf, as buf_get does, and take nothing on failure. mpints here are never negative: a set sign
 * bit, or a leading zero byte that is not needed, is E_FORMAT. May block: no.
 */
#ifndef SSH_SSHWIRE_H
#define SSH_SSHWIRE_H

#include "core/buf.h"

int sshwire_put_string(struct buf *b, const void *p, size_t n);
int sshwire_put_slice(struct buf *b, struct slice s);
int sshwire_put_cstr(struct buf *b, const char *s);
int sshwire_put_mpint(struct buf *b, struct slice magnitude);                  /* big-endian, leading zeros permitted */
int sshwire_get_string(struct buf *b, size_t max, struct slice *ret_s);        /* E_LIMIT over max */
int sshwire_get_cstr(struct buf *b, char *out, size_t size);                   /* NUL inside: E_FORMAT */
int sshwire_get_mpint(struct buf *b, size_t max, struct slice *ret_magnitude); /* without the sign byte */

#endif
