/* config: the configuration that the edge pushes (facts/cloudflared-wire.md a.9): versions only go up; a bad one,
 * or one without the signer's seal where that is asked for (access.h), changes nothing. */
#include <stdlib.h>

#include "connector/private.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"

static int
config_take(struct connector *k, const json_t *o, int32_t *ret_version, struct conf_error *err)
{
	struct ingress *fresh = NULL;
	int64_t version;
	json_t *config, *extra;
	struct reason why = {0};

	if (json_get_i64(o, "version", &version) < 0 || version < 0 || version > INT32_MAX ||
	    json_get_object(o, "config", &config) < 0) {
		snprintf(err->text, sizeof err->text, "expected {\"version\": N, \"config\": {...}}");
		return E_FORMAT;
	}
	extra = json_object_get(o, "sallyport");
	access_keys(&k->access, extra);
	*ret_version = k->version;
	if (extra && !json_object_size(config)) { /* keys alone, for a connector with rules of its own */
		*ret_version = (int32_t)version;
		return 0;
	}
	if (version <= k->version)
		return 0;
	int r = access_config(&k->access, json_str_or(extra, "seal", ""), version, config, clock_wall(), &why);
	if (r < 0) {
		str_copy(err->text, sizeof err->text, why.text);
		return r;
	}
	r = ingress_from_json(config, &fresh, err);
	if (r < 0)
		return r;
	ingress_unref(k->ingress);
	k->ingress = fresh;
	*ret_version = k->version = (int32_t)version;
	log_info("configuration", "version", log_num(version), "rules", log_num((long long)ingress_count(fresh)), NULL);
	return 0;
}

void
config_update(struct connector *k, struct slice body, struct buf *answer)
{
	struct conf_error err = {{0}};
	int32_t version = k->version;
	json_t *o = NULL;
	int r = json_load_strict(body.p, body.n, CONTROL_MSG_MAX, &o);

	if (r < 0)
		snprintf(err.text, sizeof err.text, "not JSON");
	else
		r = config_take(k, o, &version, &err);
	json_decref(o);
	if (r < 0)
		log_warn("configuration_refused", "why", err.text, NULL);
	json_t *a = r < 0 ? json_pack("{s:i,s:s}", "lastAppliedVersion", (int)version, "err", err.text)
	                  : json_pack("{s:i,s:n}", "lastAppliedVersion", (int)version, "err");
	if (a)
		json_dump(a, answer);
	json_decref(a);
}
