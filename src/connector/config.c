/* config: the configuration that the edge pushes (facts/cloudflared-wire.md a.9): versions only go up; a bad one
 * changes nothing. */
#include <stdlib.h>

#include "connector/private.h"
#include "core/log.h"

static int
config_take(struct connector *k, const json_t *o, struct conf_error *err)
{
	struct ingress *fresh = NULL;
	int64_t version;
	json_t *config;

	if (json_get_i64(o, "version", &version) < 0 || version < 0 || version > INT32_MAX ||
	    json_get_object(o, "config", &config) < 0) {
		snprintf(err->text, sizeof err->text, "expected {\"version\": N, \"config\": {...}}");
		return E_FORMAT;
	}
	if (version <= k->version)
		return 0;
	int r = ingress_from_json(config, &fresh, err);
	if (r < 0)
		return r;
	ingress_unref(k->ingress);
	k->ingress = fresh;
	k->version = (int32_t)version;
	log_info("configuration", "version", log_num(version), "rules", log_num((long long)ingress_count(fresh)), NULL);
	return 0;
}

void
config_update(struct connector *k, struct slice body, struct buf *answer)
{
	struct conf_error err = {{0}};
	json_t *o = NULL;
	int r = json_load_strict(body.p, body.n, CONTROL_MSG_MAX, &o);

	if (r < 0)
		snprintf(err.text, sizeof err.text, "not JSON");
	else
		r = config_take(k, o, &err);
	json_decref(o);
	if (r < 0)
		log_warn("configuration_refused", "why", err.text, NULL);
	json_t *a = r < 0 ? json_pack("{s:i,s:s}", "lastAppliedVersion", (int)k->version, "err", err.text)
	                  : json_pack("{s:i,s:n}", "lastAppliedVersion", (int)k->version, "err");
	if (a)
		json_dump(a, answer);
	json_decref(a);
}
