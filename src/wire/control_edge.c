/* The edge's end: RegistrationServer, served to one connector. */
#include <stdlib.h>
#include <string.h>

#include "wire/rpc.h"

struct answer { /* a question of the peer's that is not finished */
	uint32_t id;
	bool used, bootstrap, open; /* open: handed out, not answered */
	bool finished;              /* Finish came before our answer */
	enum rpc_method method;
};

struct control_edge {
	struct rpc_in in;
	struct answer v[RPC_QUESTIONS];
	struct answer *open[RPC_METHODS];
	uint64_t refs; /* of our one export */
	struct control_register reg;
	struct slice config;
	bool closed;
};

int
control_edge_new(struct control_edge **ret_c)
{
	struct control_edge *c = calloc(1, sizeof *c);
	if (!c)
		return E_NOMEM;
	rpc_in_init(&c->in);
	*ret_c = c;
	return 0;
}

void
control_edge_free(struct control_edge *c)
{
	if (!c)
		return;
	rpc_in_release(&c->in);
	free(c);
}

static struct answer *
find(struct control_edge *c, uint32_t id)
{
	for (unsigned i = 0; i < RPC_QUESTIONS; i++)
		if (c->v[i].used && c->v[i].id == id)
			return &c->v[i];
	return NULL;
}

/* A fresh row for a question; NULL when its id is taken or too many are open. */
static struct answer *
add(struct control_edge *c, uint32_t id)
{
	if (find(c, id))
		return NULL;
	for (unsigned i = 0; i < RPC_QUESTIONS; i++)
		if (!c->v[i].used) {
			c->v[i] = (struct answer){.id = id, .used = true};
			return &c->v[i];
		}
	return NULL;
}

/* --- what the peer may send: one handler a kind */

struct turn { /* one message in hand */
	struct control_edge *c;
	const struct capnp_struct *body;
	struct buf *out;
	struct reason *why;
	enum control_call call;
};

static int
on_bootstrap(struct turn *t)
{
	uint32_t id = capnp_u32(t->body, 0);
	struct answer *a = add(t->c, id);
	struct capnp_out o;
	if (!a)
		return rpc_break(t->out, t->why, E_LIMIT, "question id in use, or too many questions");
	a->bootstrap = true;
	t->c->refs++;
	uint32_t content = rpc_begin_return(&o, id);
	capnp_put_cap(&o, content, 0);
	uint32_t desc = capnp_new_structs(&o, content + 1, 1, 1, 1);
	capnp_set(&o, desc, 0, 1, 2); /* senderHosted, export 0 */
	return capnp_finish(&o, t->out);
}

static int
parse_client(const struct capnp_struct *client, struct control_register *g)
{
	struct slice id;
	struct capnp_list features;
	int r;
	if ((r = capnp_get_data(client, 0, &id)) < 0 || (r = capnp_get_texts(client, 1, &features)) < 0 ||
	    (r = capnp_get_text(client, 2, &g->version)) < 0 || (r = capnp_get_text(client, 3, &g->arch)) < 0)
		return r;
	if (id.n == sizeof g->client_id)
		memcpy(g->client_id, id.p, id.n);
	for (uint32_t i = 0; i < features.n && g->nfeatures < sizeof g->features / sizeof g->features[0]; i++)
		if ((r = capnp_text_at(&features, i, &g->features[g->nfeatures++])) < 0)
			return r;
	return 0;
}

static int
parse_register(const struct capnp_struct *params, struct control_register *ret_g)
{
	struct control_register g = {0};
	struct capnp_struct auth, options, client;
	struct slice tunnel;
	int r;
	if ((r = capnp_get_struct(params, 0, &auth)) < 0 || (r = capnp_get_text(&auth, 0, &g.account)) < 0 ||
	    (r = capnp_get_data(&auth, 1, &g.secret)) < 0 || (r = capnp_get_data(params, 1, &tunnel)) < 0 ||
	    (r = capnp_get_struct(params, 2, &options)) < 0 || (r = capnp_get_struct(&options, 0, &client)) < 0 ||
	    (r = capnp_get_data(&options, 1, &g.origin_ip)) < 0 || (r = parse_client(&client, &g)) < 0)
		return r;
	if (tunnel.n != sizeof g.tunnel)
		return E_FORMAT;
	memcpy(g.tunnel, tunnel.p, tunnel.n);
	if (g.origin_ip.n != 4 && g.origin_ip.n != 16)
		g.origin_ip.n = 0;
	g.index = capnp_u8(params, 0);
	g.replace = capnp_bit(&options, 0);
	g.attempts = capnp_u8(&options, 2);
	*ret_g = g;
	return 0;
}

