/*
 * frontkit: a real sallyport-front with a scripted parent, judge and connector around it, all on one loop of the test.
 *
 * The parent end speaks parent_role over the child's fd 3; the judge ends answer what the test tells them to; the
 * connector is h2link and control_client over real TLS; users are TLS connections that collect what they hear.
 */
#ifndef TEST_FRONTKIT_H
#define TEST_FRONTKIT_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "../io/tlskit.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"
#include "io/conn.h"
#include "io/ipc.h"
#include "io/net_listen.h"
#include "msg/front_judge.h"
#include "msg/parent_role.h"
#include "wire/control.h"
#include "wire/h2link.h"
#include "wire/websocket.h"

#define KIT_THREADS 2
#define KIT_TUNNEL "11111111-2222-4333-8444-555555555555"
#define KIT_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define KIT_WAIT 90000 /* ends a hang; under valgrind on a busy machine the bulk takes 20 s */

struct seen { /* what judge heard, newest last */
	uint64_t link, down_link, leaving_link, config_link, began, ended, up, down, live, link_up;
	char down_why[128], ended_why[128], local[4096], method[17], host[254], target[256], ip[64], headers[4096],
	    body[256];
	char register_account[65], register_tunnel[37], register_version[65], register_arch[65], register_features[256],
	    register_origin[64];
	char live_tunnel[37], live_assertion[256], live_ip[64], up_tunnel[37];
	uint8_t secret[64];
	size_t nsecret;
	unsigned requests, registers, index, config_version, downs, leavings, configs, locals, begans, endeds, lives,
	    ups;
	bool config_ok, websocket, replace;
};

struct kit {
	struct loop *loop;
	pid_t pid;
	int exit_status;
	bool exited;
	struct ipc *parent, *judge[KIT_THREADS];
	bool ready, lost_parent;
	int port[3];
	EVP_PKEY *ca_key;
	X509 *ca;
	char ca_file[64];
	struct tls_ctx *user_tls, *tunnel_tls;
	struct seen seen;
	/* what judge says */
	struct fj_answer answer;
	const char *refuse, *config;
	uint32_t config_version;
	bool silent, retry, ready_says;
	struct loop_timer poll;
	int64_t deadline;
	bool (*until)(void *);
	void *until_arg;
	bool met;
	const char *names[4]; /* of each page of leaves, as a subjectAltName: see kit_on_leaf */
	uint32_t pages;
	unsigned leaves; /* signed */
};

extern struct kit kit;

struct user {
	struct conn *c;
	struct buf in;
	uint64_t got; /* all bytes heard */
	bool opened, closed, eof, discard;
	enum conn_why why;
	void (*on_data)(struct user *u, uint8_t *d, size_t n);
	void (*on_drained)(struct user *u);
	char error[128];
};

extern const struct conn_ops user_ops;

struct connector;
struct origin { /* one stream at the connector */
	struct connector *k;
	struct h2stream *s;
	char head[8192];
	struct buf in;
	uint64_t got;
	bool ended, closed, control, config, hold, discard;
	uint64_t send, sent; /* a flood of the pattern */
	bool end_after;
	uint32_t error;
	void (*on_data)(struct origin *o, uint8_t *d, size_t n);
};
struct connector {
	struct conn *c;
	struct h2link *h;
	struct control_client *rpc;
	struct h2stream *control;
	struct loop_defer flush;
	bool registered, refused, unregistered, config_taken, closed, opened, control_closed;
	enum conn_why why;
	struct control_error error;
	struct control_details details;
	uint8_t index, client;                       /* client 0: 7 */
	const char *tunnel, *sni;                    /* NULL: the kit's, h2.cftunnel.com */
	bool manual;                                 /* do not register by itself */
	const char *status, *config_reply, *version; /* what streams are answered */
	bool mute, bad_accept;
	struct origin *last; /* newest session stream */
	unsigned streams;
	bool has_stream;
	char pushed[4096];
	unsigned pushes;
	bool (*pump)(struct origin *o);
};

#define KIT_UPGRADE                                                                      \
	"GET / HTTP/1.1\r\nHost: app.localhost:8443\r\nConnection: Upgrade\r\nUpgrade: " \
	"websocket\r\nSec-WebSocket-Version: 13\r\n"                                     \
	"Sec-WebSocket-Key: " KIT_KEY "\r\n\r\n"

#define WAIT_FLAG(f) kit_wait(kit_flag, &(f), #f)
#define WAIT_SOME(n) kit_wait(kit_nonzero, &(n), #n)

/* Returns once until says so; a test that waits in vain ends the program. */
void kit_wait(bool (*until)(void *), void *arg, const char *what);
void kit_new_judge(uint32_t i);
void kit_judge_all(const struct msg_def *d, const void *m);
void kit_start(void);
bool kit_gone(void *arg);
void kit_stop(void);
struct sockaddr_in kit_addr(int kind);
void user_dial(struct user *u, int kind);
void user_say(struct user *u, const char *text);
void user_hear(struct user *u, const char *what);
void user_end(struct user *u);
void connector_kick(struct connector *k);
void connector_dial(struct connector *k);
void connector_end_all(struct connector *k);
void kit_relay(uint64_t ticket);
void kit_session(struct connector *k, struct user *u, uint64_t ticket);
bool kit_flag(void *arg);
bool kit_nonzero(void *arg);

#endif
