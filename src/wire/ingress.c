#include "wire/ingress.h"

#include <arpa/inet.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "wire/destination.h"

#define PATH_MAX_PATTERN 256u /* bytes; glibc's compiler grows with nested repeats */
#define DESTINATIONS_MAX 1000u
#define AUD_TAGS_MAX 64u
#define IP_RULES_MAX 1000u
#define TIMEOUT_DEFAULT_MS 30000
#define TIMEOUT_MAX_MS (24 * 3600 * 1000ll)

struct rule {
	struct ingress_rule r;
	regex_t re;
	bool has_re;
};

struct ingress {
	unsigned refs;
	size_t n;
	struct rule v[];
};

/* Where a value stands, for messages: the YAML's line, or the pushed JSON's place. */
struct place {
	const char *file; /* NULL: pushed */
	const struct conf_node *list;
	size_t rule;
	const char *key;
	bool origin;                         /* key is one of the rule's originRequest */
	const struct conf_node *file_origin; /* the file's originRequest; NULL = none */
	const struct conf_node *all; /* key is one of the file's originRequest, which is this; NULL = of the rule */
	struct conf_error *err;
};

__attribute__((format(printf, 2, 3))) static int
fail(const struct place *p, const char *fmt, ...)
{
	char pointer[128], where[256];
	va_list ap;
	const char *key = p->key ? p->key : "";
	if (p->all)
		snprintf(pointer, sizeof pointer, "/%s", key);
	else
		snprintf(pointer, sizeof pointer, "/%zu%s%s%s", p->rule, p->origin ? "/originRequest" : "",
		         *key ? "/" : "", key);
	if (p->file)
		snprintf(where, sizeof where, "%s:%u", p->file, conf_line_at(p->all ? p->all : p->list, pointer));
	else
		snprintf(where, sizeof where, "pushed configuration, ingress%s", pointer);
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

static int
get_text(const struct place *p, const json_t *v, char **ret_s)
{
	if (!json_is_string(v))
		return fail(p, "found no text under \"%s\", expected text", p->key);
	char *s = str_dup(json_string_value(v));
	if (!s)
		return E_NOMEM;
	free(*ret_s);
	*ret_s = s;
	return 0;
}

static int
get_duration(const struct place *p, const json_t *v, int64_t *ret_ms)
{
	int64_t ms;
	if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= TIMEOUT_MAX_MS / 1000)
		ms = json_integer_value(v) * 1000; /* the original pushes seconds */
	else if (!json_is_string(v) || duration_parse(json_string_value(v), &ms) < 0 || ms > TIMEOUT_MAX_MS)
		return fail(p, "found a bad duration under \"%s\", expected up to 24h; example 30s", p->key);
	*ret_ms = ms;
	return 0;
}

static int
get_bool(const struct place *p, const json_t *v, bool *ret_b)
{
	const char *s = json_is_string(v) ? json_string_value(v) : "";
	if (json_is_true(v) || strcmp(s, "true") == 0)
		*ret_b = true;
	else if (json_is_false(v) || strcmp(s, "false") == 0)
		*ret_b = false;
	else
		return fail(p, "found something else under \"%s\", expected true or false", p->key);
	return 0;
}

/* --- originRequest */

static int
set_connect_timeout(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return get_duration(p, v, &r->connect_timeout_ms);
}

static int
set_keepalive(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return get_duration(p, v, &r->keepalive_ms);
}

static int
set_bastion(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool on = false;
	int e = get_bool(p, v, &on);
	/* as the original: a default for all rules must not turn the catch-all's http_status into a bastion */
	if (e == 0 && on && (r->kind == SERVICE_TCP || (r->kind == SERVICE_HTTP && !r->unix_path)))
		r->kind = SERVICE_BASTION;
	return e;
}

static int
set_default(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	struct hostport hp;
	int e = get_text(p, v, &r->default_destination);
	if (e < 0)
		return e;
	if (*r->default_destination && destination_parse(r->default_destination, 0, &hp) < 0)
		return fail(p, "found defaultDestination \"%s\", expected host:port; example localhost:22",
		            r->default_destination);
	return 0;
}

