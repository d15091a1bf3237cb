/* The peers of a front: users and a connector. */
#include "frontkit.h"

/* --- users */

static void
user_opened(struct conn *c, void *arg)
{
	(void)c;
	((struct user *)arg)->opened = true;
}

static void
user_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct user *u = arg;

	(void)c;
	u->got += n;
	if (u->on_data)
		u->on_data(u, d, n);
	else if (!u->discard)
		assert_int_equal(buf_put(&u->in, d, n), 0);
}

static void
user_drained(struct conn *c, void *arg)
{
	struct user *u = arg;

	(void)c;
	if (u->on_drained)
		u->on_drained(u);
}

static void
user_eof(struct conn *c, void *arg)
{
	struct user *u = arg;

	u->eof = true;
	conn_shutdown(c);
}

static void
user_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct user *u = arg;

	u->closed = true;
	u->why = why;
	snprintf(u->error, sizeof u->error, "%s", conn_error_text(c));
	u->c = NULL;
}

const struct conn_ops user_ops = {user_opened, user_data, user_drained, user_eof, user_closed};

struct sockaddr_in
kit_addr(int kind)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	                            .sin_port = htons((uint16_t)kit.port[kind]),
	                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void
user_dial(struct user *u, int kind)
{
	struct sockaddr_in a = kit_addr(kind);

	memset(u, 0, sizeof *u);
	buf_init(&u->in, 16u << 20);
	assert_int_equal(conn_new_client(kit.loop, &a, sizeof a, kind == LISTEN_METRICS ? NULL : kit.user_tls,
	                                 kind == LISTEN_METRICS ? NULL : "app.localhost", &user_ops, u, &u->c),
	                 0);
	WAIT_FLAG(u->opened);
}

void
user_say(struct user *u, const char *text)
{
	assert_int_equal(conn_write(u->c, text, strlen(text)), 0);
}

struct heard {
	struct user *u;
	const char *what;
};

static bool
user_has(void *arg)
{
	struct heard *h = arg;
	const char *text = buf_cstr(&h->u->in);

	return text && strstr(text, h->what);
}

void
user_hear(struct user *u, const char *what)
{
	struct heard h = {u, what};

	kit_wait(user_has, &h, what);
}

void
user_end(struct user *u)
{
	if (u->c)
		conn_close(u->c);
	if (!u->closed)
		WAIT_FLAG(u->closed);
	buf_release(&u->in);
}

/* --- connector */

static void
connector_flush(void *arg)
{
	struct connector *k = arg;
	const uint8_t *d;
	size_t n;

	while (k->h && k->c && conn_queued(k->c) < (1u << 20)) {
		assert_int_equal(h2link_pull(k->h, &d, &n), 0);
		if (n == 0 || conn_write(k->c, d, n) < 0)
			return;
	}
}

void
connector_kick(struct connector *k)
{
	defer_arm(kit.loop, &k->flush, connector_flush, k);
}

static void
connector_register(struct connector *k)
{
	struct control_register r = {.account = "acct0123",
	                             .secret = {(const uint8_t *)"0123456789abcdef0123456789abcdef", 32},
	                             .index = k->index,
	                             .features = {"allow_remote_config", "serialized_headers"},
	                             .nfeatures = 2,
	                             .version = k->version ? k->version : "2026.1.0",
	                             .arch = "linux_amd64",
	                             .replace = true,
	                             .attempts = 3};
	static const uint8_t ip[4] = {192, 0, 2, 7};
	struct buf out;

	uuid_parse(k->tunnel ? k->tunnel : KIT_TUNNEL, r.tunnel);
	memset(r.client_id, k->client ? k->client : 7, sizeof r.client_id);
	r.origin_ip = (struct slice){ip, 4};
	buf_init(&out, CONTROL_MSG_MAX);
	assert_int_equal(control_client_register(k->rpc, &r, &out), 0);
	assert_int_equal(h2stream_write(k->control, buf_ptr(&out), buf_len(&out)), 0);
	buf_release(&out);
	connector_kick(k);
}

static const char *
head_value(const struct h2_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(h[i].name, name) == 0)
			return h[i].value;
	return "";
}

