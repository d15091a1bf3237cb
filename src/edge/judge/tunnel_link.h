/*
 * tunnel_link: the connectors that are dialled in, and what they run. Memory only: a link dies with front's channel.
 *
 * May block: no.
 */
#ifndef JUDGE_TUNNEL_LINK_H
#define JUDGE_TUNNEL_LINK_H

#include "edge/judge/judge.h"
#include "edge/judge/snapshot.h"

#define TUNNEL_LINKS_MAX 100u /* 25 connectors of 4 connections, as the original limits them */
#define LINKS_MAX 100000u
#define LINK_CONFIG_MAX (256u << 10)

struct tunnel_link {
	uint64_t id;
	char key[17];
	unsigned front, index;
	char tunnel[37], conn_id[37], client_id[37], version[65], arch[65], address[65], origin_ip[65];
	json_t *features;
	json_t *sources; /* tunnel_sources.h; NULL = it has reported none */
	int64_t opened_at;
	bool leaving;
	uint32_t config_version;
	bool config_ok;
};

struct tunnel_live {
	char id[37];
	unsigned links;
	int64_t last_full; /* when it last had two or more */
	int64_t active_at, inactive_at;
	bool unsaved; /* tunnel_health.h */
	char *seal;   /* of the configuration of this version and digest; NULL = none yet */
	uint32_t sealed_version;
	char sealed_digest[65];
	char *local_config; /* as a connector that is locally managed reported it */
};

void tunnel_register(struct ipc *c, uint32_t id, const void *m, int fd, void *front);
void tunnel_link_up(struct ipc *c, uint32_t id, const void *m, int fd, void *front); /* outlived an earlier judge */
void tunnel_link_down(struct ipc *c, uint32_t id, const void *m, int fd, void *front);
void tunnel_link_leaving(struct ipc *c, uint32_t id, const void *m, int fd, void *front);
void tunnel_link_config(struct ipc *c, uint32_t id, const void *m, int fd, void *front);
void tunnel_local_config(struct ipc *c, uint32_t id, const void *m, int fd, void *front);

struct tunnel_live *tunnel_live_of(struct judge *j, const char *tunnel); /* made when absent; NULL: no memory */
void links_front_gone(struct judge *j, unsigned front);
/* New configuration to every live link of each tunnel whose configuration differs between the two. old may be NULL. */
void tunnels_push_changed(struct judge *j, const struct snapshot *old, const struct snapshot *now);
uint32_t tunnel_version(const struct tunnel *t);
bool tunnel_is_live(const struct judge *j, const char *tunnel);
const char *tunnel_status(const struct judge *j, const char *tunnel); /* inactive healthy degraded down */
/* Tells front to end a tunnel's links; client "" = every connector's. */
void tunnel_unlink(struct judge *j, const char *tunnel, const char *client, const char *why);
void link_drop(void *link); /* destructors of the maps */
void tunnel_live_drop(void *live);

#endif
