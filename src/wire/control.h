/*
 * control: Cap'n Proto RPC of the control stream, both ends (facts/cloudflared-wire.md section b; its byte vectors are
 * our tests). Engine: feed bytes of the stream, take calls or answers out, bytes to send are appended to out. capnp.h
 * below it does pointers.
 *
 * Limits: message of CONTROL_MSG_MAX, one to four segments, depth 16, traversal bounded by the message's own size, open
 * questions 16. Anything else aborts the stream with a reason; never a crash, never an over-read.
 */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include "core/buf.h"
#include "core/err.h"

#define CONTROL_MSG_MAX (2u << 20)

struct control_register { /* all borrowed from the engine until the next feed */
	const char *account;
	struct slice secret;
	uint8_t tunnel[16];
	uint8_t index;
	uint8_t client_id[16];
	const char *features[32];
	size_t nfeatures;
	const char *version, *arch;
	struct slice origin_ip; /* 4, 16 or 0 bytes */
	bool replace;
	uint8_t attempts;
};
struct control_details {
	uint8_t uuid[16];
	char location[64];
	bool remote;
};
struct control_error {
	char cause[256];
	int64_t retry_after_ns;
	bool retry;
};

/* --- the edge's end: serves RegistrationServer */
struct control_edge;
enum control_call {
	CONTROL_NONE,
	CONTROL_REGISTER,
	CONTROL_UNREGISTER,
	CONTROL_LOCAL_CONFIG,
	CONTROL_CLOSED /* abort or release of all */
};
int control_edge_new(struct control_edge **ret_c);
void control_edge_free(struct control_edge *c);
/* Takes bytes until one call is complete; answers to Bootstrap, Release, Finish and unknown kinds go to out by
 * themselves. */
int control_edge_feed(struct control_edge *c, const uint8_t *d, size_t n, size_t *ret_used, enum control_call *ret_call,
                      struct buf *out, struct reason *why);
const struct control_register *control_edge_register(const struct control_edge *c); /* of the last CONTROL_REGISTER */
struct slice control_edge_local_config(const struct control_edge *c);
/* Answers to the call handed out last of that kind. */
int control_edge_accept(struct control_edge *c, const struct control_details *d, struct buf *out);
int control_edge_refuse(struct control_edge *c, const struct control_error *e, struct buf *out);
int control_edge_done(struct control_edge *c, enum control_call which, struct buf *out); /* empty result */

/* --- the connector's end */
struct control_client;
enum control_answer {
	CONTROL_ANSWER_NONE,
	CONTROL_REGISTERED,
	CONTROL_REFUSED,
	CONTROL_UNREGISTERED,
	CONTROL_CONFIG_TAKEN
};
int control_client_new(struct control_client **ret_c);
void control_client_free(struct control_client *c);
int control_client_register(struct control_client *c, const struct control_register *r,
                            struct buf *out); /* Bootstrap + pipelined call */
int control_client_local_config(struct control_client *c, const char *json, size_t n, struct buf *out);
int control_client_unregister(struct control_client *c, struct buf *out);
int control_client_shutdown(struct control_client *c, struct buf *out); /* Release + Abort "rpc: shutdown" */
int control_client_feed(struct control_client *c, const uint8_t *d, size_t n, size_t *ret_used,
                        enum control_answer *ret_a, struct buf *out, struct reason *why);
const struct control_details *control_client_details(const struct control_client *c);
const struct control_error *control_client_error(const struct control_client *c);

#endif