static void
connector_answer(struct connector *k, struct h2stream *s, const struct h2_header *h, size_t n)
{
	char accept[29];
	struct h2_header user[3] = {
	    {"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-Websocket-Accept", accept}};
	struct h2_header head[3] = {{":status", k->status ? k->status : "200"},
	                            {"cf-cloudflared-response-headers", ""},
	                            {"cf-cloudflared-response-meta", "{\"src\":\"origin\"}"}};
	struct buf packed;

	ws_accept_value(head_value(h, n, "sec-websocket-key"), accept);
	if (k->bad_accept)
		accept[0] = accept[0] == 'A' ? 'B' : 'A';
	buf_init(&packed, 4096);
	h2_headers_pack(&packed, user, 3);
	head[1].value = buf_cstr(&packed);
	assert_int_equal(h2stream_respond(s, head, 3, strcmp(head[0].value, "200") != 0), 0);
	buf_release(&packed);
}

static void
connector_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	static const struct h2_header plain[] = {{":status", "200"}, {"content-type", "application/octet-stream"}};
	const char *kind = head_value(h, n, "cf-cloudflared-proxy-connection-upgrade");
	struct connector *k = arg;
	struct origin *o = calloc(1, sizeof *o);

	(void)end;
	o->k = k;
	o->s = s;
	buf_init(&o->in, 8u << 20);
	h2stream_set_arg(s, o);
	for (size_t i = 0; i < n; i++)
		snprintf(o->head + strlen(o->head), sizeof o->head - strlen(o->head), "%s: %s\n", h[i].name,
		         h[i].value);
	if (strcmp(kind, "control-stream") == 0) {
		o->control = true;
		k->control = s;
		assert_int_equal(h2stream_respond(s, plain, 2, false), 0);
		if (!k->manual)
			connector_register(k);
	} else if (strcmp(kind, "update-configuration") == 0) {
		o->config = true;
	} else {
		if (k->last && k->last->closed) {
			buf_release(&k->last->in);
			free(k->last);
		}
		k->last = o;
		k->streams++;
		k->has_stream = true;
		if (!k->mute)
			connector_answer(k, s, h, n);
	}
	connector_kick(k);
}

static void
connector_rpc(struct connector *k, struct origin *o, const uint8_t *d, size_t n)
{
	enum control_answer a;
	struct reason why = {0};
	struct buf out;
	size_t used;

	buf_init(&out, CONTROL_MSG_MAX);
	while (n) {
		assert_int_equal(control_client_feed(k->rpc, d, n, &used, &a, &out, &why), 0);
		d += used;
		n -= used;
		if (a == CONTROL_REGISTERED) {
			k->details = *control_client_details(k->rpc);
			k->registered = true;
		} else if (a == CONTROL_REFUSED) {
			k->error = *control_client_error(k->rpc);
			k->refused = true;
		} else if (a == CONTROL_UNREGISTERED) {
			k->unregistered = true;
		} else if (a == CONTROL_CONFIG_TAKEN) {
			k->config_taken = true;
		}
	}
	if (buf_len(&out))
		h2stream_write(o->s, buf_ptr(&out), buf_len(&out));
	buf_release(&out);
}

static void
connector_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	o->got += n;
	if (o->control)
		connector_rpc(k, o, d, n);
	else if (o->on_data)
		o->on_data(o, d, n);
	else if (!o->discard)
		assert_int_equal(buf_put(&o->in, d, n), 0);
	if (!o->hold)
		h2stream_consume(s, n);
	connector_kick(k);
}

static void
connector_end(struct h2stream *s, void *arg)
{
	static const struct h2_header plain[] = {{":status", "200"}, {"content-type", "text/plain"}};
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	o->ended = true;
	if (o->config) {
		snprintf(k->pushed, sizeof k->pushed, "%s", buf_cstr(&o->in));
		k->pushes++;
		assert_int_equal(h2stream_respond(s, plain, 2, false), 0);
		h2stream_write(s, k->config_reply, strlen(k->config_reply));
		h2stream_end(s);
	} else if (!o->control) {
		h2stream_end(s); /* as the stock connector does (a.6) */
	}
	connector_kick(k);
}

static void
connector_drained(struct h2stream *s, void *arg)
{
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	if (k->pump && !o->control && !o->config)
		k->pump(o);
}

