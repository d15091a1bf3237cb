/* connector: the whole: how many connections, when the next one starts, back-off, signals, the end. */
#include "connector/connector.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connector/private.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "io/file.h"
#include "io/notify.h"

#define START_GAP_MS 1000     /* between the starts of connections 1..N-1, as the original */
#define BACKOFF_CAP_MS 4000   /* so that a healed network is used again within five seconds */
#define UNREACHED_CAP_MS 1800 /* the same, where each attempt has its SYNs to wait for; it costs the edge nothing */

static void on_start_next(void *arg);

/* Uniform in [half, whole) of 500 ms * 2^attempts, capped: never zero, so a refusing edge is not hammered. */
int64_t
connector_backoff(const struct connector *k, unsigned attempts)
{
	unsigned n = attempts < k->o->retries ? attempts : k->o->retries;
	int64_t whole = (int64_t)500 << (n < 6 ? n : 6);
	uint16_t rnd;

	if (whole > BACKOFF_CAP_MS)
		whole = BACKOFF_CAP_MS;
	random_bytes(&rnd, sizeof rnd);
	return whole / 2 + (whole / 2) * rnd / 65536;
}

static void
start_next(struct connector *k, int64_t delay)
{
	if (k->next_start < k->nlinks && !k->stopping && !timer_active(&k->starter))
		timer_start(k->loop, &k->starter, delay, on_start_next, k);
}

static void
on_start_next(void *arg)
{
	struct connector *k = arg;

	if (k->next_start < k->nlinks)
		link_start(&k->links[k->next_start++], 0);
	start_next(k, START_GAP_MS);
}

/* Who started us may now start what needs us. */
static void
say_ready(struct connector *k)
{
	char pid[24];

	k->ever_registered = true;
	notify_manager("READY=1");
	if (!k->o->pidfile)
		return;
	snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (file_write_atomic(k->o->pidfile, 0644, pid, strlen(pid)) < 0)
		log_warn("pidfile_failed", "path", k->o->pidfile, NULL);
}

void
connector_registered(struct link *l, const struct control_details *d)
{
	struct connector *k = l->k;
	char id[37];

	uuid_format(d->uuid, id);
	k->registered++;
	k->m.registered++;
	if (!k->ever_registered)
		say_ready(k);
	log_info("Registered tunnel connection", "connIndex", log_num(l->index), "connection", id, "ip",
	         conn_peer_ip(l->conn), "location", d->location, "protocol", "http2", NULL);
	start_next(k, 0);
}

void
connector_refused(struct link *l, const struct control_error *e)
{
	struct connector *k = l->k;

	k->m.register_failed++;
	log_error("registration_refused", "connIndex", log_num(l->index), "cause", e->cause, NULL);
	if (!k->ever_registered && !strstr(e->cause, "Unauthorized") && strcmp(e->cause, "EDUPCONN")) {
		struct reason shown = {0}; /* without the control characters a hostile edge may have put in */

		reason_set(&shown, 0, 0, "%s", e->cause);
		fprintf(stderr, "sallyport: the edge refused this connector: %s\n", shown.text);
		k->status = 1;
		k->stopping = true;
		loop_stop(k->loop);
		return;
	}
	link_drop(l, e->cause);
}

static bool
all_idle(const struct connector *k)
{
	for (unsigned i = 0; i < k->nlinks; i++)
		if (k->links[i].state != LINK_IDLE)
			return false;
	return true;
}

void
connector_lost(struct link *l, bool was_registered)
{
	struct connector *k = l->k;

	if (was_registered && k->registered)
		k->registered--;
	if (k->stopping) {
		if (all_idle(k))
			loop_stop(k->loop);
		return;
	}
	int64_t ms = connector_backoff(k, l->attempts++);

	if (l->unreached && ms > UNREACHED_CAP_MS)
		ms = UNREACHED_CAP_MS / 2 + ms % (UNREACHED_CAP_MS / 2);
	link_start(l, ms);
}

static void
on_grace(void *arg)
{
	struct connector *k = arg;

	log_info("grace_over", "streams", log_num((long long)k->streams), NULL);
	loop_stop(k->loop);
}

