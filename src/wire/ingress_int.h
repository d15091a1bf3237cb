/* What the files of one reader share: ingress.c (rules), origin_request.c (a rule's keys). Not for others. */
#ifndef WIRE_INGRESS_INT_H
#define WIRE_INGRESS_INT_H

#include "wire/ingress.h"

#define TIMEOUT_DEFAULT_MS 30000

/* Where a value stands, for messages: the YAML's line, or the pushed JSON's place. */
struct place {
	const char *file; /* NULL: pushed */
	const struct conf_node *list;
	size_t rule;
	const char *key;
	bool origin;                         /* key is one of the rule's originRequest */
	const struct conf_node *file_origin; /* the file's originRequest; NULL = none */
	const struct conf_node *all; /* key is one of the file's originRequest, which is this; NULL = of the rule */
	const char *what;            /* what `all` is, when it is something else */
	struct conf_error *err;
};
__attribute__((format(printf, 2, 3))) int ingress_fail(const struct place *p, const char *fmt, ...);

/* Values: YAML gives text for every scalar, pushed JSON its own types. */
int ingress_text(const struct place *p, const json_t *v, char **ret_s);
int ingress_duration(const struct place *p, const json_t *v, int64_t *ret_ms);
int ingress_bool(const struct place *p, const json_t *v, bool *ret_b);

typedef int ingress_setter(const struct place *p, const json_t *v, struct ingress_rule *r);
struct keyword {
	const char *name;
	ingress_setter *set;
};
/* Runs the setters of a table over an object; an unknown key is an error that names the nearest. */
int ingress_apply(const struct place *at, const json_t *o, const struct keyword *keys, size_t n, struct ingress_rule *r,
                  const char *what);
int ingress_origin(const struct place *p, const json_t *v, struct ingress_rule *r); /* originRequest */
ingress_setter ingress_connect_timeout, ingress_keepalive, ingress_destinations, ingress_access;
void ingress_free_texts(char **v);

#endif