/* The call must go to what Bootstrap gave: export 0, or the answer to a bootstrap question itself. */
static bool
target_ok(struct control_edge *c, const struct capnp_struct *call)
{
	struct capnp_struct target, promised;
	struct capnp_list ops;
	if (capnp_get_struct(call, 0, &target) < 0)
		return false;
	if (capnp_u16(&target, 4) == 0)
		return capnp_u32(&target, 0) == 0 && c->refs > 0;
	if (capnp_u16(&target, 4) != 1 || capnp_get_struct(&target, 0, &promised) < 0 ||
	    capnp_get_structs(&promised, 0, &ops) < 0)
		return false;
	for (uint32_t i = 0; i < ops.n; i++) {
		struct capnp_struct op = capnp_at(&ops, i);
		if (capnp_u16(&op, 0) != 0)
			return false;
	}
	const struct answer *a = find(c, capnp_u32(&promised, 0));
	return a && a->bootstrap;
}

static int
exception(struct turn *t, struct answer *a, enum rpc_exception type, const char *text)
{
	a->open = false;
	return rpc_put_exception(t->out, a->id, type, text);
}

static int
on_call(struct turn *t)
{
	static const enum control_call calls[RPC_METHODS] = {CONTROL_REGISTER, CONTROL_UNREGISTER,
	                                                     CONTROL_LOCAL_CONFIG};
	struct control_edge *c = t->c;
	struct capnp_struct payload, params;
	uint16_t method = capnp_u16(t->body, 4);
	struct answer *a = add(c, capnp_u32(t->body, 0));
	int r;
	if (!a)
		return rpc_break(t->out, t->why, E_LIMIT, "question id in use, or too many questions");
	if (capnp_u64(t->body, 8) != RPC_INTERFACE || method >= RPC_METHODS || capnp_u16(t->body, 6) != 0)
		return exception(t, a, RPC_EX_UNIMPLEMENTED, "method not implemented");
	if (!target_ok(c, t->body))
		return exception(t, a, RPC_FAILED, "no such capability");
	if (c->open[method])
		return exception(t, a, RPC_FAILED, "the same call is still open");
	if ((r = capnp_get_struct(t->body, 1, &payload)) < 0 || (r = capnp_get_struct(&payload, 0, &params)) < 0 ||
	    (method == RPC_REGISTER && (r = parse_register(&params, &c->reg)) < 0) ||
	    (method == RPC_LOCAL_CONFIG && (r = capnp_get_data(&params, 0, &c->config)) < 0))
		return rpc_break(t->out, t->why, r, "malformed parameters");
	a->method = (enum rpc_method)method;
	a->open = true;
	c->open[method] = a;
	t->call = calls[method];
	return 0;
}

static int
on_finish(struct turn *t)
{
	struct answer *a = find(t->c, capnp_u32(t->body, 0));
	if (!a)
		return rpc_break(t->out, t->why, E_FORMAT, "finish of an unknown question");
	if (a->bootstrap && !capnp_bit(t->body, 32) && t->c->refs > 0)
		t->c->refs--;
	if (a->open)
		a->finished = true; /* still to be answered: the id is free after that */
	else
		a->used = false;
	return 0;
}

static int
on_release(struct turn *t)
{
	uint32_t count = capnp_u32(t->body, 4);
	if (capnp_u32(t->body, 0) != 0 || count > t->c->refs)
		return rpc_break(t->out, t->why, E_FORMAT, "release of what was not given");
	t->c->refs -= count;
	if (t->c->refs == 0 && count > 0) {
		t->c->closed = true;
		t->call = CONTROL_CLOSED;
	}
	return 0;
}

static int
on_abort(struct turn *t)
{
	reason_set(t->why, 0, SP_TUNNEL_PROTOCOL, "control: peer ended: %s", rpc_text(t->body));
	t->c->closed = true;
	t->call = CONTROL_CLOSED;
	return 0;
}

static int
on_return(struct turn *t)
{
	return rpc_break(t->out, t->why, E_FORMAT, "answer to nothing");
}

static int
on_unimplemented(struct turn *t)
{
	return 0;
}