static void
on_signal(int signo, void *arg)
{
	struct connector *k = arg;

	if (k->stopping) {
		loop_stop(k->loop);
		return;
	}
	k->stopping = true;
	log_info("Initiating graceful shutdown", "signal", log_num(signo), "streams", log_num((long long)k->streams),
	         NULL);
	notify_manager("STOPPING=1");
	timer_start(k->loop, &k->grace, k->o->grace_ms, on_grace, k);
	for (unsigned i = 0; i < k->nlinks; i++)
		link_leave(&k->links[i]);
	if (all_idle(k))
		loop_stop(k->loop);
}

static int
links_setup(struct connector *k)
{
	const struct connector_options *o = k->o;

	k->nlinks = o->connections;
	if (k->nlinks > o->nedges) {
		log_info("You requested more connections than there are edge addresses", "requested",
		         log_num(o->connections), "using", log_num((long long)o->nedges), NULL);
		k->nlinks = (unsigned)o->nedges;
	}
	if (k->nlinks > CONNECTOR_LINKS_MAX)
		k->nlinks = CONNECTOR_LINKS_MAX;
	for (unsigned i = 0; i < k->nlinks; i++) {
		link_init(&k->links[i], k, i);
		if (hostport_parse(o->edges[i % o->nedges], 7844, &k->links[i].edge) < 0) {
			fprintf(stderr, "sallyport: --edge %s: expected HOST:PORT, for example edge.example.com:7844\n",
			        o->edges[i % o->nedges]);
			return E_FORMAT;
		}
	}
	return k->nlinks ? 0 : E_FORMAT;
}

static void
connector_end(struct connector *k)
{
	k->stopping = true;
	timer_stop(&k->grace);
	timer_stop(&k->starter);
	signal_stop(&k->term);
	signal_stop(&k->intr);
	for (unsigned i = 0; i < k->nlinks; i++) {
		k->links[i].stopping = true;
		link_drop(&k->links[i], "stopping");
	}
	sources_release(k);
	lanes_release(k);
	access_release(&k->access);
	metrics_stop(k);
	if (k->ever_registered && k->o->pidfile)
		unlink(k->o->pidfile);
	ingress_unref(k->ingress);
	origin_tls_release(k);
	tls_ctx_unref(k->tls);
}

int
connector_run(const struct connector_options *o)
{
	static struct connector k; /* large: links and their texts */
	struct reason why = {0};
	uint64_t seed;

	k = (struct connector){.o = o, .version = -1, .ingress = o->ingress ? ingress_ref(o->ingress) : NULL};
	signal(SIGPIPE, SIG_IGN);
	fd_limit_raise();
	random_bytes(k.client_id, sizeof k.client_id);
	uuid_v4_bits(k.client_id);
	random_bytes(&seed, sizeof seed);
	map_init(&k.lanes, LANES_MAX, seed, NULL);
	if (loop_new(&k.loop) < 0)
		return 1;
	k.status = 1;
	if (access_init(&k.access, o->credentials->keys, o->access, o->credentials->tunnel_text, o->keys_file, &why) <
	    0) {
		fprintf(stderr, "sallyport: %s\n", why.text);
		goto out;
	}
	if (tls_client_new(o->ca_file, o->ca_file != NULL, &k.tls, &why) < 0) {
		fprintf(stderr, "sallyport: %s\n", why.text);
		goto out;
	}
	if (links_setup(&k) < 0)
		goto out;
	if (metrics_start(&k, &why) < 0) {
		fprintf(stderr, "sallyport: --metrics: %s\n", why.text);
		goto out;
	}
	if (signal_start(k.loop, &k.term, SIGTERM, on_signal, &k) < 0 ||
	    signal_start(k.loop, &k.intr, SIGINT, on_signal, &k) < 0)
		goto out;
	k.status = 0;
	log_info("Starting tunnel", "tunnelID", o->credentials->tunnel_text, "connections", log_num(k.nlinks), NULL);
	on_start_next(&k);
	timer_stop(&k.starter); /* the others start when the first is registered */
	loop_run(k.loop);
	log_info("Tunnel server stopped", NULL);
out:
	connector_end(&k);
	loop_free(k.loop);
	return k.status;
}
