/*
 * connector: dials out to the edge, registers, and carries the edge's streams to services beside it
 * (facts/cloudflared-wire.md sections a and b; we are the HTTP/2 server there).
 *
 *   connector   the whole: how many connections, configuration, signals, end
 *   link        one connection to the edge, with its back-off
 *   stream      one stream: WebSocket server towards the user, TCP towards the service
 *
 * One loop, one thread. The secret leaves only inside TLS towards a verified edge. May block: connector_run.
 */
#ifndef CONNECTOR_CONNECTOR_H
#define CONNECTOR_CONNECTOR_H

#include "connector/credentials.h"
#include "io/loop.h"
#include "wire/ingress.h"

#define CONNECTOR_EDGES_MAX 16
#define CONNECTOR_LINKS_MAX 16

struct connector_options {
	const char *edges[CONNECTOR_EDGES_MAX]; /* host:port */
	size_t nedges;
	unsigned connections; /* --ha-connections; at most the number of edge addresses is used, as the original does */
	const char *ca_file;  /* --cacert: only these roots; NULL = system */
	struct credentials *credentials;
	struct ingress *ingress; /* local rules; NULL = wait for the edge's (503 until then) */
	int64_t grace_ms;        /* --grace-period */
	unsigned retries;        /* --retries: cap of the back-off exponent */
	const char *version;     /* told to the edge */
	const char *metrics;     /* --metrics ADDR:PORT; NULL = 127.0.0.1, the first free of 20241 to 20245, else any */
	enum connector_access { CONNECTOR_AUTO, CONNECTOR_REQUIRE, CONNECTOR_TRUST } access; /* access.h */
	const char *keys_file; /* where announced keys are kept; NULL = in memory alone */
	const char *pidfile;   /* --pidfile: our process id, from the first registration on; NULL = none */
};

/* Runs until SIGTERM or SIGINT, or until the edge refuses the first registration for good. Returns the exit status. */
int connector_run(const struct connector_options *o);

#endif
