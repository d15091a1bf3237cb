/* What the connector's own files share; not for others. */
#ifndef CONNECTOR_PRIVATE_H
#define CONNECTOR_PRIVATE_H

#include "connector/access.h"
#include "connector/connector.h"
#include "core/map.h"
#include "io/conn.h"
#include "io/net_listen.h"
#include "net/http_server.h"
#include "wire/control.h"
#include "wire/h2link.h"

#define STREAMS_MAX 20000u /* on one link: above any edge's own limit, below what would hurt this host */

#define LINK_PING_MS 9000 /* and as long for a sign of life: a dead edge is found within 18 s */

#define LANES_MAX 20000u   /* as many as streams of a link */
#define ORIGIN_TLS_MAX 16u /* different caPool files: they come from the edge's configuration too */

#define METRICS_CONNS_MAX 16u /* scrapers at once: more than any monitoring has */

/* What the operators' listener shows (metrics.c). */
struct metrics {
	struct listener ln;
	bool listening;
	struct http_server *open[METRICS_CONNS_MAX];
	uint64_t requests, failed, by_code[1000];
	uint64_t registered, register_failed, dials, tcp_total;
	size_t tcp_open, streams_max;
	uint64_t config_pushes, config_push_errors;
};

struct link {
	struct connector *k;
	unsigned index; /* connIndex */
	struct hostport edge;
	enum link_state { LINK_IDLE, LINK_RESOLVE, LINK_DIAL, LINK_OPEN, LINK_REGISTERED, LINK_LEAVING } state;
	struct resolve *resolve;
	struct conn *conn;
	struct h2link *h2;
	struct h2stream *control;
	struct control_client *rpc;
	struct loop_defer flush;
	struct loop_timer timer; /* back-off, or the deadline of a step */
	struct loop_timer ping;
	unsigned attempts;
	bool silent;                /* nothing has come since the last PING */
	bool unreached;             /* the last attempt ended before there was a connection */
	bool stopping;              /* leave and do not come back */
	bool feeding;               /* inside h2link_feed: the link must not be freed under it */
	bool reporting, report_due; /* one updateLocalConfiguration at a time */
	const char *drop;           /* set while feeding: why to drop after it */
	char drop_text[300];
};

/* sources.c */
struct sources {
	struct connector *k;
	struct ingress *rules; /* that are being looked at; NULL = at rest */
	size_t rule, target;
	struct resolve *resolve;
	json_t *addresses, *found; /* of this rule; of those before it */
	json_t *said;              /* what the edge is told; NULL = nothing yet */
	struct loop_timer again;
};

struct connector {
	struct loop *loop;
	const struct connector_options *o;
	struct tls_ctx *tls;
	struct ingress *ingress; /* what new streams use; NULL = none yet */
	int32_t version;         /* of the pushed configuration; -1 = none */
	struct link links[CONNECTOR_LINKS_MAX];
	unsigned nlinks, registered;
	bool ever_registered, stopping;
	uint8_t client_id[16];
	struct loop_signal term, intr;
	struct loop_timer grace, starter;
	unsigned next_start;
	size_t streams;
	struct map lanes; /* id -> struct lane */
	size_t unseen;    /* bytes that all lanes keep for their clients */
	int status;
	struct metrics m;
	struct access access;
	struct sources sources;
	struct origin_tls { /* what https services are reached with, made when first needed */
		struct tls_ctx *ctx;
		char *ca_pool; /* NULL = the system's roots */
		bool unverified;
	} origin_tls[ORIGIN_TLS_MAX];
	unsigned norigin_tls;
};

/* link.c */
void link_init(struct link *l, struct connector *k, unsigned index);
void link_start(struct link *l, int64_t delay_ms);
void link_leave(struct link *l);                 /* unregister, then end when the edge or the grace period says so */
void link_drop(struct link *l, const char *why); /* close now; comes back unless stopping */
void link_flush_soon(struct link *l);
void link_report(struct link *l); /* updateLocalConfiguration: our rules, where they are ours, and sources */

/* sources.c */
void sources_look(struct connector *k); /* begins anew; link_report follows when something changed */
void sources_release(struct connector *k);

/* What a stream's arg points at begins with this. */
struct stream_ops {
	void (*data)(void *s, uint8_t *d, size_t n);
	void (*end)(void *s);
	void (*drained)(void *s);
	void (*closed)(void *s, uint32_t error); /* the HTTP/2 code; H2_CANCEL: on purpose */
};
struct stream_base {
	const struct stream_ops *ops;
};

/* stream.c: a new request of the edge, and what follows on it */
void stream_request(struct link *l, struct h2stream *s, const struct h2_header *h, size_t n, bool end);
void stream_data(struct h2stream *s, uint8_t *d, size_t n);
void stream_end(struct h2stream *s);
void stream_drained(struct h2stream *s);
void stream_closed(struct h2stream *s, uint32_t error);
const char *stream_header(const struct h2_header *h, size_t n, const char *name); /* "" when absent */
/* A whole answer without a body. src: who made it, "origin" or "cloudflared" (a.5). */
void stream_answer(struct link *l, struct h2stream *s, unsigned status, const char *src);

/* dial.c: from a rule and a request to a connection. For a bastion the first address that the rule's list permits; what
   was checked is what is dialled. failed() instead of anything else; *conn is set before opened() comes. */
struct dial {
	struct connector *k;
	struct ingress *ingress; /* keeps rule alive */
	const struct ingress_rule *rule;
	struct hostport to;
	struct resolve *resolve;
	bool denied; /* failed because the rule does not permit the destination */
	const struct conn_ops *ops;
	struct conn **conn;
	void (*failed)(const char *why, void *arg);
	void *arg;
};
void dial_prepare(struct dial *d, struct connector *k, const struct ingress_rule *rule, const struct conn_ops *ops,
                  struct conn **conn, void (*failed)(const char *why, void *arg), void *arg);
void dial_start(struct dial *d, const struct h2_header *h, size_t n); /* where the rule or the request says */
void dial_to(struct dial *d, const struct hostport *to);
void dial_log(const struct dial *d, const char *why);
void dial_release(struct dial *d); /* safe on a zeroed one */

/* lane.c: sessions that outlive their legs (wire/resume.h). False: this request does not ask for one.
   who: whose token came with it. */
bool lane_request(struct link *l, struct h2stream *s, const struct h2_header *h, size_t n,
                  const struct ingress_rule *rule, const char *who);
void lanes_release(struct connector *k);

/* origin.c: a request for a service that speaks HTTP */
void origin_request(struct link *l, struct h2stream *s, const struct h2_header *h, size_t n, bool end,
                    const struct ingress_rule *rule, bool websocket);
void origin_tls_release(struct connector *k);

/* config.c: the edge's update-configuration (a.9). Appends the JSON answer. */
void config_update(struct connector *k, struct slice body, struct buf *answer);

/* metrics.c: /metrics, /ready, /healthcheck, /config on a listener of its own. E_* with a text when the address that
   was asked for cannot be had; none asked for: the first free of the usual ones, or none at all. */
int metrics_start(struct connector *k, struct reason *why);
void metrics_stop(struct connector *k);
void metrics_answered(struct connector *k, unsigned status);

/* connector.c */
void connector_registered(struct link *l, const struct control_details *d);
void connector_refused(struct link *l, const struct control_error *e);
void connector_lost(struct link *l, bool was_registered);
int64_t connector_backoff(const struct connector *k, unsigned attempts); /* ms, random, never 0 */

#endif
