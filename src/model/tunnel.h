/* tunnel: a named tunnel and the secret its connectors prove. route: which host name leads to it. Contract:
 * model/model.h. */
#ifndef MODEL_TUNNEL_H
#define MODEL_TUNNEL_H

#include "core/secret.h"
#include "model/model.h"

#define TUNNEL_SECRET_LEN 32

struct tunnel {
	char *id, *name;
	char *account_tag;
	struct secret secret; /* raw bytes; JSON field tunnel_secret is standard base64, in the store form only
	                         (accepted on create) */
	bool remote;          /* config_src: true "cloudflare" (pushed by the edge), false "local" */
	int64_t config_version;
	json_t *config; /* {"ingress": [...]} or NULL */
	int64_t created_at, deleted_at;
};
int tunnel_from_json(const json_t *j, bool text_scalars, struct tunnel **ret_t, struct model_error *err);
json_t *tunnel_to_json(const struct tunnel *t, enum model_form form);
void tunnel_free(struct tunnel *t);
/* The token of `tunnel run --token`: standard base64 of {"a","s","t"} and, for our own connector, "k": the token keys
   (identity/keychain.h); NULL = none. Secret: wipe it. E_STATE without a secret. */
#define TUNNEL_TOKEN_MAX 16384
int tunnel_token(const struct tunnel *t, const json_t *keys, struct buf *out);

#endif
