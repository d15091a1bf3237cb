/*
 * str: small text helpers: codecs (hex, base64), names, nearest name, bounded copies.
 *
 * Decoders are strict: no white space, no other alphabet, no non-zero trailing bits (RFC 4648 section 3.5), and padding
 * exactly as the variant demands. May block: no.
 */
#ifndef CORE_STR_H
#define CORE_STR_H

#include "core/buf.h"

int str_copy(char *dst, size_t size, const char *src);             /* E_LIMIT and empty dst when it does not fit */
int str_copy_n(char *dst, size_t size, const void *src, size_t n); /* also refuses embedded NUL (E_FORMAT) */
char *str_dup(const char *s);                                      /* NULL when out of memory or s is NULL */
char *str_dup_n(const void *p, size_t n);
char *str_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* malloc'ed */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
void str_lower(char *s);                                   /* ASCII only */
int str_u64(const char *s, uint64_t max, uint64_t *ret_v); /* decimal digits only, no sign, no leading '+' */

enum b64_kind { B64_STD, B64_STD_NOPAD, B64_URL, B64_URL_PAD };
int b64_encode(struct buf *out, enum b64_kind k, const void *p, size_t n);
int b64_decode(struct buf *out, enum b64_kind k, const char *s, size_t n); /* E_FORMAT */
int hex_encode(struct buf *out, const void *p, size_t n);                  /* lower case */
int hex_decode(struct buf *out, const char *s, size_t n);                  /* both cases */
/* The same into caller's memory; out is NUL-terminated, size is checked (E_LIMIT). */
int b64_encode_str(char *out, size_t size, enum b64_kind k, const void *p, size_t n);
int hex_encode_str(char *out, size_t size, const void *p, size_t n);

/* The name in names (NULL ends) nearest to s by edit distance, or NULL if none is near. For "did you mean". */
const char *str_nearest(const char *s, const char *const *names);

/* UUID text (8-4-4-4-12, lower case) from and to 16 bytes. */
void uuid_format(const uint8_t u[static 16], char out[static 37]);
int uuid_parse(const char *s, uint8_t ret_u[static 16]);
/* Sets version 4 and variant bits of 16 random bytes. */
void uuid_v4_bits(uint8_t u[static 16]);

#endif
