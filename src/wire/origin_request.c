/* A rule's values and its originRequest (facts/cloudflared-wire.md e.3). */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "wire/destination.h"
#include "wire/ingress_int.h"

#define DESTINATIONS_MAX 1000u
#define AUD_TAGS_MAX 64u
#define IP_RULES_MAX 1000u
#define TIMEOUT_MAX_MS (24 * 3600 * 1000ll)

int
ingress_fail(const struct place *p, const char *fmt, ...)
{
	char pointer[128], where[256];
	va_list ap;
	const char *key = p->key ? p->key : "";
	if (p->all || p->what)
		snprintf(pointer, sizeof pointer, "/%s", key);
	else
		snprintf(pointer, sizeof pointer, "/%zu%s%s%s", p->rule, p->origin ? "/originRequest" : "",
		         *key ? "/" : "", key);
	if (p->file)
		snprintf(where, sizeof where, "%s:%u", p->file, conf_line_at(p->all ? p->all : p->list, pointer));
	else
		snprintf(where, sizeof where, "pushed configuration, %s%s", p->what ? p->what : "ingress", pointer);
	int n = snprintf(p->err->text, sizeof p->err->text, "%s: ", where);
	if (n < 0 || (size_t)n >= sizeof p->err->text)
		return E_FORMAT;
	va_start(ap, fmt);
	vsnprintf(p->err->text + n, sizeof p->err->text - (size_t)n, fmt, ap);
	va_end(ap);
	for (char *c = p->err->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return E_FORMAT;
}

/* --- values: YAML gives text for every scalar, pushed JSON its own types */

int
ingress_text(const struct place *p, const json_t *v, char **ret_s)
{
	if (!json_is_string(v))
		return ingress_fail(p, "found no text under \"%s\", expected text", p->key);
	char *s = str_dup(json_string_value(v));
	if (!s)
		return E_NOMEM;
	free(*ret_s);
	*ret_s = s;
	return 0;
}

int
ingress_duration(const struct place *p, const json_t *v, int64_t *ret_ms)
{
	int64_t ms;
	if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= TIMEOUT_MAX_MS / 1000)
		ms = json_integer_value(v) * 1000; /* the original pushes seconds */
	else if (!json_is_string(v) || duration_parse(json_string_value(v), &ms) < 0 || ms > TIMEOUT_MAX_MS)
		return ingress_fail(p, "found a bad duration under \"%s\", expected up to 24h; example 30s", p->key);
	*ret_ms = ms;
	return 0;
}

int
ingress_bool(const struct place *p, const json_t *v, bool *ret_b)
{
	const char *s = json_is_string(v) ? json_string_value(v) : "";
	if (json_is_true(v) || strcmp(s, "true") == 0)
		*ret_b = true;
	else if (json_is_false(v) || strcmp(s, "false") == 0)
		*ret_b = false;
	else
		return ingress_fail(p, "found something else under \"%s\", expected true or false", p->key);
	return 0;
}

/* --- originRequest */

int
ingress_connect_timeout(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return ingress_duration(p, v, &r->connect_timeout_ms);
}

int
ingress_keepalive(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return ingress_duration(p, v, &r->keepalive_ms);
}

static int
set_bastion(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool on = false;
	int e = ingress_bool(p, v, &on);
	/* as the original: a default for all rules must not turn the catch-all's http_status into a bastion */
	if (e == 0 && on && (r->kind == SERVICE_TCP || (r->kind == SERVICE_HTTP && !r->unix_path)))
		r->kind = SERVICE_BASTION;
	return e;
}

static int
set_default(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	struct hostport hp;
	int e = ingress_text(p, v, &r->default_destination);
	if (e < 0)
		return e;
	if (*r->default_destination && destination_parse(r->default_destination, 0, &hp) < 0)
		return ingress_fail(p, "found defaultDestination \"%s\", expected host:port; example localhost:22",
		                    r->default_destination);
	return 0;
}

void
ingress_free_texts(char **v)
{
	for (char **s = v; s && *s; s++)
		free(*s);
	free(v);
}

int
ingress_destinations(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	size_t n = json_array_size(v);
	struct entry e;
	if (!json_is_array(v) || n > DESTINATIONS_MAX)
		return ingress_fail(p, "found something else under \"destinations\", expected a list of at most %u",
		                    DESTINATIONS_MAX);
	ingress_free_texts(r->destinations);
	r->destinations = calloc(n + 1, sizeof *r->destinations);
	if (!r->destinations)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(v, i));
		if (!s || entry_parse(s, &e) < 0)
			return ingress_fail(
			    p, "found destination \"%s\", expected host:port or CIDR:port; example 10.0.0.0/8:22",
			    s ? s : "");
		if (!(r->destinations[i] = str_dup(s)))
			return E_NOMEM;
	}
	return 0;
}

