/* host_key: the key of an SSH server that an application's sessions first met there; one a destination. Contract:
 * model/model.h. */
#ifndef MODEL_HOST_KEY_H
#define MODEL_HOST_KEY_H

#include "model/model.h"

struct host_key {
	char *id;
	char *app;         /* id of the application */
	char *destination; /* "host:port" of a bastion's, "" for the application's one service */
	char *key;         /* "ssh-ed25519 AAAA..." */
	char *fingerprint; /* "SHA256:..." */
	char *by;          /* e-mail of whose session met it first */
	int64_t first_seen;
};
int host_key_from_json(const json_t *j, bool text_scalars, struct host_key **ret_k, struct model_error *err);
json_t *host_key_to_json(const struct host_key *k, enum model_form form);
void host_key_free(struct host_key *k);

#endif
