#include <netinet/in.h>

#include "connector/private.h"
#include "core/log.h"

#define CONNECT_MS 30000 /* where the rule does not say */

static const void *
ip_of(const struct sockaddr_storage *ss, unsigned *ret_n)
{
	if (ss->ss_family == AF_INET) {
		*ret_n = 4;
		return &((const struct sockaddr_in *)(const void *)ss)->sin_addr;
	}
	*ret_n = 16;
	return &((const struct sockaddr_in6 *)(const void *)ss)->sin6_addr;
}

static int
pick_address(const struct dial *d, const struct resolved *r, struct reason *why)
{
	for (unsigned i = 0; i < r->n; i++) {
		unsigned n;
		const void *ip = ip_of(&r->a[i], &n);
		if (d->rule->kind == SERVICE_TCP || destination_check(d->rule, d->to.host, d->to.port, ip, n, why) == 0)
			return (int)i;
	}
	return E_DENIED;
}

static void
on_resolved(int err, const struct resolved *r, void *arg)
{
	struct dial *d = arg;
	struct reason why = {.text = "the name does not resolve"};

	d->resolve = NULL;
	int i = err < 0 ? err : pick_address(d, r, &why);
	d->denied = err == 0 && i < 0;
	if (i < 0) {
		d->failed(why.text, d->arg);
		return;
	}
	if (conn_new_client(d->k->loop, &r->a[i], r->len[i], NULL, NULL, d->ops, d->arg, d->conn) < 0) {
		d->failed("cannot dial", d->arg);
		return;
	}
	conn_deadline(*d->conn, d->rule->connect_timeout_ms ? d->rule->connect_timeout_ms : CONNECT_MS);
}

static int
choose_target(const struct dial *d, const struct h2_header *h, size_t n, struct hostport *ret_to)
{
	if (d->rule->kind == SERVICE_TCP) {
		*ret_to = d->rule->target;
		return 0;
	}
	const char *jump = stream_header(h, n, "cf-access-jump-destination");
	if (!*jump)
		jump = d->rule->default_destination ? d->rule->default_destination : "";
	return *jump ? destination_parse(jump, 0, ret_to) : E_NOENT;
}

void
dial_prepare(struct dial *d, struct connector *k, const struct ingress_rule *rule, const struct conn_ops *ops,
             struct conn **conn, void (*failed)(const char *why, void *arg), void *arg)
{
	*d = (struct dial){.k = k,
	                   .ingress = ingress_ref(k->ingress),
	                   .rule = rule,
	                   .ops = ops,
	                   .conn = conn,
	                   .failed = failed,
	                   .arg = arg};
	k->m.tcp_total++;
	k->m.tcp_open++;
}

void
dial_to(struct dial *d, const struct hostport *to)
{
	d->to = *to;
	if (resolve_start(d->k->loop, d->to.host, d->to.port, NULL, on_resolved, d, &d->resolve) < 0)
		d->failed("cannot resolve", d->arg);
}

void
dial_start(struct dial *d, const struct h2_header *h, size_t n)
{
	struct hostport to = {0};

	if (choose_target(d, h, n, &to) < 0)
		d->failed("no valid destination was asked for and the rule has no default", d->arg);
	else
		dial_to(d, &to);
}

void
dial_log(const struct dial *d, const char *why)
{
	char to[300];

	hostport_format(&d->to, to, sizeof to);
	log_warn("origin_failed", "to", to, "why", why, NULL);
}

void
dial_release(struct dial *d)
{
	resolve_cancel(d->resolve);
	if (d->ingress)
		d->k->m.tcp_open--;
	ingress_unref(d->ingress);
	*d = (struct dial){0};
}
