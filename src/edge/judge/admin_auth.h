/*
 * admin_auth: who asks the API. A bearer token of the signer's own making, verified here for reading and writing; what
 * reaches the signer carries the token, and the signer looks at its scopes again by itself. May block: no.
 */
#ifndef JUDGE_ADMIN_AUTH_H
#define JUDGE_ADMIN_AUTH_H

#include "edge/judge/http.h"

/* scope NULL: any. True: r->api_name and r->api_token, api_jti, api_scopes are set. False: the refusal has been sent.
 */
bool admin_auth(struct req *r, const char *scope);
/* For a handler that does more than its route says: has the request's token this scope too? Sends nothing. */
bool admin_may(const struct req *r, const char *scope);

#endif