static int
set_proxy_type(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	const char *s = json_string_value(v);

	if (!s || (*s && strcmp(s, "socks") != 0))
		return ingress_fail(p, "found something else under \"proxyType\", expected socks, or nothing");
	if (*s && r->kind == SERVICE_TCP)
		r->kind = SERVICE_SOCKS;
	return 0;
}

static int
ip_rule_ports(const struct place *p, const json_t *v, struct ip_rule *ret_u)
{
	size_t n = json_array_size(v);
	uint64_t port = 0;

	if (v && (!json_is_array(v) || n > IP_RULE_PORTS_MAX))
		return ingress_fail(p, "found something else under \"ports\", expected a list of at most %d",
		                    IP_RULE_PORTS_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(v, i);
		if (json_is_integer(one))
			port = json_integer_value(one) < 0 ? 0 : (uint64_t)json_integer_value(one);
		else if (!json_is_string(one) || str_u64(json_string_value(one), UINT16_MAX, &port) < 0)
			port = 0;
		if (port == 0 || port > UINT16_MAX)
			return ingress_fail(p, "found a bad port in ipRules, expected 1 to 65535");
		ret_u->ports[ret_u->nports++] = (uint16_t)port;
	}
	return 0;
}

static int
ip_rule_parse(const struct place *p, const json_t *v, struct ip_rule *ret_u)
{
	static const char *const known[] = {"prefix", "ports", "allow", NULL};
	const char *prefix = json_string_value(json_object_get(v, "prefix")), *key;
	const json_t *allow = json_object_get(v, "allow");
	struct entry e;
	char text[80];
	json_t *one;

	json_object_foreach((json_t *)(uintptr_t)v, key, one)
	{
		if (strcmp(key, "prefix") && strcmp(key, "ports") && strcmp(key, "allow")) {
			const char *near = str_nearest(key, known);
			return ingress_fail(p, "found unknown key \"%s\" in ipRules; %s \"%s\"", key,
			                    near ? "did you mean" : "one is", near ? near : known[0]);
		}
	}
	/* a range without its brackets, as the original writes it */
	if (!prefix || !strchr(prefix, '/') || strlen(prefix) > 60)
		prefix = "";
	const char *slash = strchr(prefix, '/');
	if (strchr(prefix, ':'))
		snprintf(text, sizeof text, "[%.*s]%s:*", (int)(slash - prefix), prefix, slash);
	else
		snprintf(text, sizeof text, "%s:*", prefix);
	if (entry_parse(text, &e) < 0 || !e.iplen)
		return ingress_fail(p, "found no valid \"prefix\" in ipRules, expected a range; example 10.0.0.0/8");
	ret_u->iplen = e.iplen;
	ret_u->bits = e.bits;
	memcpy(ret_u->net, e.ip, sizeof ret_u->net);
	int r = ip_rule_ports(p, json_object_get(v, "ports"), ret_u);
	return r < 0 || !allow ? r : ingress_bool(p, allow, &ret_u->allow);
}

static int
set_ip_rules(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	size_t n = json_array_size(v);
	int e = 0;

	if (!json_is_array(v) || n > IP_RULES_MAX)
		return ingress_fail(p, "found something else under \"ipRules\", expected a list of at most %u",
		                    IP_RULES_MAX);
	free(r->ip_rules);
	r->nip_rules = 0;
	if (!(r->ip_rules = calloc(n + 1, sizeof *r->ip_rules)))
		return E_NOMEM;
	for (; e == 0 && r->nip_rules < n; r->nip_rules++)
		e = ip_rule_parse(p, json_array_get(v, r->nip_rules), &r->ip_rules[r->nip_rules]);
	return e;
}

static int
set_host_header(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	struct hostport hp;
	int e = ingress_text(p, v, &r->host_header);
	if (e == 0 && *r->host_header && hostport_parse(r->host_header, 0, &hp) < 0)
		return ingress_fail(p, "found httpHostHeader \"%s\", expected a host name; example app.example.com",
		                    r->host_header);
	return e;
}

static int
set_server_name(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	char host[HOST_MAX + 1];
	int e = ingress_text(p, v, &r->server_name);
	if (e == 0 && *r->server_name && host_parse(r->server_name, strlen(r->server_name), host) < 0)
		return ingress_fail(p, "found originServerName \"%s\", expected a host name; example app.example.com",
		                    r->server_name);
	return e;
}

static int
set_ca_pool(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return ingress_text(p, v, &r->ca_pool);
}

static int
set_no_tls_verify(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return ingress_bool(p, v, &r->no_tls_verify);
}

/* --- originRequest.access: teamName and environment say where the original finds keys; ours were given with the tunnel
 */

