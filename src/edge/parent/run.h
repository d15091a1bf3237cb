/*
 * run: the life of an edge. Opens listeners, starts the roles, joins them by channels, watches, restarts what dies,
 * reloads, drains. Holds no secret and parses nothing that comes from the network.
 */
#ifndef EDGE_PARENT_RUN_H
#define EDGE_PARENT_RUN_H

#include "edge/parent/edge_conf.h"

/* Takes c. Returns the exit status. Blocks until SIGTERM or SIGINT. */
int edge_run(struct edge_conf *c);

#endif
