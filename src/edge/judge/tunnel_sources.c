#include "edge/judge/tunnel_sources.h"

#include <string.h>

#include "core/str.h"
#include "msg/front_judge.h"

/* --- what a connector reports */

static json_t *
addresses_of(const json_t *list)
{
	json_t *out = json_array(), *one;
	uint8_t ip[16];
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *s = json_string_value(one);
		if (json_array_size(out) < SOURCES_ADDRESSES_MAX && s && model_addr(s, ip) == 0)
			json_array_append(out, one);
	}
	return out;
}

void
sources_take(struct tunnel_link *l, const char *text)
{
	json_t *list = NULL, *rule, *out = NULL;
	size_t i;

	json_decref(l->sources);
	l->sources = NULL;
	if (!*text || json_load_strict(text, strlen(text), FJ_SOURCES_MAX, &list) < 0 || !json_is_array(list)) {
		json_decref(list);
		return;
	}
	out = json_array();
	json_array_foreach(list, i, rule)
	{
		json_t *from = addresses_of(json_object_get(rule, "addresses"));
		if (json_array_size(from) && json_array_size(out) < SOURCES_RULES_MAX)
			json_array_append_new(out, json_pack("{s:s, s:O}", "hostname",
			                                     json_str_or(rule, "hostname", ""), "addresses", from));
		json_decref(from);
	}
	json_decref(list);
	l->sources = out;
}

/* --- what that means for a certificate */

/* As a connector matches its rules (wire/ingress.h); an application's own wildcard is the rule's text. */
static bool
rule_fits(const char *pattern, const char *host)
{
	size_t n = strlen(host), k;

	if (!*pattern || !strcmp(pattern, "*") || !strcmp(pattern, host))
		return true;
	if (pattern[0] != '*')
		return false;
	k = strlen(pattern + 1);
	return n > k && !strcmp(host + n - k, pattern + 1);
}

static void
add(struct cert_sources *s, const char *ip)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], ip))
			return;
	if (s->n < CA_SOURCES_MAX)
		s->v[s->n++] = ip;
}

static bool
add_of_host(struct cert_sources *s, const json_t *report, const char *host)
{
	const char *name = NULL;
	json_t *rule, *ip;
	size_t i, k;

	json_array_foreach(report, i, rule)
	{
		const char *pattern = json_str_or(rule, "hostname", "");
		if (name ? strcmp(name, pattern) != 0 : !rule_fits(pattern, host))
			continue;
		name = pattern;
		json_array_foreach(json_object_get(rule, "addresses"), k, ip) add(s, json_string_value(ip));
	}
	return name != NULL;
}

void
cert_sources(const struct judge *j, const struct app_view *a, struct cert_sources *ret_s)
{
	const struct app_ssh *ssh = &a->app->ssh;
	struct map_iter it = {0};
	struct cert_sources s = {.n = 0};

	if (ssh->source_mode == SOURCE_LIST)
		for (; s.n < ssh->source_address.n && s.n < CA_SOURCES_MAX; s.n++)
			s.v[s.n] = ssh->source_address.v[s.n];
	while (ssh->source_mode == SOURCE_AUTO && a->tunnel && map_next(&j->links, &it)) {
		const struct tunnel_link *l = it.value;
		bool said = false;
		if (strcmp(l->tunnel, a->tunnel->id) != 0)
			continue;
		for (size_t i = 0; i < a->app->nsites; i++)
			said |= add_of_host(&s, l->sources, a->app->sites[i].host);
		if (said)
			s.said++;
		else
			s.silent++;
	}
	*ret_s = s;
}

/* --- explain */

json_t *
cert_sources_json(const struct judge *j, const struct app_view *a, struct buf *sentence)
{
	struct cert_sources s;
	json_t *list = json_array();

	if (a->app->ssh.source_mode == SOURCE_OFF || !list) {
		json_decref(list);
		return NULL;
	}
	cert_sources(j, a, &s);
	for (size_t i = 0; i < s.n; i++)
		json_array_append_new(list, json_string(s.v[i]));
	buf_put_str(sentence, "certificate: ");
	if (!s.n)
		buf_put_str(sentence, "no source-address option: source_address is auto, and no live connector has "
		                      "reported an address\n");
	for (size_t i = 0; i < s.n; i++)
		buf_putf(sentence, "%s%s", i ? ", " : "to be used from ", s.v[i]);
	if (s.n && s.silent)
		buf_putf(sentence,
		         "; %u of %u connections of the tunnel reported none, and it will be refused through them",
		         s.silent, s.silent + s.said);
	if (s.n)
		buf_put_str(sentence, "\n");
	return json_pack("{s:s, s:o}", "mode", a->app->ssh.source_mode == SOURCE_AUTO ? "auto" : "list", "addresses",
	                 list);
}