static int
set_required(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool on = false;
	int e = ingress_bool(p, v, &on);
	/* An edge says false for the sake of stock connectors, before or after it says bypass; in a file it is this
	   host's owner who speaks. */
	if (e == 0 && (on || p->file))
		r->access = on ? ACCESS_ON : ACCESS_OFF;
	return e;
}

static int
set_bypass(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool on = false;
	int e =
	    p->file ? ingress_fail(p, "found access.bypass, expected access.required: false") : ingress_bool(p, v, &on);
	if (e == 0 && on)
		r->access = ACCESS_OFF;
	return e;
}

static int
set_aud_tags(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	size_t n = json_array_size(v);
	if (!json_is_array(v) || n == 0 || n > AUD_TAGS_MAX)
		return ingress_fail(p, "found something else under \"audTag\", expected a list of 1 to %u",
		                    AUD_TAGS_MAX);
	ingress_free_texts(r->aud_tags);
	r->aud_tags = calloc(n + 1, sizeof *r->aud_tags);
	if (!r->aud_tags)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(v, i));
		if (!s || strlen(s) != 64 || strspn(s, "0123456789abcdef") != 64)
			return ingress_fail(p, "found audTag \"%.80s\", expected the application's aud: 64 hex digits",
			                    s ? s : "");
		if (!(r->aud_tags[i] = str_dup(s)))
			return E_NOMEM;
	}
	return 0;
}

static int
set_team(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	(void)r;
	return json_is_string(v) ? 0 : ingress_fail(p, "found no text under \"%s\", expected text", p->key);
}

static const struct keyword access_keys[] = {
    {"required", set_required}, {"audTag", set_aud_tags}, {"teamName", set_team},
    {"environment", set_team},  {"bypass", set_bypass},
};

int
ingress_access(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return ingress_apply(p, v, access_keys, sizeof access_keys / sizeof access_keys[0], r, "access");
}

/* Known, checked, and of no meaning here. */
static int
take_bool(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool b;
	return ingress_bool(p, v, &b);
}

static int
take_duration(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	int64_t ms;
	return ingress_duration(p, v, &ms);
}

static int
take_number(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	uint64_t n;
	if ((json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= UINT16_MAX) ||
	    (json_is_string(v) && str_u64(json_string_value(v), UINT16_MAX, &n) == 0))
		return 0;
	return ingress_fail(p, "found something else under \"%s\", expected a number up to 65535", p->key);
}

static int
take_text(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return json_is_string(v) ? 0 : ingress_fail(p, "found no text under \"%s\", expected text", p->key);
}

static const struct keyword origin_keys[] = {
    {"connectTimeout", ingress_connect_timeout},
    {"tcpKeepAlive", ingress_keepalive},
    {"bastionMode", set_bastion},
    {"defaultDestination", set_default},
    {"destinations", ingress_destinations},
    {"proxyType", set_proxy_type},
    {"access", ingress_access},
    {"tlsTimeout", take_duration},
    {"noHappyEyeballs", take_bool},
    {"keepAliveConnections", take_number},
    {"keepAliveTimeout", take_duration},
    {"httpHostHeader", set_host_header},
    {"originServerName", set_server_name},
    {"matchSNItoHost", take_bool},
    {"caPool", set_ca_pool},
    {"noTLSVerify", set_no_tls_verify},
    {"disableChunkedEncoding", take_bool},
    {"proxyAddress", take_text},
    {"proxyPort", take_number},
    {"ipRules", set_ip_rules},
    {"http2Origin", take_bool},
};

/* Runs the setters of a table over an object; an unknown key is an error that names the nearest. */
int
ingress_apply(const struct place *at, const json_t *o, const struct keyword *keys, size_t n, struct ingress_rule *r,
              const char *what)
{
	const char *names[32] = {0}, *key;
	json_t *v;
	struct place p = *at;
	if (!json_is_object(o))
		return ingress_fail(at, "found something else for %s, expected a map", what);
	for (size_t i = 0; i < n; i++)
		names[i] = keys[i].name;
	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		size_t i = 0;
		while (i < n && strcmp(keys[i].name, key) != 0)
			i++;
		p.key = key;
		if (i == n) {
			const char *near = str_nearest(key, names);
			return ingress_fail(&p, "found unknown key \"%s\" in %s; %s \"%s\"", key, what,
			                    near ? "did you mean" : "one is", near ? near : names[0]);
		}
		int e = keys[i].set(&p, v, r);
		if (e < 0)
			return e;
	}
	return 0;
}

int
ingress_origin(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return ingress_apply(p, v, origin_keys, sizeof origin_keys / sizeof origin_keys[0], r, "originRequest");
}
