/*
 * rpc: what both ends of the control stream share: frames put together from the stream, and the messages of rpc.capnp
 * level 1 (facts/cloudflared-wire.md b.3). For control_edge.c and control_client.c only.
 */
#ifndef WIRE_RPC_H
#define WIRE_RPC_H

#include "wire/capnp.h"
#include "wire/control.h"

#define RPC_INTERFACE UINT64_C(0xf71695ec7fe85497) /* RegistrationServer */
#define RPC_QUESTIONS 16u

enum rpc_kind {
	RPC_UNIMPLEMENTED = 0,
	RPC_ABORT = 1,
	RPC_CALL = 2,
	RPC_RETURN = 3,
	RPC_FINISH = 4,
	RPC_RELEASE = 6,
	RPC_BOOTSTRAP = 8,
};
enum rpc_method { RPC_REGISTER = 0, RPC_UNREGISTER = 1, RPC_LOCAL_CONFIG = 2, RPC_METHODS };
enum rpc_exception { RPC_FAILED = 0, RPC_EX_UNIMPLEMENTED = 3 };

struct rpc_in { /* a frame being put together; zero, rpc_in_init */
	struct buf b;
	size_t taken; /* bytes of the frame that was handed out and still stands at the front */
	struct capnp_msg m;
};
void rpc_in_init(struct rpc_in *in);
void rpc_in_release(struct rpc_in *in);
/* Takes bytes up to the end of one frame. *ret_whole: root is that frame's Message, good until the next call. */
int rpc_in_feed(struct rpc_in *in, const uint8_t *d, size_t n, size_t *ret_used, bool *ret_whole,
                struct capnp_struct *root, struct reason *why);

/* Messages without a body of their own. */
int rpc_put_finish(struct buf *out, uint32_t question, bool release);
int rpc_put_release(struct buf *out, uint32_t id, uint32_t count);
int rpc_put_abort(struct buf *out, const char *text);
int rpc_put_unimplemented(struct buf *out, uint16_t kind);
int rpc_put_exception(struct buf *out, uint32_t answer, enum rpc_exception type, const char *text);

/* Return{results}: gives the word of the payload's content pointer (the capability table's follows it). */
uint32_t rpc_begin_return(struct capnp_out *o, uint32_t answer);
/* Call to the bootstrap capability, by import or pipelined on question 0: the word of the payload's content pointer. */
uint32_t rpc_begin_call(struct capnp_out *o, size_t max, uint32_t question, enum rpc_method method, bool pipelined,
                        uint32_t import);
void rpc_end_call(struct capnp_out *o, uint32_t content); /* its empty capability table */

/* Breaks the stream: Abort with text to out, reason to why. Gives e. */
int rpc_break(struct buf *out, struct reason *why, int e, const char *text);
/* The reason text of an Abort or an exception; for people, bounded by the frame. */
const char *rpc_text(const struct capnp_struct *exception);

#endif
