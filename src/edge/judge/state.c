/* struct judge: made empty, and given back. */
#include <stdlib.h>

#include "core/clock.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/judge/api_standing.h"
#include "edge/judge/approval.h"
#include "edge/judge/client_cert.h"
#include "edge/judge/country.h"
#include "edge/judge/judge.h"
#include "edge/judge/login.h"
#include "edge/judge/news.h"
#include "edge/judge/recheck.h"
#include "edge/judge/service.h"
#include "edge/judge/session.h"
#include "edge/judge/ssh_session.h"
#include "edge/judge/ticket.h"
#include "edge/judge/tunnel_link.h"

void
judge_random_hex(char *out, size_t bytes)
{
	uint8_t raw[64];

	random_bytes(raw, bytes);
	hex_encode_str(out, 2 * bytes + 1, raw, bytes);
	mem_wipe(raw, sizeof raw);
}

int64_t
judge_now(void)
{
	return clock_wall();
}

void
judge_state_init(struct judge *j)
{
	uint64_t seed = random_u64();

	map_init(&j->sessions, SESSIONS_MAX + 1, seed, (void (*)(void *))session_free);
	map_init(&j->persons, PERSONS_MAX, seed, (void (*)(void *))person_free);
	map_init(&j->by_email, PERSONS_MAX, seed, NULL);
	map_init(&j->tickets, TICKETS_MAX + 1, seed, free);
	map_init(&j->ssh_sessions, SSH_SESSIONS_MAX, seed, ssh_session_drop);
	map_init(&j->http_seen, TICKETS_MAX, seed, free);
	refusals_init(&j->refusals, seed);
	map_init(&j->links, LINKS_MAX, seed, link_drop);
	map_init(&j->tunnels, LINKS_MAX, seed, tunnel_live_drop);
	map_init(&j->purposes, PURPOSES_MAX, seed, free);
	map_init(&j->requests, REQUESTS_MAX, seed, (void (*)(void *))access_request_free);
	map_init(&j->transfers, TRANSFERS_MAX + 1, seed, NULL);
	map_init(&j->discoveries, 1000, seed, discovery_drop);
	map_init(&j->logout_keys, 1000, seed, NULL);
	map_init(&j->proofs, PROOFS_MAX + 1, seed, NULL);
	map_init(&j->api_seen, API_SEEN_MAX, seed, free);
	map_init(&j->service_seen, 100000, seed, free);
	list_init(&j->proof_age);
	map_init(&j->client_certs, CLIENT_CERTS_MAX + 1, seed, NULL);
	list_init(&j->client_cert_age);
	random_bytes(j->proof_key, sizeof j->proof_key);
	map_init(&j->watches, SESSIONS_MAX + 1, seed, free);
	list_init(&j->watched);
	list_init(&j->questions);
	list_init(&j->recheck_waiting);
	list_init(&j->transfer_age);
	list_init(&j->followers);
	random_bytes(j->csrf_key, sizeof j->csrf_key);
	for (unsigned i = 0; i < JUDGE_FRONTS_MAX; i++) {
		j->front[i] = (struct front){.j = j, .index = i, .waiting_fd = -1};
		list_init(&j->front[i].reqs);
	}
}

void
judge_state_release(struct judge *j)
{
	timer_stop(&j->tick);
	news_stop(j);
	timer_stop(&j->jwks_timer);
	rechecks_release(j);
	map_release(&j->discoveries);
	map_release(&j->logout_keys);
	service_proofs_drop(j);
	map_release(&j->proofs);
	client_certs_drop(j);
	map_release(&j->client_certs);
	map_release(&j->api_seen);
	map_release(&j->service_seen);
	map_release(&j->ssh_sessions);
	map_release(&j->tickets);
	map_release(&j->http_seen);
	refusals_release(&j->refusals);
	map_release(&j->links);
	map_release(&j->tunnels);
	map_release(&j->by_email);
	map_release(&j->sessions);
	map_release(&j->persons);
	country_free(j->country);
	map_release(&j->purposes);
	map_release(&j->requests);
	jwks_release(&j->jwks);
	jwks_release(&j->jwks_api);
	free(j->jwks_text);
	json_decref(j->announcements);
	snapshot_drop(j->snap);
	if (j->store)
		store_close(j->store);
}