static const struct {
	uint16_t kind;
	int (*handle)(struct turn *t);
} kinds[] = {
    {RPC_UNIMPLEMENTED, on_unimplemented},
    {RPC_ABORT, on_abort},
    {RPC_CALL, on_call},
    {RPC_RETURN, on_return},
    {RPC_FINISH, on_finish},
    {RPC_RELEASE, on_release},
    {RPC_BOOTSTRAP, on_bootstrap},
};

static int
handle(struct turn *t, const struct capnp_struct *message)
{
	struct capnp_struct body;
	uint16_t kind = capnp_u16(message, 0);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].kind == kind) {
			if (capnp_get_struct(message, 0, &body) < 0)
				return rpc_break(t->out, t->why, E_FORMAT, "malformed body");
			t->body = &body;
			return kinds[i].handle(t);
		}
	return rpc_put_unimplemented(t->out, kind);
}

int
control_edge_feed(struct control_edge *c, const uint8_t *d, size_t n, size_t *ret_used, enum control_call *ret_call,
                  struct buf *out, struct reason *why)
{
	struct turn t = {.c = c, .out = out, .why = why, .call = CONTROL_NONE};
	size_t at = 0, k;
	bool whole = true;
	int r;
	*ret_call = CONTROL_NONE;
	*ret_used = n;
	while (!c->closed && t.call == CONTROL_NONE && whole) {
		struct capnp_struct message;
		if ((r = rpc_in_feed(&c->in, d + at, n - at, &k, &whole, &message, why)) < 0 ||
		    (whole && (r = handle(&t, &message)) < 0)) {
			c->closed = true;
			return r;
		}
		at += k;
	}
	if (t.call != CONTROL_CLOSED && t.call != CONTROL_NONE)
		*ret_used = at;
	*ret_call = t.call;
	return 0;
}

const struct control_register *
control_edge_register(const struct control_edge *c)
{
	return &c->reg;
}

struct slice
control_edge_local_config(const struct control_edge *c)
{
	return c->config;
}

/* --- answers */

static struct answer *
take_open(struct control_edge *c, enum rpc_method method)
{
	struct answer *a = c->open[method];
	c->open[method] = NULL;
	if (a) {
		a->open = false;
		a->used = !a->finished;
	}
	return a;
}

/* Return{results}, struct registerConnection_Results, ConnectionResponse: the word of the response. */
static uint32_t
begin_response(struct capnp_out *o, uint32_t id, uint16_t which)
{
	uint32_t content = rpc_begin_return(o, id);
	uint32_t results = capnp_new_struct(o, content, 0, 1), response = capnp_new_struct(o, results, 1, 1);
	capnp_set(o, response, 0, which, 2);
	return response;
}

int
control_edge_accept(struct control_edge *c, const struct control_details *d, struct buf *out)
{
	struct capnp_out o;
	const struct answer *a = take_open(c, RPC_REGISTER);
	if (!a)
		return E_STATE;
	uint32_t response = begin_response(&o, a->id, 1), details = capnp_new_struct(&o, response + 1, 1, 2);
	capnp_set(&o, details, 0, d->remote, 1);
	capnp_put_data(&o, details + 1, d->uuid, sizeof d->uuid);
	capnp_put_text(&o, details + 2, d->location);
	return capnp_finish(&o, out);
}

int
control_edge_refuse(struct control_edge *c, const struct control_error *e, struct buf *out)
{
	struct capnp_out o;
	const struct answer *a = take_open(c, RPC_REGISTER);
	if (!a)
		return E_STATE;
	uint32_t response = begin_response(&o, a->id, 0), error = capnp_new_struct(&o, response + 1, 2, 1);
	capnp_set(&o, error, 0, (uint64_t)e->retry_after_ns, 8);
	capnp_set(&o, error + 1, 0, e->retry, 1);
	capnp_put_text(&o, error + 2, e->cause);
	return capnp_finish(&o, out);
}

int
control_edge_done(struct control_edge *c, enum control_call which, struct buf *out)
{
	struct capnp_out o;
	if (which != CONTROL_UNREGISTER && which != CONTROL_LOCAL_CONFIG)
		return E_STATE;
	const struct answer *a = take_open(c, which == CONTROL_UNREGISTER ? RPC_UNREGISTER : RPC_LOCAL_CONFIG);
	if (!a)
		return E_STATE;
	uint32_t content = rpc_begin_return(&o, a->id);
	capnp_new_struct(&o, content, 0, 0);
	return capnp_finish(&o, out);
}
