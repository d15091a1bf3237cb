/* Rules back to JSON: what a connector reports of its own (facts/cloudflared-wire.md a.9). */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "wire/ingress_int.h"

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
destinations_to_json(const struct ingress_rule *r)
{
	json_t *list = r->destinations ? json_array() : NULL;

	for (char **s = r->destinations; list && *s; s++)
		json_array_append_new(list, json_string(*s));
	return list;
}

static json_t *
origin_to_json(const struct ingress_rule *r)
{
	json_t *o = json_object();
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
	if (r->destinations && r->destinations[0])
		bad |= json_object_set_new(o, "destinations", destinations_to_json(r));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
private_to_json(const struct ingress_rule *r)
{
	json_t *o = json_pack("{s:b, s:I, s:I}", "enabled", 1, "connectTimeout",
	                      (json_int_t)(r->connect_timeout_ms / 1000), "tcpKeepAlive",
	                      (json_int_t)(r->keepalive_ms / 1000)),
	       *list = destinations_to_json(r);

	if (o && list)
		json_object_set_new(o, "destinations", list);
	if (o && (r->access != ACCESS_DEFAULT || r->aud_tags))
		json_object_set_new(o, "access", access_to_json(r));
	return o;
}

json_t *
ingress_to_json(const struct ingress *i)
{
	json_t *list = json_array();
	int bad = !list;
	for (size_t k = 0; k < ingress_count(i) && !bad; k++) {
		const struct ingress_rule *r = ingress_at(i, k);
		json_t *o = json_object();
		bad |= put_text(o, "hostname", r->hostname) | put_text(o, "path", r->path) |
		       put_text(o, "service", r->service);
		bad |= json_object_set_new(o, "originRequest", origin_to_json(r));
		bad |= json_array_append_new(list, o);
	}
	json_t *out = bad ? NULL : json_pack("{s:O}", "ingress", list);
	json_decref(list);
	if (out && ingress_private(i))
		json_object_set_new(out, "warp-routing", private_to_json(ingress_private(i)));
	return out;
}
