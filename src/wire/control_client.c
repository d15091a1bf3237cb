/* The connector's end: registers, reports its configuration, says goodbye. */
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "wire/rpc.h"

enum asked { NOTHING, ASK_BOOTSTRAP, ASK_REGISTER, ASK_UNREGISTER, ASK_CONFIG };

struct control_client {
	struct rpc_in in;
	enum asked v[RPC_QUESTIONS]; /* by question id */
	bool have_import, closed;
	uint32_t import;
	struct control_details details;
	struct control_error error;
};

int
control_client_new(struct control_client **ret_c)
{
	struct control_client *c = calloc(1, sizeof *c);
	if (!c)
		return E_NOMEM;
	rpc_in_init(&c->in);
	*ret_c = c;
	return 0;
}

void
control_client_free(struct control_client *c)
{
	if (!c)
		return;
	rpc_in_release(&c->in);
	free(c);
}

/* --- calls */

static int
ask(struct control_client *c, enum asked what, uint32_t *ret_id)
{
	for (uint32_t id = 1; id < RPC_QUESTIONS; id++) /* 0 is the bootstrap's */
		if (c->v[id] == NOTHING) {
			c->v[id] = what;
			*ret_id = id;
			return 0;
		}
	return E_LIMIT;
}

static int
put_bootstrap(struct control_client *c, struct buf *out)
{
	struct capnp_out o;
	capnp_begin(&o, 4096, 1, 1);
	capnp_set(&o, 1, 0, RPC_BOOTSTRAP, 2);
	capnp_new_struct(&o, 2, 1, 1);
	c->v[0] = ASK_BOOTSTRAP;
	return capnp_finish(&o, out);
}

static void
put_client(struct capnp_out *o, uint32_t options, const struct control_register *r)
{
	uint32_t client = capnp_new_struct(o, options + 1, 0, 4), list;
	capnp_put_data(o, client, r->client_id, sizeof r->client_id);
	if (r->nfeatures > 0) {
		list = capnp_new_pointers(o, client + 1, (uint32_t)r->nfeatures);
		for (uint32_t i = 0; i < r->nfeatures; i++)
			capnp_put_text(o, list + i, r->features[i]);
	}
	capnp_put_text(o, client + 2, r->version ? r->version : "");
	capnp_put_text(o, client + 3, r->arch ? r->arch : "");
}

int
control_client_register(struct control_client *c, const struct control_register *r, struct buf *out)
{
	struct capnp_out o;
	uint32_t id;
	if (c->closed || c->v[0] != NOTHING || c->have_import ||
	    r->nfeatures > sizeof r->features / sizeof r->features[0])
		return E_STATE;
	int e = put_bootstrap(c, out);
	if (e < 0 || (e = ask(c, ASK_REGISTER, &id)) < 0)
		return e;
	uint32_t content = rpc_begin_call(&o, 65536, id, RPC_REGISTER, true, 0);
	uint32_t params = capnp_new_struct(&o, content, 1, 3);
	capnp_set(&o, params, 0, r->index, 1);
	uint32_t auth = capnp_new_struct(&o, params + 1, 0, 2);
	capnp_put_text(&o, auth, r->account);
	capnp_put_data(&o, auth + 1, r->secret.p, r->secret.n);
	capnp_put_data(&o, params + 2, r->tunnel, sizeof r->tunnel);
	uint32_t options = capnp_new_struct(&o, params + 3, 1, 2);
	capnp_set(&o, options, 0, r->replace, 1);
	capnp_set(&o, options, 2, r->attempts, 1);
	put_client(&o, options, r);
	capnp_put_data(&o, options + 2, r->origin_ip.p, r->origin_ip.n);
	rpc_end_call(&o, content);
	return capnp_finish(&o, out);
}

int
control_client_local_config(struct control_client *c, const char *json, size_t n, struct buf *out)
{
	struct capnp_out o;
	uint32_t id;
	if (c->closed || !c->have_import)
		return E_STATE;
	if (n > CONTROL_MSG_MAX - 4096)
		return E_LIMIT;
	int e = ask(c, ASK_CONFIG, &id);
	if (e < 0)
		return e;
	uint32_t content = rpc_begin_call(&o, CONTROL_MSG_MAX, id, RPC_LOCAL_CONFIG, false, c->import);
	uint32_t params = capnp_new_struct(&o, content, 0, 1);
	capnp_put_data(&o, params, json, n);
	rpc_end_call(&o, content);
	return capnp_finish(&o, out);
}

int
control_client_unregister(struct control_client *c, struct buf *out)
{
	struct capnp_out o;
	uint32_t id;
	if (c->closed || !c->have_import)
		return E_STATE;
	int e = ask(c, ASK_UNREGISTER, &id);
	if (e < 0)
		return e;
	uint32_t content = rpc_begin_call(&o, 4096, id, RPC_UNREGISTER, false, c->import);
	capnp_new_struct(&o, content, 0, 0);
	rpc_end_call(&o, content);
	return capnp_finish(&o, out);
}

int
control_client_shutdown(struct control_client *c, struct buf *out)
{
	int r = 0;
	if (c->closed)
		return E_STATE;
	c->closed = true;
	if (c->have_import)
		r = rpc_put_release(out, c->import, 1);
	return r < 0 ? r : rpc_put_abort(out, "rpc: shutdown");
}

/* --- answers */

