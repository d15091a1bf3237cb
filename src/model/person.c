#include "model/person.h"

#include "core/str.h"

#include <stdlib.h>
#include <string.h>

#define AT(m) offsetof(struct identity, m)
static const struct model_field identity_fields[] = {
    {"sub", MT_TEXT, AT(sub), MF_REQUIRED},
    {"iss", MT_TEXT, AT(iss)},
    {"subject", MT_TEXT, AT(subject)},
    {"idp", MT_TEXT, AT(idp)},
    {"email", MT_TEXT, AT(email)},
    {"name", MT_TEXT, AT(name)},
    {"amr", MT_STRS, AT(amr)},
    {"groups", MT_STRS, AT(groups)},
    {"claims", MT_JSON, AT(claims), MF_STORE},
    {"last_login", MT_TIME, AT(last_login)},
    {0},
};
#undef AT
static const struct model_table identity_table = {"identity", identity_fields};

static void
identities_release(void *rec)
{
	struct person *p = rec;

	for (size_t i = 0; i < p->nidentities; i++)
		model_release(&identity_table, &p->identities[i]);
	free(p->identities);
	p->identities = NULL;
	p->nidentities = 0;
}

static int
identities_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct person *p = rec;
	size_t n = json_array_size(v);
	int ret;

	if (!json_is_array(v) || n > PERSON_IDENTITIES_MAX)
		return model_fail(err, "", "expected a list of at most %d identities", PERSON_IDENTITIES_MAX);
	identities_release(p);
	p->identities = calloc(n ? n : 1, sizeof *p->identities);
	if (!p->identities)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		ret = model_read(&identity_table, json_array_get(v, i), text_scalars, &p->identities[p->nidentities++],
		                 err);
		if (ret != E_OK) {
			model_error_prefix(err, "/%zu", i);
			return ret;
		}
	}
	return E_OK;
}

static json_t *
identities_write(const void *rec, enum model_form form)
{
	const struct person *p = rec;
	json_t *list = json_array();

	for (size_t i = 0; list && i < p->nidentities; i++) {
		if (json_array_append_new(list, model_write(&identity_table, &p->identities[i], form)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

#define AT(m) offsetof(struct person, m)
static const struct model_field person_fields[] = {
    {"id", MT_ID, AT(id), MF_REQUIRED},
    {"email", MT_TEXT, AT(email)},
    {"disabled", MT_BOOL, AT(disabled), MF_EMPTY},
    {"revoked_at", MT_TIME, AT(revoked_at)},
    {"identities", MT_CUSTOM, .read = identities_read, .write = identities_write, .release = identities_release},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {0},
};
#undef AT
static const struct model_table person_table = {"person", person_fields};

int
person_from_json(const json_t *j, bool text_scalars, struct person **ret_p, struct model_error *err)
{
	struct person *p = calloc(1, sizeof *p);
	int ret;

	if (!p)
		return E_NOMEM;
	ret = model_read(&person_table, j, text_scalars, p, err);
	if (ret != E_OK) {
		person_free(p);
		return ret;
	}
	*ret_p = p;
	return E_OK;
}

json_t *
person_to_json(const struct person *p, enum model_form form)
{
	return model_write(&person_table, p, form);
}

void
person_free(struct person *p)
{
	if (!p)
		return;
	model_release(&person_table, p);
	free(p);
}

struct identity *
person_identity(const struct person *p, const char *sub)
{
	for (size_t i = 0; i < p->nidentities; i++)
		if (strcmp(p->identities[i].sub, sub) == 0)
			return &p->identities[i];
	return NULL;
}

int
person_identity_add(struct person *p, const char *sub, struct identity **ret_i)
{
	struct identity *i = person_identity(p, sub), *grown;
	char *copy;

	if (i) {
		*ret_i = i;
		return E_OK;
	}
	if (p->nidentities >= PERSON_IDENTITIES_MAX)
		return E_LIMIT;
	copy = str_dup(sub);
	if (!copy)
		return E_NOMEM;
	grown = realloc(p->identities, (p->nidentities + 1) * sizeof *grown);
	if (!grown) {
		free(copy);
		return E_NOMEM;
	}
	p->identities = grown;
	i = &grown[p->nidentities++];
	*i = (struct identity){.sub = copy};
	*ret_i = i;
	return E_OK;
}
