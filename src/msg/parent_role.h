/*
 * parent <-> every role. The parent sends, in this order: pr_start, then pr_listener / pr_file / pr_peer as the role
 * needs them, then pr_go. The role opens what it must, confines itself, and answers pr_ready. Later: pr_peer again when
 * a neighbour was restarted (the new end replaces the old), pr_reload, pr_drain, pr_ping. Phases: 1 = before pr_start,
 * 2 = configured, 4 = running.
 */
#ifndef MSG_PARENT_ROLE_H
#define MSG_PARENT_ROLE_H

#include "msg/msg.h"

enum role { ROLE_PARENT, ROLE_FRONT, ROLE_JUDGE, ROLE_FETCH, ROLE_SIGNER, ROLE_SESSION, ROLE_N };
const char *role_name(enum role r); /* "parent", "front", ... */

/* the tool never settles on a layout for field lists */
/* clang-format off */

/* Nothing in here is secret, but for store. */
#define PR_START(F, S)                                                                                    \
	F(S, STR, dir, 4096)        /* DIR, for log texts; roles do not open by path unless stated */     \
	F(S, STR, team_host, 253)   /* without port */                                                    \
	F(S, U32, team_port, 65535) /* as users reach it */                                               \
	F(S, STR, issuer, 300)      /* https://team_host[:port], port omitted when 443 */                 \
	F(S, STR, account, 32)      /* 32 hex */                                                          \
	F(S, STR, zone, 32)                                                                               \
	F(S, STR, location, 32) /* shown to connectors, e.g. "edge1" */                                   \
	F(S, U32, edge_no, 255) /* top 8 bits of certificate serials */                                   \
	F(S, STR, log_level, 8)                                                                           \
	F(S, U32, threads, 64)        /* front: loop threads */                                           \
	F(S, U32, tunnel_port, 65535) /* as connectors reach it */                                        \
	F(S, STR, store, 1024)        /* judge: "sqlite" or postgres URL, maybe with its password; "" for others */                               \
	F(S, STR, admin_email, 254)                                                                       \
	F(S, STR, local_idp, 36) /* judge: id of the built-in local provider, made by init */             \
	F(S, STR, version, 32)                                                                            \
	F(S, STRS, trusted_proxies, 64)                                                                   \
	F(S, BOOL, proxy_protocol, 1)    /* front: connections of those begin with a PROXY header */      \
	F(S, STR, forwarded_header, 32)  /* front: their word about a user: x-forwarded-for or forwarded */ \
	F(S, BOOL, hsts, 1)              /* front: Strict-Transport-Security on the team host */          \
	F(S, STRS, allow_private, 256) /* fetch: private destinations that are permitted, host or CIDR */ \
	F(S, STR, ca_file, 4096)       /* fetch: extra roots; "" = system's */                            \
	F(S, STR, country_file, 4096)        /* judge: the configured file, for log texts; "" = none */      \
	F(S, I64, token_rotate_s, INT32_MAX) /* signer: of the token keys; 0 = what access/keys says */   \
	F(S, I64, token_overlap_s, INT32_MAX) /* signer: how long the one before goes on; 0 = 7 days */   \
	F(S, STRS, evaluation_origins, 300) /* fetch: where policies may have people evaluated */         \
	F(S, STR, mail_url, 512)       /* fetch: smtp(s)://host[:port], "" = no mail */                   \
	F(S, STR, mail_from, 254) F(S, STR, mail_user, 254)                                               \
	F(S, I64, people_ms, 400000000000) /* judge: retention.people; 0 = for ever */                    \
	F(S, I64, handshake_ms, 600000)                                                                   \
	F(S, I64, head_ms, 600000) F(S, I64, body_ms, 600000) F(S, I64, drain_ms, 600000)
MSG_DECLARE(pr_start, PR_START)

/* Carries the listening descriptor. */
enum listener_kind { LISTEN_USERS, LISTEN_TUNNELS, LISTEN_METRICS };
#define PR_LISTENER(F, S) F(S, U32, kind, 2) F(S, STR, addr, 64)
MSG_DECLARE(pr_listener, PR_LISTENER)

