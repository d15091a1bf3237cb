/*
 * model: what every record's JSON reader and writer stand on.
 *
 * A record is a plain struct whose text members are heap strings owned by it; absent text is NULL. One const table of
 * struct model_field drives reading, writing and freeing. JSON names are those of the API (and of the apply file).
 *
 * Every record X has   int  X_from_json(const json_t *j, bool text_scalars, struct X **ret_x, struct model_error *err);
 *                      json_t *X_to_json(const struct X *x, enum model_form form);   new reference, NULL when out of
 * memory void X_free(struct X *x);                                     NULL is fine text_scalars: every scalar of j is
 * a JSON string and the key decides its type (the apply file; see conf_to_json). Reading refuses unknown fields, wrong
 * types and values out of their domain; nothing is dropped silently. null counts as absent. Writing in MODEL_STORE form
 * and reading it back gives an equal record. MODEL_API leaves secrets out. Fails with E_FORMAT (err filled), E_NOMEM.
 * May block: no.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "core/err.h"
#include "core/json.h"

#define MODEL_NAME_MAX 350  /* of an application, policy, group, provider; as the API documents */
#define MODEL_LIST_MAX 1000 /* elements of any list in a record: an admin's typing error must not eat the edge */
#define MODEL_TEXT_MAX 8192 /* any other text */
#define MODEL_ID_LEN 36     /* UUID text, lower case */
#define MODEL_AUD_LEN 64    /* hexadecimal, lower case */

/* What was wrong and where. pointer is a JSON pointer relative to the value that was read. */
struct model_error {
	char pointer[256]; /* "" = the value itself; "/policies/0/include/1" */
	char text[320];    /* one line: found X, expected Y; did you mean Z */
};
/* Fills err (may be NULL) and returns E_FORMAT. pointer may be "". */
int model_fail(struct model_error *err, const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts prefix before err->pointer: the caller knows where in the document the record stood. */
void model_error_prefix(struct model_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "SP-less" one line for people: "/apps/0/domain: found ..., expected ...". */
void model_error_format(const struct model_error *err, char *out, size_t n);

/* List of owned strings. */
struct texts {
	char **v;
	size_t n;
};
void texts_release(struct texts *s);
int texts_add(struct texts *s, const char *v); /* copies; E_LIMIT over MODEL_LIST_MAX */
bool texts_has(const struct texts *s, const char *v);
json_t *texts_to_json(const struct texts *s);

enum model_form { MODEL_API, MODEL_STORE };

/* How a field is read, checked and written. "offset" is that of the C type named. */
enum model_type {
	MT_TEXT,     /* char *, no control characters but in MF_LINES */
	MT_NAME,     /* char *, 1..MODEL_NAME_MAX, no control characters */
	MT_ID,       /* char *, UUID text */
	MT_AUD,      /* char *, 64 hex */
	MT_HOST,     /* char *, host name; with MF_WILDCARD one '*' in the first label */
	MT_EMAIL,    /* char *, ASCII lower-cased */
	MT_BOOL,     /* bool; text: true false yes no on off */
	MT_INT,      /* int64_t within [min, max] */
	MT_DURATION, /* int64_t milliseconds, Go style, within [min, max] milliseconds */
	MT_TIME,     /* int64_t wall seconds, RFC 3339; 0 = absent */
	MT_ENUM,     /* int: index into words */
	MT_STRS,     /* struct texts of texts */
	MT_SECRET,   /* struct secret; written in MODEL_STORE form only */
	MT_JSON,     /* json_t *, object or array kept as it is (new reference) */
	MT_CUSTOM,   /* read and write below */
};
#define MF_REQUIRED 1u
#define MF_WILDCARD 2u /* MT_HOST */
#define MF_LINES 4u    /* MT_TEXT: line feeds are fine */
#define MF_ARRAY 8u    /* MT_JSON: an array, else an object */
#define MF_STORE 16u   /* never in the API form */
#define MF_EMPTY 32u   /* written even when empty: MT_STRS, a false MT_BOOL, an MF_ARRAY (in the API form) */
#define MF_IGNORE 64u  /* accepted and dropped: read-only echo of the API */

struct model_field {
	const char *name;
	enum model_type type;
	size_t offset;
	unsigned flags;
	int64_t min, max;         /* MT_INT, MT_DURATION; max of MT_TEXT: bytes, 0 = MODEL_TEXT_MAX */
	const char *const *words; /* MT_ENUM: NULL ends; what is not in it is refused with the nearest */
	int (*read)(void *rec, const json_t *v, bool text_scalars,
	            struct model_error *err);                    /* err pointer relative to v */
	json_t *(*write)(const void *rec, enum model_form form); /* NULL = leave out (absent) */
	void (*release)(void *rec);
};
struct model_table {
	const char *what;                 /* "application" */
	const struct model_field *fields; /* ends with a NULL name */
};

/* A boolean of the original's that is not offered here: false is fine, true is refused. For MT_CUSTOM's read. */
int model_read_false(void *rec, const json_t *v, bool text_scalars, struct model_error *err);

int model_read(const struct model_table *t, const json_t *j, bool text_scalars, void *rec, struct model_error *err);
json_t *model_write(const struct model_table *t, const void *rec, enum model_form form);
void model_release(const struct model_table *t, void *rec); /* frees members, not rec */

/* Checks of single values, for other readers. */
bool model_is_id(const char *s);
bool model_text_clean(const char *s); /* one line: no control characters */
bool model_is_aud(const char *s);
/* ASCII only, lower-cased into out (at least 255): one '@', local part of RFC 5321 dot-atoms, a host name of >= 1
 * label. */
int model_email(const char *s, char out[static 255]);
/* Host name, or with one '*' in its first label ("*.example.com", "*test.example.com"); lower-cased into out (at least
 * 254). */
int model_domain(const char *s, char out[static 254]);
/* "10.0.0.0/8", "2001:db8::/32", a bare address is a full prefix. IPv4 is mapped to ::ffff:0:0/96 so that one compare
   serves both; ret_bits counts in the 128 bits. Host bits set below the prefix are refused (E_RANGE). */
int model_cidr(const char *s, uint8_t ret_addr[static 16], unsigned *ret_bits);
int model_addr(const char *s, uint8_t ret_addr[static 16]); /* address alone, same mapping; zone ids refused */
bool model_cidr_has(const uint8_t net[static 16], unsigned bits, const uint8_t addr[static 16]);

#endif
