/* Authorities of client certificates (mTLS), and the names that ask for them. */
#include <string.h>

#include "core/str.h"
#include "crypto/x509_client.h"
#include "edge/judge/api.h"

#define KIND "certificate"

static const struct client_ca *
find(struct req *r, int64_t *ret_version)
{
	for (size_t i = 0; i < r->snap->nclient_cas; i++)
		if (!strcmp(r->snap->client_cas[i]->id, r->seg[1])) {
			*ret_version = r->snap->client_ca_versions[i];
			return r->snap->client_cas[i];
		}
	reply_refuse_text(r, SP_NOT_FOUND, "no such certificate");
	return NULL;
}

int
client_ca_complete(struct client_ca *c, struct model_error *err)
{
	struct reason why = {0};
	char print[65];
	int e = x509_roots_check(slice_str(c->certificate), print, &c->expires_on, &why);

	if (e == E_NOMEM)
		return e;
	if (e < 0)
		return model_fail(err, "/certificate", "%s", why.text);
	free(c->fingerprint);
	c->fingerprint = str_dup(print);
	return c->fingerprint ? 0 : E_NOMEM;
}

void
api_certificates_list(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->snap->nclient_cas; i++)
		if (list_filter(r, r->snap->client_cas[i]->name, r->snap->client_cas[i]->id))
			json_array_append_new(all, client_ca_to_json(r->snap->client_cas[i], MODEL_API));
	reply_list(r, all);
}

void
api_certificates_get(struct req *r)
{
	int64_t version;
	const struct client_ca *c = find(r, &version);

	if (c)
		reply_result(r, client_ca_to_json(c, MODEL_API));
}

/* Takes j: as it shall stand. */
static void
write(struct req *r, json_t *j, const char *id, int64_t version)
{
	struct change c;
	struct client_ca *ca = NULL;
	int e = change_begin(&c, r);

	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "updated_at", now_json());
	if (version == STORE_NEW)
		json_object_set_new(j, "created_at", now_json());
	if (e == 0)
		e = client_ca_from_json(j, false, &ca, &c.err);
	json_decref(j);
	if (e == 0)
		e = client_ca_complete(ca, &c.err);
	if (e == 0) {
		change_note(&c, KIND, ca->name, version == STORE_NEW ? "create" : "update",
		            json_pack("{s:s}", "fingerprint", ca->fingerprint));
		e = change_put(&c, KIND, id, version, client_ca_to_json(ca, MODEL_STORE));
	}
	if (change_finish(&c, e) == 0)
		reply_result_status(r, version == STORE_NEW ? 201 : 200, client_ca_to_json(ca, MODEL_API));
	client_ca_free(ca);
}

void
api_certificates_create(struct req *r)
{
	json_t *j = api_body(r);
	char id[37];

	uuid_new(id);
	if (j)
		write(r, j, id, STORE_NEW);
}

/* What is not given stays, the certificate above all: the API never shows it again. */
void
api_certificates_update(struct req *r)
{
	int64_t version;
	const struct client_ca *c = find(r, &version);
	json_t *j = c ? api_body(r) : NULL, *doc;

	if (!j)
		return;
	doc = client_ca_to_json(c, MODEL_STORE);
	json_object_update(doc, j);
	json_decref(j);
	write(r, doc, c->id, version);
}

void
api_certificates_delete(struct req *r)
{
	int64_t version;
	const struct client_ca *ca = find(r, &version);
	struct change c;

	if (!ca)
		return;
	int e = change_begin(&c, r);
	change_note(&c, KIND, ca->name, "delete", NULL);
	if (e == 0)
		e = change_delete(&c, KIND, ca->id);
	if (change_finish(&c, e) < 0)
		return;
	reply_result(r, json_pack("{s:s}", "id", ca->id));
}

static json_t *
settings(const struct snapshot *s)
{
	json_t *all = json_array();

	for (size_t i = 0; i < s->nclient_cas; i++)
		for (size_t k = 0; k < s->client_cas[i]->associated_hostnames.n; k++)
			json_array_append_new(all, json_pack("{s:s, s:b, s:b}", "hostname",
			                                     s->client_cas[i]->associated_hostnames.v[k],
			                                     "china_network", 0, "client_certificate_forwarding", 0));
	return all;
}

void
api_certificates_settings(struct req *r)
{
	reply_result(r, settings(r->snap));
}

/* Nothing of it can be switched on here; what is off already is fine. */
void
api_certificates_settings_put(struct req *r)
{
	json_t *j = api_body(r), *one;
	size_t i;

	if (!j)
		return;
	json_array_foreach(json_object_get(j, "settings"), i, one)
	{
		const char *bad = json_bool_or(one, "client_certificate_forwarding", false)
		                      ? "client_certificate_forwarding"
		                  : json_bool_or(one, "china_network", false) ? "china_network"
		                                                              : NULL;
		if (!bad)
			continue;
		reply_refuse_at(r, SP_BAD_REQUEST, "found true, expected false: this is not offered",
		                req_fmt(r, "/settings/%zu/%s", i, bad));
		json_decref(j);
		return;
	}
	json_decref(j);
	reply_result(r, settings(r->snap));
}
