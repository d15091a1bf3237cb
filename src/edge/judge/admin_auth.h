/*
 * admin_auth: who asks the API. A bearer token of the signer's own making, verified here for reading and writing; what
 * reaches the signer carries the token, and the signer looks at its scopes again by itself. May block: no.
 */
#ifndef JUDGE_ADMIN_AUTH_H
#define JUDGE_ADMIN_AUTH_H

#include "edge/judge/http.h"

/* True: r->api_name and r->api_token are set. False: the refusal has been sent. */
bool admin_auth(struct req *r, const char *scope);

#endif