static void
connector_stream_closed(struct h2stream *s, uint32_t error, void *arg)
{
	struct origin *o = h2stream_arg(s);
	struct connector *k = arg;

	o->closed = true;
	o->error = error;
	o->s = NULL;
	if (o->control) {
		k->control = NULL;
		k->control_closed = true;
	}
	if (o != k->last) {
		buf_release(&o->in);
		free(o);
	}
}

static void
connector_pong(struct h2link *h, void *arg)
{
	(void)h, (void)arg;
}

static const struct h2link_ops connector_h2_ops = {connector_headers, connector_data,          connector_end,
                                                   connector_drained, connector_stream_closed, connector_pong};

static void
connector_opened(struct conn *c, void *arg)
{
	struct connector *k = arg;

	(void)c;
	k->opened = true;
	assert_int_equal(h2link_new(H2_CONNECTOR, 1000, &connector_h2_ops, k, &k->h), 0);
	connector_kick(k);
}

static void
connector_conn_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct connector *k = arg;
	struct reason why = {0};

	(void)c;
	if (h2link_feed(k->h, d, n, &why) < 0) {
		print_error("connector: %s\n", why.text);
		fail();
	}
	connector_kick(k);
}

static void
connector_conn_drained(struct conn *c, void *arg)
{
	(void)c;
	connector_flush(arg);
}

static void
connector_conn_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct connector *k = arg;

	(void)c;
	k->closed = true;
	k->why = why;
	k->c = NULL;
	defer_cancel(&k->flush);
	if (k->h)
		h2link_free(k->h);
	k->h = NULL;
	control_client_free(k->rpc);
	k->rpc = NULL;
}

static const struct conn_ops connector_ops = {.opened = connector_opened,
                                              .data = connector_conn_data,
                                              .drained = connector_conn_drained,
                                              .closed = connector_conn_closed};

void
connector_dial(struct connector *k)
{
	struct sockaddr_in a = kit_addr(LISTEN_TUNNELS);

	assert_int_equal(control_client_new(&k->rpc), 0);
	if (!k->config_reply)
		k->config_reply = "{\"lastAppliedVersion\":7,\"err\":null}";
	assert_int_equal(conn_new_client(kit.loop, &a, sizeof a, kit.tunnel_tls, k->sni ? k->sni : "h2.cftunnel.com",
	                                 &connector_ops, k, &k->c),
	                 0);
}

void
connector_end_all(struct connector *k)
{
	struct origin *o;

	if (k->c)
		conn_close(k->c);
	if (!k->closed)
		WAIT_FLAG(k->closed);
	o = k->last;
	if (o) {
		buf_release(&o->in);
		free(o);
	}
	k->last = NULL;
}

/* A judge that relays every request to the kit's tunnel. */
void
kit_relay(uint64_t ticket)
{
	static const char *h[] = {"cf-cloudflared-proxy-connection-upgrade",
	                          "websocket",
	                          "sec-websocket-key",
	                          KIT_KEY,
	                          "sec-websocket-version",
	                          "13",
	                          "cf-access-jwt-assertion",
	                          "header.payload.signature",
	                          "cf-connecting-ip",
	                          "192.0.2.33"};

	kit.answer = (struct fj_answer){.action = ANSWER_RELAY,
	                                .headers = {h, 10},
	                                .tunnel = KIT_TUNNEL,
	                                .authority = "app.localhost",
	                                .path = "/",
	                                .ticket = ticket};
}

/* A connector that is registered and a user whose session is relayed over it. */
void
kit_session(struct connector *k, struct user *u, uint64_t ticket)
{
	if (!k->registered) {
		connector_dial(k);
		WAIT_FLAG(k->registered);
	}
	kit_relay(ticket);
	k->has_stream = false;
	kit.seen.begans = 0;
	user_dial(u, LISTEN_USERS);
	user_say(u, KIT_UPGRADE);
	user_hear(u, "\r\n\r\n");
	WAIT_FLAG(k->has_stream);
	WAIT_SOME(kit.seen.begans);
	assert_int_equal(kit.seen.began, ticket);
	assert_non_null(strstr(buf_cstr(&u->in), "HTTP/1.1 101 "));
	buf_clear(&u->in);
}
