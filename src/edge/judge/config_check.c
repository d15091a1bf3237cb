#include "edge/judge/config_check.h"

#include <string.h>

#include "wire/ingress.h"

int
config_check(const json_t *config, struct model_error *err)
{
	struct ingress *in = NULL;
	struct conf_error bad = {0};

	if (ingress_from_json(config, &in, &bad) < 0)
		return model_fail(err, "/ingress", "%s", bad.text);
	ingress_unref(in);
	return 0;
}

/* "host:port", "CIDR:port" */
static bool
destination_form(const char *s)
{
	const char *slash = strchr(s, '/'), *colon = strrchr(s, ':');
	struct hostport hp;
	uint8_t net[16];
	unsigned bits;
	char text[64];
	size_t n;

	if (!slash)
		return hostport_parse(s, 22, &hp) == 0;
	if (!colon || colon < slash)
		return false;
	n = (size_t)(colon - s);
	if (n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (text[0] == '[' && text[n - 1] == ']') {
		memmove(text, text + 1, n - 2);
		text[n - 2] = '\0';
	}
	return model_cidr(text, net, &bits) == 0 && strspn(colon + 1, "0123456789") == strlen(colon + 1) && colon[1];
}

int
app_service_check(const struct app *a, struct model_error *err)
{
	struct ingress_rule rule = {0};
	char why[256] = "", at[64];

	if (a->service && service_parse(a->service, &rule, why, sizeof why) < 0)
		return model_fail(err, "/service", "found \"%.80s\": %s; expected ssh://localhost:22 or bastion",
		                  a->service, why);
	if (a->default_destination && !destination_form(a->default_destination))
		return model_fail(err, "/default_destination",
		                  "found \"%.80s\", expected HOST:PORT such as localhost:22", a->default_destination);
	for (size_t i = 0; i < a->destinations.n; i++) {
		snprintf(at, sizeof at, "/destinations/%zu", i);
		if (!destination_form(a->destinations.v[i]))
			return model_fail(err, at,
			                  "found \"%.80s\", expected HOST:PORT or CIDR:PORT such as 10.0.0.0/8:22",
			                  a->destinations.v[i]);
	}
	return 0;
}
