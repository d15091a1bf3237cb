/*
 * ingress: the rules that say which service a request of the tunnel reaches (facts/cloudflared-wire.md e.3, e.4).
 * Engine.
 *
 * From a config.yml (conf tree, errors with file:line) or from pushed JSON. Immutable once made; reference counted (by
 * one thread at a time).
 *
 * Hostnames: exact and case-sensitive; "*.x.y" matches any name that ends in ".x.y"; "" and "*" match all.
 * Paths: POSIX extended regular expressions, unanchored, at most 256 bytes, at most one {n,m} up to 99 and three
 * repeated groups. What RE2 has and this has not is refused with a text: (?...) groups, \d and other letter classes but
 * \w \s, non-greedy *?, \pN, back references (RE2 has none either). originRequest: every key of the original is known;
 * connectTimeout, tcpKeepAlive, bastionMode, proxyType, ipRules, httpHostHeader, originServerName, caPool, noTLSVerify
 * and ours (defaultDestination, destinations) are used, the others are checked and mean nothing here; access.required
 * is refused rather than silently not done.
 */
#ifndef WIRE_INGRESS_H
#define WIRE_INGRESS_H

#include "core/conf.h"
#include "core/err.h"
#include "core/url.h"

#define INGRESS_RULES_MAX 10000

enum service_kind {
	SERVICE_TCP /* ssh:// rdp:// smb:// tcp:// */,
	SERVICE_BASTION,
	SERVICE_STATUS,
	SERVICE_HTTP /* http(s):// ws(s):// unix:PATH unix+tls:PATH */,
	SERVICE_HELLO,
	SERVICE_SOCKS /* socks-proxy, or proxyType socks of a tcp service */
};

#define IP_RULE_PORTS_MAX 64

/* One entry of ipRules: the first that matches decides; none does: denied. */
struct ip_rule {
	uint8_t net[16];
	unsigned iplen, bits, nports; /* nports 0 = every port */
	uint16_t ports[IP_RULE_PORTS_MAX];
	bool allow;
};

struct ingress_rule {
	char *hostname; /* as written; "" = all */
	char *path;     /* "" = all; prefix-free RE2 is limited to what POSIX ERE can say */
	char *service;  /* as written */
	enum service_kind kind;
	struct hostport target; /* SERVICE_TCP, SERVICE_HTTP; host "" for unix: */
	const char *unix_path;  /* SERVICE_HTTP: in service, or NULL */
	bool tls;               /* SERVICE_HTTP: https, wss, unix+tls */
	char *host_header;      /* SERVICE_HTTP: httpHostHeader; these three NULL when not set */
	char *server_name;      /* originServerName */
	char *ca_pool;          /* caPool: a file of roots beside the system's */
	bool no_tls_verify;
	unsigned status; /* SERVICE_STATUS */
	int64_t connect_timeout_ms, keepalive_ms;
	char *default_destination; /* SERVICE_BASTION: "host:port" or "" (key of ours: defaultDestination) */
	char **destinations;       /* SERVICE_BASTION: allow-list "host:port", "CIDR:port"; NULL ends (key of ours:
	                              destinations) */
	struct ip_rule *ip_rules;  /* SERVICE_SOCKS */
	size_t nip_rules;
	enum access_need {
		ACCESS_DEFAULT, /* as the connector's option says */
		ACCESS_ON,
		ACCESS_OFF,
	} access;
	char **aud_tags; /* audiences whose tokens count; NULL ends; NULL = any application's */
	unsigned line;   /* in the file; 0 when pushed */
};

struct ingress;
int ingress_from_conf(const char *file, const struct conf_node *list, struct ingress **ret_i, struct conf_error *err);
/* The same with the file's top-level originRequest, the defaults of all rules, and warp-routing; NULL = none. */
int ingress_from_conf2(const char *file, const struct conf_node *list, const struct conf_node *origin,
                       const struct conf_node *private, struct ingress **ret_i, struct conf_error *err);
int ingress_from_json(const json_t *config, struct ingress **ret_i, struct conf_error *err); /* {"ingress":[...]} */
/* warp-routing, when it is enabled: streams to addresses, past the rules, checked as a bastion's destinations are; no
   list there: every ordinary address. NULL = not enabled. */
const struct ingress_rule *ingress_private(const struct ingress *i);
struct ingress *ingress_ref(struct ingress *i);
void ingress_unref(struct ingress *i);
size_t ingress_count(const struct ingress *i);
const struct ingress_rule *ingress_at(const struct ingress *i, size_t k);
/* First rule for host (port stripped, exact case as the original) and URL path. Never NULL for a valid ingress. */
const struct ingress_rule *ingress_match(const struct ingress *i, const char *host, const char *path,
                                         size_t *ret_index);
json_t *ingress_to_json(const struct ingress *i); /* for updateLocalConfiguration (a.9) */

/* Parses a service text alone: fills kind, target and status. */
int service_parse(const char *s, struct ingress_rule *ret_r, char *err, size_t nerr);

/* Bastion and SOCKS: may this destination be reached under the rule's allow-list, after resolution to ip? Loopback,
   link-local, metadata and unspecified addresses only when listed; under ipRules only by a rule for such addresses
   alone, so that 0.0.0.0/0 does not mean this host. Reason says which entry allowed or why not. (security.md 3.5) */
int destination_check(const struct ingress_rule *r, const char *host, uint16_t port, const void *ip, unsigned iplen,
                      struct reason *why);
/* Does this one entry list the address? */
bool destination_listed(const char *entry, uint16_t port, const void *ip, unsigned iplen);
/* One address or name of what the entry lists, to find the way there: of a range the first host; port 22 for any. */
int destination_sample(const char *entry, struct hostport *ret_hp);
/* The Cf-Access-Jump-Destination header: scheme and anything after the first '/' are dropped; port required unless
 * default_port. */
int destination_parse(const char *s, uint16_t default_port, struct hostport *ret_hp);

#endif
