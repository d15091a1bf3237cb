/* A WebSocket that the policy lets in: which tunnel, which destination, under which ticket. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/str.h"
#include "edge/judge/config_check.h"
#include "edge/judge/login.h"
#include "edge/judge/ssh_session.h"
#include "edge/judge/ticket.h"
#include "edge/judge/tunnel_link.h"
#include "wire/ingress.h"
#include "wire/resume.h"

#define DEFAULT_SSH_PORT 22

/* "CIDR:port", by the connector's own reading of it */
static bool
in_network(const char *entry, const struct hostport *hp)
{
	uint8_t ip[16];

	if (!strchr(entry, '/'))
		return false;
	if (inet_pton(AF_INET, hp->host, ip) == 1)
		return destination_listed(entry, hp->port, ip, 4);
	return inet_pton(AF_INET6, hp->host, ip) == 1 && destination_listed(entry, hp->port, ip, 16);
}

static bool
same_place(const char *entry, const struct hostport *hp)
{
	struct hostport want;
	return hostport_parse(entry, DEFAULT_SSH_PORT, &want) == 0 && want.port == hp->port &&
	       !strcmp(want.host, hp->host);
}

/* Allowed if it is the default or listed. A name that may only be allowed by its address goes through to the connector,
   which resolves it, checks the address against the same list and dials that very address. */
static bool
destination_ok(const struct app *a, const struct hostport *hp)
{
	bool networks = false;

	if (a->default_destination && same_place(a->default_destination, hp))
		return true;
	for (size_t i = 0; i < a->destinations.n; i++) {
		const char *entry = a->destinations.v[i];
		if (strchr(entry, '/')) {
			const char *colon = strrchr(entry, ':');
			uint64_t port;
			networks |= colon && str_u64(colon + 1, 65535, &port) == 0 && port == hp->port;
			if (in_network(entry, hp))
				return true;
		} else if (same_place(entry, hp)) {
			return true;
		}
	}
	return networks && !hp->is_ip && !host_is_localhost(hp->host) && !app_is_private(a);
}

/* Without a service of ours the connector's own config.yml decides; a list here says that it is a bastion. */
static bool
is_bastion(const struct app *a)
{
	return a->service ? app_is_private(a) || !strcmp(a->service, "bastion")
	                  : a->default_destination || a->destinations.n;
}

bool
ws_destination_stands(const struct app *a, const char *destination)
{
	struct hostport hp;

	return !*destination ||
	       (is_bastion(a) && hostport_parse(destination, DEFAULT_SSH_PORT, &hp) == 0 && destination_ok(a, &hp));
}

/* 0 and the header's value ("" for an application that is no bastion), or an sp_code. */
int
ws_destination(const struct app *a, const char *asked, char out[static 300])
{
	struct hostport hp;

	out[0] = '\0';
	if (!is_bastion(a))
		return 0;
	if (!asked)
		asked = a->default_destination ? a->default_destination : "";
	if (!*asked || destination_parse(asked, DEFAULT_SSH_PORT, &hp) < 0 || !destination_ok(a, &hp) ||
	    (app_is_private(a) && !hp.is_ip)) /* nobody resolves a name there */
		return SP_DESTINATION;
	hostport_format(&hp, out, 300);
	return 0;
}

/* Of the protocols that ride on a WebSocket we know one; its two words go through, no other does. */
static const char *
resume_protocol(const char *asked)
{
	if (asked && !strcmp(asked, RESUME_PROTOCOL))
		return RESUME_PROTOCOL;
	return asked && !strcmp(asked, RESUME_PROTOCOL_BACK) ? RESUME_PROTOCOL_BACK : NULL;
}

static void
relay(struct req *r, const struct ticket *t, const char *token)
{
	const char *v[22], *holder = req_header(r, RESUME_CONNECTOR);
	uint8_t uuid[16];
	size_t n = 0;
	const char *key = req_header(r, "sec-websocket-key"), *agent = req_header(r, "user-agent"),
	           *resume = resume_protocol(req_header(r, "sec-websocket-protocol"));
#define H(name, value) (v[n++] = (name), v[n++] = (value))
	bool raw = app_is_private(r->app->app);
	if (raw)
		H("cf-cloudflared-proxy-src", r->client_ip);
	else
		H("cf-cloudflared-proxy-connection-upgrade", "websocket");
	H("sec-websocket-key", key ? key : "");
	H("sec-websocket-version", "13");
	H("user-agent", agent ? agent : "");
	if (resume && !raw)
		H("sec-websocket-protocol", resume);
	if (holder && resume && !strcmp(resume, RESUME_PROTOCOL_BACK) && uuid_parse(holder, uuid) == 0)
		H(RESUME_CONNECTOR, holder); /* front looks there first */
	if (*t->destination && !raw)
		H("cf-access-jump-destination", t->destination);
	if (*token)
		H("cf-access-jwt-assertion", token);
	H("cf-connecting-ip", r->client_ip);
	H("cf-ray", t->key);
#undef H
	struct fj_answer a = {.action = ANSWER_RELAY,
	                      .status = 101,
	                      .headers = {v, n},
	                      .tunnel = t->tunnel,
	                      .authority = r->host,
	                      .path = r->target,
	                      .raw = raw ? t->destination : "",
	                      .ticket = t->id,
	                      .until = t->until};
	reply_relay(r, &a);
}

bool
admission(struct req *r, const struct session *s, const char *destination, struct ticket **ret_t)
{
	const char *email = s ? s->email : NULL;
	int code;

	if (!r->app->tunnel ||
	    host_is_edge(r->host, "")) { /* a wildcard may cover a name that connectors keep for themselves */
		judge_deny(r, email, SP_NO_ROUTE, "the application has no tunnel");
		return false;
	}
	if (!tunnel_is_live(r->j, r->app->tunnel->id)) {
		judge_deny(r, email, SP_TUNNEL_DOWN, "no live connector");
		return false;
	}
	if ((code = ticket_new(r->j, r, s, r->app, destination, ret_t))) {
		judge_deny(r, email, code, "too many connections");
		return false;
	}
	r->j->n.allowed++;
	return true;
}

void
ws_admit(struct req *r, struct session *s, const char *token)
{
	struct ticket *t;
	char destination[300];
	const char *email = s ? s->email : r->service_label ? r->service_label : r->cert_label;
	int code = ws_destination(r->app->app, req_header(r, "cf-access-jump-destination"), destination);

	if (code) {
		judge_deny(r, email, code, "destination is not listed");
		return;
	}
	if (!admission(r, s, destination, &t))
		return;
	judge_audit(r->j, r,
	            &(struct audit_note){
	                .kind = EVENT_ACCESS_ALLOWED, .actor = email, .why = *destination ? destination : "relay"});
	relay(r, t, token);
}
