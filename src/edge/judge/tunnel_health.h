/*
 * tunnel_health: when a tunnel came up and when it went down, kept over restarts: a document of kind "tunnel_health"
 * each,
 * {"active_at", "inactive_at"}, of which one is 0, in wall-clock seconds. Written by the tick, all that changed in one
 * commit, so a storm of connectors is one; what a crash loses is the last moments, and a tunnel that was up then counts
 * as down from the next start on, until its connectors are back. May block: on the store.
 */
#ifndef JUDGE_TUNNEL_HEALTH_H
#define JUDGE_TUNNEL_HEALTH_H

#include "edge/judge/tunnel_link.h"

int tunnels_health_load(struct judge *j, struct reason *why);
void tunnels_health_save(struct judge *j);
void tunnels_health_stop(struct judge *j); /* the edge stops: what is up goes down now */

#endif
