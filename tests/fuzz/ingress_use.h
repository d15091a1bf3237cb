/* What both ingress targets do with rules that were accepted. */
#include <stdlib.h>
#include <string.h>

static void
use(struct ingress *i)
{
	static const uint8_t ip[4] = {10, 0, 0, 1};
	static const char *const hosts[] = {"a.example.com", "a.example.com:22", "", "*"};
	struct reason why;
	for (size_t k = 0; k < 4; k++) {
		size_t at;
		const struct ingress_rule *r = ingress_match(i, hosts[k], "/x/12", &at);
		if (!r || ingress_at(i, at) != r)
			abort();
		destination_check(r, "a.example.com", 22, ip, 4, &why);
	}
	json_t *j = ingress_to_json(i);
	if (!j)
		abort();
	struct ingress *again;
	struct conf_error err;
	if (ingress_from_json(j, &again, &err) < 0)
		abort(); /* what we report we must understand */
	if (ingress_count(again) != ingress_count(i))
		abort();
	ingress_unref(ingress_ref(again));
	ingress_unref(again);
	json_decref(j);
	ingress_unref(i);
}
