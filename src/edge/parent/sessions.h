/*
 * sessions: the processes of SSH sessions that the edge takes part in, one each. Judge orders; the parent makes the
 * pairs, starts the process, hands the ends to front, judge and it, and says when it is gone. It sees no byte of
 * theirs.
 *
 * A session that lost judge ends by itself; judge has it killed when it does not end when told to. A recording is made
 * under audit/recordings/<session id>.rec, never over another. Owner: struct edge. May block: starting one (fork,
 * open).
 */
#ifndef EDGE_PARENT_SESSIONS_H
#define EDGE_PARENT_SESSIONS_H

#include "core/map.h"
#include "edge/parent/edge_conf.h"
#include "io/ipc.h"
#include "msg/parent_role.h"

struct sessions {
	struct loop *loop;
	struct map map; /* id -> struct one */
};
/* Who they are joined to, as of now: channels of judge and front; NULL = down. */
struct sessions_with {
	const struct edge_conf *conf;
	const struct pr_start *start; /* as roles get it */
	struct ipc *judge, *front;
};

void sessions_init(struct sessions *s, struct loop *l);
/* 0 or an sp_code with why filled. */
int sessions_start(struct sessions *s, const struct sessions_with *w, const struct pr_session_start *m,
                   struct reason *why);
int sessions_attach(struct sessions *s, const struct sessions_with *w, const struct pr_session_attach *m,
                    struct reason *why);
void sessions_kill(struct sessions *s, const char *id); /* "" = all */
/* False: the process is none of these. judge is told. */
bool sessions_died(struct sessions *s, struct ipc *judge, int pid, int status);
/* A judge that was started anew hears which sessions ended without one. */
void sessions_tell(struct sessions *s, struct ipc *judge);
void sessions_drain(struct sessions *s); /* each says so to its user and ends */
void sessions_release(struct sessions *s);

#endif