/* Carries an opened file or folder. Names: signer "store" "journal", "node-key" or
   "node-passphrase"; judge "state" "audit" (folders), "country" (MMDB, at each reload
   again, left out when it is absent); fetch "vault-a" "vault-b" "mail-password";
   front "tls-chain:N" "tls-key:N"; session "recording". */
#define PR_FILE(F, S) F(S, STR, name, 64)
MSG_DECLARE(pr_file, PR_FILE)

/* Carries this role's end of a channel to its neighbour. front has one to judge per loop thread (index). */
#define PR_PEER(F, S) F(S, U32, role, ROLE_N - 1) F(S, U32, index, 63)
MSG_DECLARE(pr_peer, PR_PEER)

#define PR_EMPTY(F, S)
MSG_DECLARE(pr_go, PR_EMPTY)
MSG_DECLARE(pr_ready, PR_EMPTY)  /* role -> parent */
MSG_DECLARE(pr_reload, PR_EMPTY) /* SIGHUP: new pr_file descriptors for changed files were sent before it */
MSG_DECLARE(pr_drain, PR_EMPTY)  /* SIGTERM: stop accepting, end what is live within drain_ms, then exit 0 */
MSG_DECLARE(pr_ping, PR_EMPTY)   /* request, answered by pr_pong */
MSG_DECLARE(pr_pong, PR_EMPTY)

/* parent -> judge: a role went down or came up (for status, alarms, audit). */
#define PR_ROLE_STATE(F, S) F(S, U32, role, ROLE_N - 1) F(S, BOOL, up, 1) F(S, U32, restarts, 1000000000)
MSG_DECLARE(pr_role_state, PR_ROLE_STATE)
/* role -> parent, before exit: why it cannot go on. */
#define PR_FATAL(F, S) F(S, STR, why, 512)
MSG_DECLARE(pr_fatal, PR_FATAL)


/* --- SSH sessions that the edge takes part in: one process each (msg/session.h) ---------------------------------- */
/* judge -> parent (request): start one. user and host are tickets under which front gets the outer ends of its two
   pairs; record: it gets a recording, which is made under a name of the parent's own scheme. */
#define PR_SESSION_START(F, S)                                                                            \
	F(S, STR, session, 32) /* id, 32 hex */                                                           \
	F(S, U64, user, UINT64_MAX) F(S, U64, host, UINT64_MAX) F(S, BOOL, record, 1)
MSG_DECLARE(pr_session_start, PR_SESSION_START)
#define PR_SESSION_STARTED(F, S) F(S, U32, code, 9999) F(S, STR, why, 256) /* code 0 = done, else an sp_code */
MSG_DECLARE(pr_session_started, PR_SESSION_STARTED)
/* judge -> parent (request): another user's pair for one that lives; answered as above. */
#define PR_SESSION_ATTACH(F, S) F(S, STR, session, 32) F(S, U64, user, UINT64_MAX)
MSG_DECLARE(pr_session_attach, PR_SESSION_ATTACH)
#define PR_SESSION_ID(F, S) F(S, STR, session, 32)
MSG_DECLARE(pr_session_kill, PR_SESSION_ID) /* judge -> parent: it did not end when told to */
/* parent -> judge: carries judge's end of the control channel; before pr_session_started. */
MSG_DECLARE(pr_session_channel, PR_SESSION_ID)
/* parent -> judge: its process is gone. */
#define PR_SESSION_ENDED(F, S) F(S, STR, session, 32) F(S, STR, how, 64)
MSG_DECLARE(pr_session_ended, PR_SESSION_ENDED)
/* parent -> front (outer end) and parent -> session (inner end): carries one end of a pair. */
enum session_pair { PAIR_USER, PAIR_HOST };
#define PR_SESSION_PAIR(F, S) F(S, U32, pair, 1) F(S, U64, ticket, UINT64_MAX)
MSG_DECLARE(pr_session_pair, PR_SESSION_PAIR)

#endif
