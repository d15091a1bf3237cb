/*
 * client_ca: authorities whose client certificates certain host names ask for (mTLS). The API calls it a certificate.
 * Contract of the functions: model/model.h.
 */
#ifndef MODEL_CLIENT_CA_H
#define MODEL_CLIENT_CA_H

#include "model/model.h"

#define CLIENT_CA_HOSTS_MAX 100

struct client_ca {
	char *id, *name;
	char *certificate;                 /* PEM, see crypto/x509_client.h */
	struct texts associated_hostnames; /* exact host names, lower case */
	char *fingerprint;                 /* hex SHA-256 over its certificates; the edge's to say */
	int64_t expires_on;                /* of the first that ends */
	int64_t created_at, updated_at;
};
int client_ca_from_json(const json_t *j, bool text_scalars, struct client_ca **ret_c, struct model_error *err);
json_t *client_ca_to_json(const struct client_ca *c, enum model_form form); /* MODEL_API: without the PEM, as the API */
void client_ca_free(struct client_ca *c);

#endif
