#include "wire/ingress.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "wire/ingress_int.h"

#define PRIVATE_CONNECT_MS 5000 /* as the original, where nothing is said */
#define PATH_MAX_PATTERN 256u   /* bytes; glibc's compiler grows with nested repeats */

struct rule {
	struct ingress_rule r;
	regex_t re;
	bool has_re;
};

struct ingress {
	unsigned refs;
	struct ingress_rule *private; /* warp-routing; NULL = not enabled */
	size_t n;
	struct rule v[];
};

/* --- rules */

static int
set_hostname(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	char host[HOST_MAX + 1];
	int e = ingress_text(p, v, &r->hostname);
	if (e < 0)
		return e;
	const char *s = r->hostname;
	if (!*s || strcmp(s, "*") == 0)
		return 0;
	if (strchr(s, ':'))
		return ingress_fail(p, "found hostname \"%s\", expected one without a port", s);
	if (strchr(s + 1, '*') || (s[0] == '*' && s[1] != '.'))
		return ingress_fail(
		    p,
		    "found hostname \"%s\", expected at most one wildcard, as its first label; example *.example.com",
		    s);
	if (host_parse(s[0] == '*' ? s + 2 : s, strlen(s) - (s[0] == '*' ? 2 : 0), host) < 0)
		return ingress_fail(p, "found hostname \"%s\", expected a DNS name (punycode for others)", s);
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
	int e = ingress_text(p, v, &r->path);
	if (e < 0 || !*r->path)
		return e;
	const char *fault = pattern_fault(r->path);
	if (!fault && !full->has_re) {
		if (regcomp(&full->re, r->path, REG_EXTENDED | REG_NOSUB) == 0)
			full->has_re = true;
		else
			fault = "it does not compile";
	}
	return fault ? ingress_fail(p, "found path \"%s\", expected an extended regular expression: %s", r->path, fault)
	             : 0;
}

static int
set_service(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	char text[384];
	int e = ingress_text(p, v, &r->service);
	if (e < 0)
		return e;
	return service_parse(r->service, r, text, sizeof text) < 0 ? ingress_fail(p, "%s", text) : 0;
}

static int
set_nothing(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	return 0; /* known, and of no meaning for streams */
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
	if ((e = ingress_apply(p, o, rule_keys, sizeof rule_keys / sizeof rule_keys[0], r, "an ingress rule")) < 0)
		return e;
	if (!r->service)
		return ingress_fail(p, "found no service, expected one; example service: ssh://localhost:22");
	if (defaults) {
		struct place q = *p;
		q.all = p->file_origin;
		q.origin = !q.all;
		if ((e = ingress_origin(&q, defaults, r)) < 0)
			return e;
	}
	if ((origin = json_object_get(o, "originRequest")) && !json_is_null(origin)) {
		struct place q = *p;
		q.origin = true;
		e = ingress_origin(&q, origin, r);
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
			return ingress_fail(
			    &q, "rule #%zu matches every request, so the rules after it would never be reached", k + 1);
		}
	q.rule = i->n - 1;
	if (i->n > 0 && is_catch_all(&i->v[i->n - 1].r))
		return 0;
	if (i->n == 0)
		q.rule = 0;
	return ingress_fail(
	    &q, "ingress has no catch-all: the last rule must have neither hostname nor path; add '- service: "
	        "http_status:404'");
}

/* --- warp-routing: streams to addresses, past the rules */

static int
set_enabled(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	bool on = false;
	int e = ingress_bool(p, v, &on);

	r->kind = on ? SERVICE_BASTION : SERVICE_STATUS;
	return e;
}

static int
take_flows(const struct place *p, const json_t *v, struct ingress_rule *r)
{
	uint64_t n;

	(void)r;
	if ((json_is_integer(v) && json_integer_value(v) >= 0) ||
	    (json_is_string(v) && str_u64(json_string_value(v), UINT64_MAX, &n) == 0))
		return 0;
	return ingress_fail(p, "found something else under \"%s\", expected a number", p->key);
}

