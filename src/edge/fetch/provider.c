#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "edge/fetch/fetch.h"

void
provider_drop(void *v)
{
	struct provider *p = v;

	if (!p)
		return;
	oidc_provider_release(&p->doc);
	free(p->doc_json);
	json_decref(p->record);
	free(p);
}

int
provider_put(struct fetch *f, const char *id, struct slice record)
{
	struct provider *p;
	int r;

	if (!record.n) {
		map_del(&f->providers, id);
		vault_drop_provider(&f->vault, id);
		return 0;
	}
	p = calloc(1, sizeof *p);
	if (!p)
		return E_NOMEM;
	r = str_copy(p->id, sizeof p->id, id);
	if (r == 0)
		r = json_load_strict(record.p, record.n, 65536, &p->record);
	if (r == 0) {
		p->issuer = json_str_or(p->record, "issuer", "");
		p->client_id = json_str_or(p->record, "client_id", "");
		p->client_secret = json_str_or(p->record, "client_secret", "");
		r = map_set(&f->providers, id, p);
	}
	if (r < 0)
		provider_drop(p);
	return r;
}

struct provider *
provider_get(struct fetch *f, const char *id)
{
	return map_get(&f->providers, id);
}

/* Addresses that an administrator gave, by the names of the discovery document. */
static const struct {
	const char *key, *doc;
} own[] = {{"auth_url", "authorization_endpoint"}, {"token_url", "token_endpoint"}, {"certs_url", "jwks_uri"}};

static int
put_own(const struct provider *p, json_t *doc, size_t *ret_n)
{
	*ret_n = 0;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		json_t *url = json_object_get(p->record, own[i].key);
		if (!json_is_string(url))
			continue;
		if (json_object_set(doc, own[i].doc, url) < 0)
			return E_NOMEM;
		++*ret_n;
	}
	return 0;
}

char *
provider_doc_own(const struct provider *p)
{
	json_t *doc = json_pack("{ss s[s] s[sss]}", "issuer", p->issuer, "response_types_supported", "code",
	                        "id_token_signing_alg_values_supported", "RS256", "ES256", "EdDSA");
	char *text = NULL;
	size_t n;

	if (doc && put_own(p, doc, &n) == 0 && n == sizeof own / sizeof *own)
		text = json_dump_str(doc);
	json_decref(doc);
	return text;
}

char *
provider_doc_merge(const struct provider *p, struct slice body)
{
	json_t *doc = NULL;
	char *text = NULL;
	size_t n;

	if (json_load_strict(body.p, body.n, OIDC_DOC_MAX, &doc) < 0 || !json_is_object(doc))
		text = str_dup_n(body.p, body.n); /* the parser says what is wrong with it */
	else if (put_own(p, doc, &n) == 0)
		text = n ? json_dump_str(doc) : str_dup_n(body.p, body.n);
	json_decref(doc);
	return text;
}
