/*
 * service: a program in place of a person: its service token's id and secret, and what they buy. May block: yes.
 */
#ifndef CLI_ACCESS_SERVICE_H
#define CLI_ACCESS_SERVICE_H

#include "cli/access/app.h"

struct service {
	const char *id, *secret; /* both NULL = a person */
};
/* Rows of a command's option table. */
#define SERVICE_OPTIONS(s)                                                                                             \
	{"service-token-id", "id", "TUNNEL_SERVICE_TOKEN_ID", "ID", "service token", &(s)->id, false},                 \
	{                                                                                                              \
		"service-token-secret", "secret", "TUNNEL_SERVICE_TOKEN_SECRET", "SECRET", "its secret", &(s)->secret, \
		    false                                                                                              \
	}

/* Both or none, and nothing in them that a header or curl's configuration could not carry. Prints why not. */
int service_check(const struct service *s);
/* An app token, bound to the key of this cnf ("" = to none; the edge itself takes such a one from nobody). Learns and
   pins team and audience of a. Prints errors. */
int service_exchange(const struct cli *c, struct app *a, const struct service *s, const char *cnf,
                     struct secret *ret_token);
/* Key on disk and token bound to it: those there are, or new ones (fresh: in any case). One process a host at a time:
 *ret_lock is held until the caller closes it, and is valid even on failure unless -1. */
int service_token(const struct cli *c, struct app *a, const struct service *s, bool fresh, struct secret *ret_token,
                  int *lock);

#endif
