#include "wire/rpc.h"

#define SMALL 4096u /* messages of ours without a configuration in them */

/* --- frames */

void
rpc_in_init(struct rpc_in *in)
{
	buf_init_secret(&in->b, CONTROL_MSG_MAX + 64); /* a registration carries the tunnel's secret */
	in->taken = 0;
}

void
rpc_in_release(struct rpc_in *in)
{
	buf_release(&in->b);
}

static void
drop_last(struct rpc_in *in)
{
	buf_skip(&in->b, in->taken);
	in->taken = 0;
	if (buf_len(&in->b) == 0)
		buf_release(&in->b); /* an idle control stream holds nothing */
}

int
rpc_in_feed(struct rpc_in *in, const uint8_t *d, size_t n, size_t *ret_used, bool *ret_whole, struct capnp_struct *root,
            struct reason *why)
{
	size_t at = 0, size;
	int r;
	*ret_whole = false;
	drop_last(in);
	for (;;) {
		r = capnp_frame_size(buf_ptr(&in->b), buf_len(&in->b), CONTROL_MSG_MAX, &size);
		if (r < 0 && r != E_TRUNC)
			return reason_set(why, r, SP_TUNNEL_PROTOCOL, "control: frame too large");
		size_t have = buf_len(&in->b);
		if (r == 0 && have == size)
			break;
		size_t k = size - have < n - at ? size - have : n - at;
		if (k == 0) {
			*ret_used = at;
			return 0;
		}
		if ((r = buf_put(&in->b, d + at, k)) < 0)
			return reason_set(why, r, SP_TUNNEL_PROTOCOL, "control: %s", err_str(r));
		at += k;
	}
	*ret_used = at;
	in->taken = size;
	if ((r = capnp_open(&in->m, buf_ptr(&in->b), size, root)) < 0)
		return reason_set(why, r, SP_TUNNEL_PROTOCOL, "control: malformed message");
	*ret_whole = true;
	return 0;
}

/* --- messages. A Message is one data word {kind} and a pointer to its body. */

static uint32_t
begin(struct capnp_out *o, size_t max, enum rpc_kind kind, uint16_t nd, uint16_t np)
{
	capnp_begin(o, max, 1, 1);
	capnp_set(o, 1, 0, (uint64_t)kind, 2);
	return capnp_new_struct(o, 2, nd, np);
}

int
rpc_put_finish(struct buf *out, uint32_t question, bool release)
{
	struct capnp_out o;
	uint32_t at = begin(&o, SMALL, RPC_FINISH, 1, 0);
	capnp_set(&o, at, 0, question, 4);
	capnp_set(&o, at, 4, release ? 0 : 1, 1);
	return capnp_finish(&o, out);
}

int
rpc_put_release(struct buf *out, uint32_t id, uint32_t count)
{
	struct capnp_out o;
	uint32_t at = begin(&o, SMALL, RPC_RELEASE, 1, 0);
	capnp_set(&o, at, 0, id, 4);
	capnp_set(&o, at, 4, count, 4);
	return capnp_finish(&o, out);
}

int
rpc_put_abort(struct buf *out, const char *text)
{
	struct capnp_out o;
	uint32_t at = begin(&o, SMALL, RPC_ABORT, 1, 1);
	capnp_put_text(&o, at + 1, text);
	return capnp_finish(&o, out);
}

/* The specification has the message echoed; its kind is all that anybody reads. */
int
rpc_put_unimplemented(struct buf *out, uint16_t kind)
{
	struct capnp_out o;
	uint32_t at = begin(&o, SMALL, RPC_UNIMPLEMENTED, 1, 1);
	capnp_set(&o, at, 0, kind, 2);
	return capnp_finish(&o, out);
}

int
rpc_put_exception(struct buf *out, uint32_t answer, enum rpc_exception type, const char *text)
{
	struct capnp_out o;
	uint32_t at = begin(&o, SMALL, RPC_RETURN, 2, 1);
	capnp_set(&o, at, 0, answer, 4);
	capnp_set(&o, at, 4, 1, 1);
	capnp_set(&o, at, 6, 1, 2);
	uint32_t ex = capnp_new_struct(&o, at + 2, 1, 1);
	capnp_set(&o, ex, 4, (uint64_t)type, 2);
	capnp_put_text(&o, ex + 1, text);
	return capnp_finish(&o, out);
}

uint32_t
rpc_begin_return(struct capnp_out *o, uint32_t answer)
{
	uint32_t at = begin(o, SMALL, RPC_RETURN, 2, 1);
	capnp_set(o, at, 0, answer, 4);
	capnp_set(o, at, 4, 1, 1); /* parameters carried no capabilities to release */
	return capnp_new_struct(o, at + 2, 0, 2);
}

uint32_t
rpc_begin_call(struct capnp_out *o, size_t max, uint32_t question, enum rpc_method method, bool pipelined,
               uint32_t import)
{
	uint32_t at = begin(o, max, RPC_CALL, 3, 3);
	capnp_set(o, at, 0, question, 4);
	capnp_set(o, at, 4, (uint64_t)method, 2);
	capnp_set(o, at + 1, 0, RPC_INTERFACE, 8);
	uint32_t target = capnp_new_struct(o, at + 3, 1, 1);
	if (pipelined) {
		capnp_set(o, target, 4, 1, 2);
		uint32_t promised = capnp_new_struct(o, target + 1, 1, 1); /* of question 0 */
		capnp_new_structs(o, promised + 1, 0, 1, 0);
	} else {
		capnp_set(o, target, 0, import, 4);
	}
	return capnp_new_struct(o, at + 4, 0, 2);
}

void
rpc_end_call(struct capnp_out *o, uint32_t content)
{
	capnp_new_structs(o, content + 1, 0, 1, 1);
}

int
rpc_break(struct buf *out, struct reason *why, int e, const char *text)
{
	rpc_put_abort(out, text);
	return reason_set(why, e, SP_TUNNEL_PROTOCOL, "control: %s", text);
}

const char *
rpc_text(const struct capnp_struct *exception)
{
	const char *t;
	return capnp_get_text(exception, 0, &t) == 0 ? t : "";
}