static void
free_texts(char **v)
{
	for (char **s = v; s && *s; s++)
		free(*s);
	free(v);
}

static int
set_destinations(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	size_t n = json_array_size(v);
	struct entry e;
	if (!json_is_array(v) || n > DESTINATIONS_MAX)
		return fail(p, "found something else under \"destinations\", expected a list of at most %u",
		            DESTINATIONS_MAX);
	free_texts(r->destinations);
	r->destinations = calloc(n + 1, sizeof *r->destinations);
	if (!r->destinations)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(v, i));
		if (!s || entry_parse(s, &e) < 0)
			return fail(p,
			            "found destination \"%s\", expected host:port or CIDR:port; example 10.0.0.0/8:22",
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
		return fail(p, "found something else under \"proxyType\", expected socks, or nothing");
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
		return fail(p, "found something else under \"ports\", expected a list of at most %d",
		            IP_RULE_PORTS_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(v, i);
		if (json_is_integer(one))
			port = json_integer_value(one) < 0 ? 0 : (uint64_t)json_integer_value(one);
		else if (!json_is_string(one) || str_u64(json_string_value(one), UINT16_MAX, &port) < 0)
			port = 0;
		if (port == 0 || port > UINT16_MAX)
			return fail(p, "found a bad port in ipRules, expected 1 to 65535");
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
			return fail(p, "found unknown key \"%s\" in ipRules; %s \"%s\"", key,
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
		return fail(p, "found no valid \"prefix\" in ipRules, expected a range; example 10.0.0.0/8");
	ret_u->iplen = e.iplen;
	ret_u->bits = e.bits;
	memcpy(ret_u->net, e.ip, sizeof ret_u->net);
	int r = ip_rule_ports(p, json_object_get(v, "ports"), ret_u);
	return r < 0 || !allow ? r : get_bool(p, allow, &ret_u->allow);
}

static int
set_ip_rules(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	size_t n = json_array_size(v);
	int e = 0;

	if (!json_is_array(v) || n > IP_RULES_MAX)
		return fail(p, "found something else under \"ipRules\", expected a list of at most %u", IP_RULES_MAX);
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
	int e = get_text(p, v, &r->host_header);
	if (e == 0 && *r->host_header && hostport_parse(r->host_header, 0, &hp) < 0)
		return fail(p, "found httpHostHeader \"%s\", expected a host name; example app.example.com",
		            r->host_header);
	return e;
}

static int
set_server_name(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	char host[HOST_MAX + 1];
	int e = get_text(p, v, &r->server_name);
	if (e == 0 && *r->server_name && host_parse(r->server_name, strlen(r->server_name), host) < 0)
		return fail(p, "found originServerName \"%s\", expected a host name; example app.example.com",
		            r->server_name);
	return e;
}

static int
set_ca_pool(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return get_text(p, v, &r->ca_pool);
}

static int
set_no_tls_verify(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return get_bool(p, v, &r->no_tls_verify);
}

typedef int setter(const struct place *p, const json_t *v, struct ingress_rule *r);
struct keyword {
	const char *name;
	setter *set;
};
static int apply(const struct place *at, const json_t *o, const struct keyword *keys, size_t n, struct ingress_rule *r,
                 const char *what);

/* --- originRequest.access: teamName and environment say where the original finds keys; ours were given with the tunnel
 */

static int
set_required(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool on = false;
	int e = get_bool(p, v, &on);
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
	int e = p->file ? fail(p, "found access.bypass, expected access.required: false") : get_bool(p, v, &on);
	if (e == 0 && on)
		r->access = ACCESS_OFF;
	return e;
}

static int
set_aud_tags(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	size_t n = json_array_size(v);
	if (!json_is_array(v) || n == 0 || n > AUD_TAGS_MAX)
		return fail(p, "found something else under \"audTag\", expected a list of 1 to %u", AUD_TAGS_MAX);
	free_texts(r->aud_tags);
	r->aud_tags = calloc(n + 1, sizeof *r->aud_tags);
	if (!r->aud_tags)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(v, i));
		if (!s || strlen(s) != 64 || strspn(s, "0123456789abcdef") != 64)
			return fail(p, "found audTag \"%.80s\", expected the application's aud: 64 hex digits",
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
	return json_is_string(v) ? 0 : fail(p, "found no text under \"%s\", expected text", p->key);
}

static const struct keyword access_keys[] = {
    {"required", set_required}, {"audTag", set_aud_tags}, {"teamName", set_team},
    {"environment", set_team},  {"bypass", set_bypass},
};

static int
set_access(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return apply(p, v, access_keys, sizeof access_keys / sizeof access_keys[0], r, "access");
}

/* Known, checked, and of no meaning here. */
static int
take_bool(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool b;
	return get_bool(p, v, &b);
}

static int
take_duration(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	int64_t ms;
	return get_duration(p, v, &ms);
}

static int
take_number(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	uint64_t n;
	if ((json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= UINT16_MAX) ||
	    (json_is_string(v) && str_u64(json_string_value(v), UINT16_MAX, &n) == 0))
		return 0;
	return fail(p, "found something else under \"%s\", expected a number up to 65535", p->key);
}

static int
take_text(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return json_is_string(v) ? 0 : fail(p, "found no text under \"%s\", expected text", p->key);
}

static int
set_nothing(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return 0; /* known, and of no meaning for streams */
}

static const struct keyword origin_keys[] = {
    {"connectTimeout", set_connect_timeout},
    {"tcpKeepAlive", set_keepalive},
    {"bastionMode", set_bastion},
    {"defaultDestination", set_default},
    {"destinations", set_destinations},
    {"proxyType", set_proxy_type},
    {"access", set_access},
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
static int
apply(const struct place *at, const json_t *o, const struct keyword *keys, size_t n, struct ingress_rule *r,
      const char *what)
{
	const char *names[32] = {0}, *key;
	json_t *v;
	struct place p = *at;
	if (!json_is_object(o))
		return fail(at, "found something else for %s, expected a map", what);
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
			return fail(&p, "found unknown key \"%s\" in %s; %s \"%s\"", key, what,
			            near ? "did you mean" : "one is", near ? near : names[0]);
		}
		int e = keys[i].set(&p, v, r);
		if (e < 0)
			return e;
	}
	return 0;
}

static int
apply_origin(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return apply(p, v, origin_keys, sizeof origin_keys / sizeof origin_keys[0], r, "originRequest");
}

/* --- rules */

static int
set_hostname(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	char host[HOST_MAX + 1];
	int e = get_text(p, v, &r->hostname);
	if (e < 0)
		return e;
	const char *s = r->hostname;
	if (!*s || strcmp(s, "*") == 0)
		return 0;
	if (strchr(s, ':'))
		return fail(p, "found hostname \"%s\", expected one without a port", s);
	if (strchr(s + 1, '*') || (s[0] == '*' && s[1] != '.'))
		return fail(
		    p,
		    "found hostname \"%s\", expected at most one wildcard, as its first label; example *.example.com",
		    s);
	if (host_parse(s[0] == '*' ? s + 2 : s, strlen(s) - (s[0] == '*' ? 2 : 0), host) < 0)
		return fail(p, "found hostname \"%s\", expected a DNS name (punycode for others)", s);
	return 0;
}

/* What RE2 understands and POSIX does not, or compiles without bound: glibc copies the operand of each + and {n,m}, so
   that repeats of repeats multiply. NULL: fine. */
static const char *
pattern_fault(const char *s)
{
	unsigned braces = 0, groups = 0;
	if (strlen(s) > PATH_MAX_PATTERN)
		return "it is longer than 256 bytes";
	for (; *s; s++) {
		bool repeat = strchr("*+?{", s[1]) && s[1];
		if (s[0] == '\\' && s[1]) {
			s++;
			if ((*s >= '0' && *s <= '9') ||
			    (strchr("ws", *s) == NULL && ((*s | 32) >= 'a' && (*s | 32) <= 'z')))
				return "of the backslash classes only \\w and \\s are known; write [0-9] for \\d";
		} else if (s[0] == '(' && s[1] == '?') {
			return "(?...) groups are not known";
		} else if (strchr("*+?}", s[0]) && repeat) {
			return "a repeat cannot follow a repeat";
		} else if (s[0] == ')' && repeat && ++groups > 3) {
			return "more than three repeated groups are not accepted";
		} else if (s[0] == '{' && (++braces > 1 || strspn(s + 1, "0123456789") > 2 ||
		                           (strchr(s, ',') && strspn(strchr(s, ',') + 1, "0123456789") > 2))) {
			return "more than one {n,m}, or one over 99, is not accepted";
		}
	}
	return NULL;
}

static int
set_path(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	struct rule *full = (struct rule *)r; /* r is its first member */
	int e = get_text(p, v, &r->path);
	if (e < 0 || !*r->path)
		return e;
	const char *fault = pattern_fault(r->path);
	if (!fault && !full->has_re) {
		if (regcomp(&full->re, r->path, REG_EXTENDED | REG_NOSUB) == 0)
			full->has_re = true;
		else
			fault = "it does not compile";
	}
	return fault ? fail(p, "found path \"%s\", expected an extended regular expression: %s", r->path, fault) : 0;
}

static int
set_service(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	char text[384];
	int e = get_text(p, v, &r->service);
	if (e < 0)
		return e;
	return service_parse(r->service, r, text, sizeof text) < 0 ? fail(p, "%s", text) : 0;
}

static const struct keyword rule_keys[] = {
    {"hostname", set_hostname},
    {"path", set_path},
    {"service", set_service},
    {"originRequest", set_nothing}, /* after the service, over the defaults */
};

static bool
is_catch_all(const struct ingress_rule *r)
{
	return (!*r->hostname || strcmp(r->hostname, "*") == 0) && !*r->path;
}

static int
parse_rule(struct place *p, const json_t *o, const json_t *defaults, struct rule *full)
{
	struct ingress_rule *r = &full->r;
	const json_t *origin;
	int e;
	r->connect_timeout_ms = r->keepalive_ms = TIMEOUT_DEFAULT_MS;
	if (!(r->hostname = str_dup("")) || !(r->path = str_dup("")) || !(r->default_destination = str_dup("")))
		return E_NOMEM;
	if ((e = apply(p, o, rule_keys, sizeof rule_keys / sizeof rule_keys[0], r, "an ingress rule")) < 0)
		return e;
	if (!r->service)
		return fail(p, "found no service, expected one; example service: ssh://localhost:22");
	if (defaults) {
		struct place q = *p;
		q.all = p->file_origin;
		q.origin = !q.all;
		if ((e = apply_origin(&q, defaults, r)) < 0)
			return e;
	}
	if ((origin = json_object_get(o, "originRequest")) && !json_is_null(origin)) {
		struct place q = *p;
		q.origin = true;
		e = apply_origin(&q, origin, r);
	}
	return e;
}

static int
check_order(const struct place *p, const struct ingress *i)
{
	struct place q = *p;
	for (size_t k = 0; k + 1 < i->n; k++)
		if (is_catch_all(&i->v[k].r)) {
			q.rule = k;
			return fail(&q, "rule #%zu matches every request, so the rules after it would never be reached",
			            k + 1);
		}
	q.rule = i->n - 1;
	if (i->n > 0 && is_catch_all(&i->v[i->n - 1].r))
		return 0;
	if (i->n == 0)
		q.rule = 0;
	return fail(&q, "ingress has no catch-all: the last rule must have neither hostname nor path; add '- service: "
	                "http_status:404'");
}

static int
build(struct place *p, const json_t *list, const json_t *defaults, struct ingress **ret_i)
{
	size_t n = json_array_size(list);
	int e = 0;
	if (!json_is_array(list) || n > INGRESS_RULES_MAX)
		return fail(p, "found something else under \"ingress\", expected a list of at most %u rules",
		            INGRESS_RULES_MAX);
	struct ingress *i = calloc(1, sizeof *i + n * sizeof i->v[0]);
	if (!i)
		return E_NOMEM;
	i->refs = 1;
	for (; i->n < n && e == 0; i->n++) {
		char pointer[24];
		p->rule = i->n;
		p->key = NULL;
		e = parse_rule(p, json_array_get(list, i->n), defaults, &i->v[i->n]);
		snprintf(pointer, sizeof pointer, "/%zu", i->n);
		i->v[i->n].r.line = p->file ? conf_line_at(p->list, pointer) : 0;
	}
	if (e == 0)
		e = check_order(p, i);
	if (e < 0)
		ingress_unref(i);
	else
		*ret_i = i;
	return e;
}

int
ingress_from_conf2(const char *file, const struct conf_node *list, const struct conf_node *origin,
                   struct ingress **ret_i, struct conf_error *err)
{
	struct place p = {.file = file, .list = list, .file_origin = origin, .err = err};
	json_t *l = conf_to_json(list), *o = origin ? conf_to_json(origin) : NULL;
	int r = l && (o || !origin) ? build(&p, l, o, ret_i) : E_NOMEM;
	if (r == E_NOMEM)
		str_copy(err->text, sizeof err->text, "out of memory");
	json_decref(l);
	json_decref(o);
	return r;
}

int
ingress_from_conf(const char *file, const struct conf_node *list, struct ingress **ret_i, struct conf_error *err)
{
	return ingress_from_conf2(file, list, NULL, ret_i, err);
}

int
ingress_from_json(const json_t *config, struct ingress **ret_i, struct conf_error *err)
{
	struct place p = {.err = err};
	const json_t *origin = json_object_get(config, "originRequest");
	int r = build(&p, json_object_get(config, "ingress"), json_is_object(origin) ? origin : NULL, ret_i);
	if (r == E_NOMEM)
		str_copy(err->text, sizeof err->text, "out of memory");
	return r;
}

/* --- use */

struct ingress *
ingress_ref(struct ingress *i)
{
	i->refs++;
	return i;
}

void
ingress_unref(struct ingress *i)
{
	if (!i || --i->refs > 0)
		return;
	for (size_t k = 0; k < i->n; k++) {
		struct rule *v = &i->v[k];
		free(v->r.hostname);
		free(v->r.path);
		free(v->r.service);
		free(v->r.default_destination);
		free(v->r.host_header);
		free(v->r.server_name);
		free(v->r.ca_pool);
		free_texts(v->r.destinations);
		free_texts(v->r.aud_tags);
		free(v->r.ip_rules);
		if (v->has_re)
			regfree(&v->re);
	}
	free(i);
}

size_t
ingress_count(const struct ingress *i)
{
	return i->n;
}

const struct ingress_rule *
ingress_at(const struct ingress *i, size_t k)
{
	return k < i->n ? &i->v[k].r : NULL;
}

static bool
host_matches(const char *pattern, const char *host, size_t n)
{
	if (!*pattern || strcmp(pattern, "*") == 0)
		return true;
	if (pattern[0] != '*')
		return strlen(pattern) == n && memcmp(pattern, host, n) == 0;
	size_t k = strlen(pattern + 1);
	return n > k && memcmp(host + n - k, pattern + 1, k) == 0;
}

/* Length of host without its port. */
static size_t
bare_length(const char *host)
{
	const char *colon = strrchr(host, ':');
	if (!colon || strchr(colon, ']') || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return strlen(host);
	return (size_t)(colon - host);
}

const struct ingress_rule *
ingress_match(const struct ingress *i, const char *host, const char *path, size_t *ret_index)
{
	size_t n = bare_length(host), k = 0;
	for (; k + 1 < i->n; k++) { /* the last one takes all */
		const struct rule *v = &i->v[k];
		if (host_matches(v->r.hostname, host, n) && (!v->has_re || regexec(&v->re, path, 0, NULL, 0) == 0))
			break;
	}
	if (ret_index)
		*ret_index = k;
	return &i->v[k].r;
}

/* --- back to JSON */

static int
put_text(json_t *o, const char *key, const char *s)
{
	return s && *s ? json_object_set_new(o, key, json_string(s)) : 0;
}

static json_t *
ip_rules_to_json(const struct ingress_rule *r)
{
	json_t *list = json_array();
	int bad = !list;

	for (size_t i = 0; i < r->nip_rules && !bad; i++) {
		const struct ip_rule *u = &r->ip_rules[i];
		char ip[INET6_ADDRSTRLEN] = "", prefix[INET6_ADDRSTRLEN + 8];
		json_t *ports = json_array();

		inet_ntop(u->iplen == 4 ? AF_INET : AF_INET6, u->net, ip, sizeof ip);
		snprintf(prefix, sizeof prefix, "%s/%u", ip, u->bits);
		for (unsigned k = 0; k < u->nports; k++)
			bad |= json_array_append_new(ports, json_integer(u->ports[k]));
		bad |= json_array_append_new(
		    list, json_pack("{s:s,s:o,s:b}", "prefix", prefix, "ports", ports, "allow", u->allow));
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *
access_to_json(const struct ingress_rule *r)
{
	json_t *o = json_pack("{s:b}", "required", r->access == ACCESS_ON), *list = r->aud_tags ? json_array() : NULL;
	int bad = !o;
	for (char **s = r->aud_tags; s && *s; s++)
		bad |= json_array_append_new(list, json_string(*s));
	if (list)
		bad |= json_object_set_new(o, "audTag", list);
	if (r->access == ACCESS_OFF)
		bad |= json_object_set_new(o, "bypass", json_true());
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
origin_to_json(const struct ingress_rule *r)
{
	json_t *o = json_object(), *list;
	int bad = !o;
	if (r->connect_timeout_ms != TIMEOUT_DEFAULT_MS)
		bad |= json_object_set_new(o, "connectTimeout", json_integer(r->connect_timeout_ms / 1000));
	if (r->keepalive_ms != TIMEOUT_DEFAULT_MS)
		bad |= json_object_set_new(o, "tcpKeepAlive", json_integer(r->keepalive_ms / 1000));
	if (r->kind == SERVICE_BASTION && strcmp(r->service, "bastion") != 0)
		bad |= json_object_set_new(o, "bastionMode", json_true());
	bad |= put_text(o, "defaultDestination", r->default_destination);
	bad |= put_text(o, "httpHostHeader", r->host_header);
	bad |= put_text(o, "originServerName", r->server_name);
	bad |= put_text(o, "caPool", r->ca_pool);
	if (r->no_tls_verify)
		bad |= json_object_set_new(o, "noTLSVerify", json_true());
	if (r->kind == SERVICE_SOCKS && strcmp(r->service, "socks-proxy") != 0)
		bad |= json_object_set_new(o, "proxyType", json_string("socks"));
	if (r->nip_rules)
		bad |= json_object_set_new(o, "ipRules", ip_rules_to_json(r));
	if (r->access != ACCESS_DEFAULT || r->aud_tags)
		bad |= json_object_set_new(o, "access", access_to_json(r));
	if (r->destinations && r->destinations[0]) {
		list = json_array();
		for (char **s = r->destinations; *s; s++)
			bad |= json_array_append_new(list, json_string(*s));
		bad |= json_object_set_new(o, "destinations", list);
	}
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

json_t *
ingress_to_json(const struct ingress *i)
{
	json_t *list = json_array();
	int bad = !list;
	for (size_t k = 0; k < i->n && !bad; k++) {
		const struct ingress_rule *r = &i->v[k].r;
		json_t *o = json_object();
		bad |= put_text(o, "hostname", r->hostname) | put_text(o, "path", r->path) |
		       put_text(o, "service", r->service);
		bad |= json_object_set_new(o, "originRequest", origin_to_json(r));
		bad |= json_array_append_new(list, o);
	}
	json_t *out = bad ? NULL : json_pack("{s:O}", "ingress", list);
	json_decref(list);
	return out;
}
