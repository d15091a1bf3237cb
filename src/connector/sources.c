/* sources: from which addresses of ours the services are reached, told to the edge: certificates of `source_address:
 * auto` are good from there alone (docs/protocol/tunnel.md). Services are looked at one after the other, again when a
 * connection registers, when the rules change, and now and then: routes change under a connector that stays up. */
#include <stdlib.h>
#include <string.h>

#include "connector/private.h"
#include "core/log.h"
#include "io/addr.h"

#define SOURCES_RULES_MAX 256u /* as the edge takes; later rules are not reported, so their certificates are free */
#define SOURCES_ADDRESSES_MAX 16u
#define SOURCES_AGAIN_MS 60000

static void look(struct sources *s);

/* The n-th thing that a rule reaches; false: there are no more. A range stands for its first host. */
static bool
target(const struct ingress_rule *r, size_t n, struct hostport *ret_hp)
{
	if (r->kind == SERVICE_TCP && n == 0) {
		*ret_hp = r->target;
		return true;
	}
	if (r->kind != SERVICE_BASTION)
		return false;
	if (n == 0) {
		if (!r->default_destination || destination_sample(r->default_destination, ret_hp) < 0)
			*ret_hp = (struct hostport){0};
		return true;
	}
	for (size_t i = 0; i + 1 < n; i++)
		if (!r->destinations || !r->destinations[i])
			return false;
	if (!r->destinations || !r->destinations[n - 1])
		return false;
	if (destination_sample(r->destinations[n - 1], ret_hp) < 0)
		*ret_hp = (struct hostport){0};
	return true;
}

static bool
has(const json_t *list, const char *text)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) if (!strcmp(json_string_value(v), text)) return true;
	return false;
}

static void
on_resolved(int err, const struct resolved *r, void *arg)
{
	struct sources *s = arg;
	char ip[ADDR_IP_MAX];

	s->resolve = NULL;
	for (unsigned i = 0; err == 0 && i < r->n; i++)
		if (addr_towards((const struct sockaddr *)&r->a[i], r->len[i], ip) == 0 && !has(s->addresses, ip) &&
		    json_array_size(s->addresses) < SOURCES_ADDRESSES_MAX)
			json_array_append_new(s->addresses, json_string(ip));
	look(s);
}

static void
on_again(void *arg)
{
	sources_look(arg);
}

static void
rule_done(struct sources *s, const struct ingress_rule *r)
{
	if (json_array_size(s->addresses))
		json_array_append_new(s->found,
		                      json_pack("{s:s, s:O}", "hostname", r->hostname, "addresses", s->addresses));
	json_decref(s->addresses);
	s->addresses = NULL;
	s->rule++;
	s->target = 0;
}

static void
finish(struct sources *s)
{
	struct connector *k = s->k;
	bool news = !json_equal(s->found, s->said);

	ingress_unref(s->rules);
	s->rules = NULL;
	json_decref(s->said);
	s->said = s->found;
	s->found = NULL;
	timer_start(k->loop, &s->again, SOURCES_AGAIN_MS, on_again, k);
	for (unsigned i = 0; news && i < k->nlinks; i++)
		link_report(&k->links[i]);
}

static void
look(struct sources *s)
{
	struct hostport to;

	while (s->rule < ingress_count(s->rules) && json_array_size(s->found) < SOURCES_RULES_MAX) {
		const struct ingress_rule *r = ingress_at(s->rules, s->rule);
		if (!s->addresses)
			s->addresses = json_array();
		if (!target(r, s->target++, &to))
			rule_done(s, r);
		else if (to.host[0] &&
		         resolve_start(s->k->loop, to.host, to.port, NULL, on_resolved, s, &s->resolve) == 0)
			return;
	}
	finish(s);
}

static void
stop(struct sources *s)
{
	timer_stop(&s->again);
	resolve_cancel(s->resolve);
	s->resolve = NULL;
	ingress_unref(s->rules);
	s->rules = NULL;
	json_decref(s->found);
	json_decref(s->addresses);
	s->found = s->addresses = NULL;
}

void
sources_look(struct connector *k)
{
	struct sources *s = &k->sources;

	stop(s);
	if (!k->ingress)
		return;
	s->k = k;
	s->rules = ingress_ref(k->ingress);
	s->rule = s->target = 0;
	s->found = json_array();
	look(s);
}

void
sources_release(struct connector *k)
{
	stop(&k->sources);
	json_decref(k->sources.said);
	k->sources.said = NULL;
}
