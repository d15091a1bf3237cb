#include "model/client_ca.h"

#include "core/str.h"

#include <stdlib.h>
#include <string.h>

#define PEM_MAX 65536

/* Longer than other texts may be. */
static int
pem_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct client_ca *c = rec;
	const char *s = json_string_value(v);

	if (!s || json_string_length(v) > PEM_MAX || strlen(s) != json_string_length(v))
		return model_fail(err, "", "expected certificates as PEM text, %d bytes at most", PEM_MAX);
	free(c->certificate);
	c->certificate = str_dup(s);
	return c->certificate ? E_OK : E_NOMEM;
}

static json_t *
pem_write(const void *rec, enum model_form form)
{
	const struct client_ca *c = rec;

	return form == MODEL_STORE && c->certificate ? json_string(c->certificate) : NULL;
}

static void
pem_drop(void *rec)
{
	free(((struct client_ca *)rec)->certificate);
}

#define AT(m) offsetof(struct client_ca, m)
static const struct model_field client_ca_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {.name = "certificate",
     .type = MT_CUSTOM,
     .flags = MF_REQUIRED,
     .read = pem_read,
     .write = pem_write,
     .release = pem_drop},
    {"associated_hostnames", MT_STRS, AT(associated_hostnames), MF_EMPTY},
    {"fingerprint", MT_TEXT, AT(fingerprint)},
    {"expires_on", MT_TIME, AT(expires_on)},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {0},
};
#undef AT
static const struct model_table client_ca_table = {"certificate", client_ca_fields};

static int
hosts_check(struct client_ca *c, struct model_error *err)
{
	if (c->associated_hostnames.n > CLIENT_CA_HOSTS_MAX)
		return model_fail(err, "/associated_hostnames", "found %zu names, expected at most %d",
		                  c->associated_hostnames.n, CLIENT_CA_HOSTS_MAX);
	for (size_t i = 0; i < c->associated_hostnames.n; i++) {
		char host[254], at[64], *lower;
		snprintf(at, sizeof at, "/associated_hostnames/%zu", i);
		if (strchr(c->associated_hostnames.v[i], '*') || model_domain(c->associated_hostnames.v[i], host) < 0)
			return model_fail(err, at, "found \"%.80s\", expected a host name such as app.example.com",
			                  c->associated_hostnames.v[i]);
		if (!(lower = str_dup(host)))
			return E_NOMEM;
		free(c->associated_hostnames.v[i]);
		c->associated_hostnames.v[i] = lower;
	}
	return E_OK;
}

int
client_ca_from_json(const json_t *j, bool text_scalars, struct client_ca **ret_c, struct model_error *err)
{
	struct client_ca *c = calloc(1, sizeof *c);
	int ret;

	if (!c)
		return E_NOMEM;
	ret = model_read(&client_ca_table, j, text_scalars, c, err);
	if (ret == E_OK)
		ret = hosts_check(c, err);
	if (ret != E_OK) {
		client_ca_free(c);
		return ret;
	}
	*ret_c = c;
	return E_OK;
}

json_t *
client_ca_to_json(const struct client_ca *c, enum model_form form)
{
	return model_write(&client_ca_table, c, form);
}

void
client_ca_free(struct client_ca *c)
{
	if (!c)
		return;
	model_release(&client_ca_table, c);
	free(c);
}