static const struct keyword private_keys[] = {
    {"enabled", set_enabled},       {"connectTimeout", ingress_connect_timeout}, {"tcpKeepAlive", ingress_keepalive},
    {"maxActiveFlows", take_flows}, {"destinations", ingress_destinations},      {"access", ingress_access},
};

static void
rule_release(struct ingress_rule *r)
{
	free(r->hostname);
	free(r->path);
	free(r->service);
	free(r->default_destination);
	free(r->host_header);
	free(r->server_name);
	free(r->ca_pool);
	ingress_free_texts(r->destinations);
	ingress_free_texts(r->aud_tags);
	free(r->ip_rules);
}

static int
set_private(struct ingress *i, const char *file, const struct conf_node *node, const json_t *v, struct conf_error *err)
{
	struct place p = {.file = file, .list = node, .all = node, .err = err, .what = "warp-routing"};
	struct ingress_rule *r = v ? calloc(1, sizeof *r) : NULL;
	int e = 0;

	if (!v || json_is_null(v))
		goto out;
	if (!r || !(r->service = str_dup("warp-routing"))) {
		e = E_NOMEM;
		goto out;
	}
	r->kind = SERVICE_STATUS;
	r->connect_timeout_ms = PRIVATE_CONNECT_MS;
	r->keepalive_ms = TIMEOUT_DEFAULT_MS;
	e = ingress_apply(&p, v, private_keys, sizeof private_keys / sizeof private_keys[0], r, "warp-routing");
	if (e == 0 && r->kind == SERVICE_BASTION) {
		i->private = r;
		r = NULL;
	}
out:
	if (r)
		rule_release(r);
	free(r);
	return e;
}

const struct ingress_rule *
ingress_private(const struct ingress *i)
{
	return i->private;
}

static int
build(struct place *p, const json_t *list, const json_t *defaults, struct ingress **ret_i)
{
	size_t n = json_array_size(list);
	int e = 0;
	if (!json_is_array(list) || n > INGRESS_RULES_MAX)
		return ingress_fail(p, "found something else under \"ingress\", expected a list of at most %u rules",
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
                   const struct conf_node *private, struct ingress **ret_i, struct conf_error *err)
{
	struct place p = {.file = file, .list = list, .file_origin = origin, .err = err};
	json_t *l = conf_to_json(list), *o = origin ? conf_to_json(origin) : NULL,
	       *w = private ? conf_to_json(private) : NULL;
	struct ingress *i = NULL;
	int r = l && (o || !origin) && (w || !private) ? build(&p, l, o, &i) : E_NOMEM;
	if (r == 0)
		r = set_private(i, file, private, w, err);
	if (r == E_NOMEM)
		str_copy(err->text, sizeof err->text, "out of memory");
	if (r == 0)
		*ret_i = i;
	else
		ingress_unref(i);
	json_decref(l);
	json_decref(o);
	json_decref(w);
	return r;
}

int
ingress_from_conf(const char *file, const struct conf_node *list, struct ingress **ret_i, struct conf_error *err)
{
	return ingress_from_conf2(file, list, NULL, NULL, ret_i, err);
}

int
ingress_from_json(const json_t *config, struct ingress **ret_i, struct conf_error *err)
{
	struct place p = {.err = err};
	const json_t *origin = json_object_get(config, "originRequest");
	struct ingress *i = NULL;
	int r = build(&p, json_object_get(config, "ingress"), json_is_object(origin) ? origin : NULL, &i);

	if (r == 0)
		r = set_private(i, NULL, NULL, json_object_get(config, "warp-routing"), err);
	if (r == 0)
		*ret_i = i;
	else
		ingress_unref(i);
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
		rule_release(&v->r);
		if (v->has_re)
			regfree(&v->re);
	}
	if (i->private)
		rule_release(i->private);
	free(i->private);
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
