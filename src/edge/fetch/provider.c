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
