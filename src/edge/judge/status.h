/* status: how the edge is, for /readyz, /metrics and the API; and the edge's own TLS leaf. May block: no. */
#ifndef JUDGE_STATUS_H
#define JUDGE_STATUS_H

#include "edge/judge/judge.h"

void status_asked(struct ipc *c, uint32_t id, const void *m, int fd, void *front);
/* leaf.c */
void leaf_asked(struct ipc *c, uint32_t id, const void *m, int fd, void *front);
int status_metrics(const struct judge *j, struct buf *out); /* Prometheus text */
json_t *status_roles(const struct judge *j);

#endif