static int
take_import(struct control_client *c, const struct capnp_struct *payload)
{
	struct capnp_list caps;
	uint32_t index;
	if (capnp_get_cap(payload, 0, &index) < 0 || capnp_get_structs(payload, 1, &caps) < 0 || index >= caps.n)
		return E_FORMAT;
	struct capnp_struct desc = capnp_at(&caps, index);
	if (capnp_u16(&desc, 0) != 1 && capnp_u16(&desc, 0) != 2) /* senderHosted, senderPromise */
		return E_FORMAT;
	c->import = capnp_u32(&desc, 4);
	c->have_import = true;
	return 0;
}

static void
set_error(struct control_client *c, const char *cause, int64_t after, bool retry)
{
	size_t n = strlen(cause), max = sizeof c->error.cause - 1;
	memset(&c->error, 0, sizeof c->error);
	memcpy(c->error.cause, cause, n < max ? n : max);
	c->error.retry_after_ns = after;
	c->error.retry = retry;
}

static int
take_response(struct control_client *c, const struct capnp_struct *payload, enum control_answer *ret_a)
{
	struct capnp_struct results, response, body;
	const char *text;
	struct slice uuid;
	if (capnp_get_struct(payload, 0, &results) < 0 || capnp_get_struct(&results, 0, &response) < 0 ||
	    capnp_get_struct(&response, 0, &body) < 0)
		return E_FORMAT;
	if (capnp_u16(&response, 0) == 0) {
		if (capnp_get_text(&body, 0, &text) < 0)
			return E_FORMAT;
		set_error(c, text, (int64_t)capnp_u64(&body, 0), capnp_bit(&body, 64));
		*ret_a = CONTROL_REFUSED;
		return 0;
	}
	if (capnp_u16(&response, 0) != 1 || capnp_get_data(&body, 0, &uuid) < 0 ||
	    capnp_get_text(&body, 1, &text) < 0 || uuid.n != sizeof c->details.uuid)
		return E_FORMAT;
	memset(&c->details, 0, sizeof c->details);
	memcpy(c->details.uuid, uuid.p, uuid.n);
	size_t n = strlen(text), max = sizeof c->details.location - 1;
	memcpy(c->details.location, text, n < max ? n : max);
	c->details.remote = capnp_bit(&body, 0);
	*ret_a = CONTROL_REGISTERED;
	return 0;
}

static enum control_answer
plain_answer(enum asked what)
{
	return what == ASK_UNREGISTER ? CONTROL_UNREGISTERED
	       : what == ASK_CONFIG   ? CONTROL_CONFIG_TAKEN
	                              : CONTROL_ANSWER_NONE;
}

static int
on_return(struct control_client *c, const struct capnp_struct *body, enum control_answer *ret_a, struct buf *out,
          struct reason *why)
{
	uint32_t id = capnp_u32(body, 0);
	uint16_t kind = capnp_u16(body, 6);
	struct capnp_struct sub;
	enum asked what = id < RPC_QUESTIONS ? c->v[id] : NOTHING;
	int r = 0;
	if (what == NOTHING || capnp_get_struct(body, 0, &sub) < 0)
		return rpc_break(out, why, E_FORMAT, "answer to nothing");
	c->v[id] = NOTHING;
	*ret_a = plain_answer(what);
	if (kind != 0) { /* exception or cancelled: final for a registration, of no account for the rest */
		if (what == ASK_BOOTSTRAP || what == ASK_REGISTER) {
			set_error(c, kind == 1 ? rpc_text(&sub) : "call cancelled", 0, false);
			*ret_a = what == ASK_REGISTER ? CONTROL_REFUSED : CONTROL_ANSWER_NONE;
		}
	} else if (what == ASK_BOOTSTRAP) {
		r = take_import(c, &sub);
	} else if (what == ASK_REGISTER) {
		r = take_response(c, &sub, ret_a);
	}
	return r < 0 ? rpc_break(out, why, r, "malformed results") : rpc_put_finish(out, id, kind != 0);
}

static int
handle(struct control_client *c, const struct capnp_struct *message, enum control_answer *ret_a, struct buf *out,
       struct reason *why)
{
	struct capnp_struct body;
	uint16_t kind = capnp_u16(message, 0);
	if (capnp_get_struct(message, 0, &body) < 0)
		return rpc_break(out, why, E_FORMAT, "malformed body");
	switch (kind) {
	case RPC_RETURN:
		return on_return(c, &body, ret_a, out, why);
	case RPC_ABORT:
		return reason_set(why, E_CLOSED, SP_TUNNEL_PROTOCOL, "control: edge ended: %s", rpc_text(&body));
	case RPC_UNIMPLEMENTED:
	case RPC_FINISH:
	case RPC_RELEASE:
		return 0;
	default:
		return rpc_put_unimplemented(out, kind);
	}
}

int
control_client_feed(struct control_client *c, const uint8_t *d, size_t n, size_t *ret_used, enum control_answer *ret_a,
                    struct buf *out, struct reason *why)
{
	size_t at = 0, k;
	bool whole = true;
	int r;
	*ret_a = CONTROL_ANSWER_NONE;
	*ret_used = n;
	while (!c->closed && *ret_a == CONTROL_ANSWER_NONE && whole) {
		struct capnp_struct message;
		if ((r = rpc_in_feed(&c->in, d + at, n - at, &k, &whole, &message, why)) < 0 ||
		    (whole && (r = handle(c, &message, ret_a, out, why)) < 0)) {
			c->closed = true;
			return r;
		}
		at += k;
	}
	if (!c->closed)
		*ret_used = at;
	return 0;
}

const struct control_details *
control_client_details(const struct control_client *c)
{
	return &c->details;
}

const struct control_error *
control_client_error(const struct control_client *c)
{
	return &c->error;
}
