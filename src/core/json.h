/*
 * json: jansson, loaded strictly. The only place that includes <jansson.h>.
 *
 * json_load_strict refuses duplicate keys, trailing bytes, NUL in strings, depth over 64 and more than max bytes.
 * A process that confines itself calls json_object_seed(0) first: jansson reads /dev/urandom for its hash seed, once.
 * Getters never coerce types. The json_t API itself may be used by callers; ownership is jansson's reference counting.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <jansson.h>

#include "core/buf.h"

int json_load_strict(const void *p, size_t n, size_t max, json_t **ret_j); /* E_FORMAT; E_LIMIT: bytes or depth */
/* Why json_load_strict refused the same bytes, for people: what and where, nothing of the text itself (it may hold
 * secrets). */
#define JSON_WHY_MAX 96
void json_why(const void *p, size_t n, size_t max, char out[static JSON_WHY_MAX]);
int json_dump(const json_t *j, struct buf *out); /* compact, sorted keys */
char *json_dump_str(const json_t *j);            /* malloc'ed */

/* Typed look-ups; E_NOENT when absent or null, E_FORMAT when of another type. */
int json_get_str(const json_t *o, const char *key, const char **ret_s); /* borrowed */
int json_get_i64(const json_t *o, const char *key, int64_t *ret_v);
int json_get_bool(const json_t *o, const char *key, bool *ret_v);
int json_get_array(const json_t *o, const char *key, json_t **ret_a);  /* borrowed */
int json_get_object(const json_t *o, const char *key, json_t **ret_o); /* borrowed */
/* Text or the default. */
const char *json_str_or(const json_t *o, const char *key, const char *dflt);
bool json_bool_or(const json_t *o, const char *key, bool dflt);
int64_t json_i64_or(const json_t *o, const char *key, int64_t dflt);

#endif
