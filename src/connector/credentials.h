/*
 * credentials: who a connector is: tunnel id, account and secret, from a credentials file, its contents, or a token
 * (facts/cloudflared-wire.md c.1). May block: credentials_load reads a file.
 */
#ifndef CONNECTOR_CREDENTIALS_H
#define CONNECTOR_CREDENTIALS_H

#include <sys/types.h>

#include "core/err.h"
#include "core/json.h"
#include "core/secret.h"

struct credentials {
	char account[65];
	uint8_t tunnel[16];
	char tunnel_text[37];
	char name[256];       /* "" when the file does not say (TunnelName) */
	struct secret secret; /* raw bytes */
	json_t *keys;         /* token keys as they were then (identity/keychain.h): TokenKeys, "k"; NULL = none */
};
/* A file that others may read is refused. */
int credentials_load(const char *path, struct credentials *ret_c, struct reason *why);
/* The same with the mode bits that it must not have, 077 above. */
int credentials_load_as(const char *path, mode_t forbidden, struct credentials *ret_c, struct reason *why);
int credentials_parse(const char *json, size_t n, struct credentials *ret_c, struct reason *why);
int credentials_from_token(const char *token, struct credentials *ret_c, struct reason *why);
int credentials_format(const struct credentials *c, struct buf *out); /* the JSON of a credentials file */
void credentials_release(struct credentials *c);

#endif
