/*
 * front <-> judge: one channel per loop thread of front. Requests come from front (it is the less trusted side: judge
 * re-checks every field); orders come from judge. No raw bytes of sessions, no paths, no SQL.
 */
#ifndef MSG_FRONT_JUDGE_H
#define MSG_FRONT_JUDGE_H

#include "msg/msg.h"

/* the tool never settles on a layout for field lists */
/* clang-format off */

#define FJ_BODY_MAX (1u << 20)

/* One parsed HTTP request on the users' listener. Header names are lower case; names and values alternate. */
#define FJ_REQUEST(F, S)                                                      \
	F(S, STR, method, 16)                                                 \
	F(S, STR, host, 253)    /* of Host, lower case, without port */       \
	F(S, U32, port, 65535)  /* of Host; 0 when none was given */          \
	F(S, STR, target, 8192) /* origin form: path and query as received */ \
	F(S, STR, client_ip, 64)                                              \
	F(S, BOOL, websocket, 1) /* a well-formed RFC 6455 upgrade */         \
	F(S, STRS, headers, 16384)                                            \
	F(S, DATA, body, FJ_BODY_MAX)                                         \
	F(S, DATA, cert, 16384) /* client's certificate and what came with it, DER; only when the SNI was this host */
MSG_DECLARE(fj_request, FJ_REQUEST)

/* Judge's answer. RESPOND: front writes the response (adds content-length, date, connection). RELAY: front opens a
   stream on a live link of the tunnel with these headers and moves bytes until either side ends, the ticket is cut, or
   `until`. HTTP: the same for one plain request: its method and body follow the head, the answer goes back to the user,
   whose connection then serves the next request. SESSION: the user gets this 101, and its bytes go to the session process
   whose end of a pair the parent sends under the same ticket (either may come first). */
enum answer_action { ANSWER_RESPOND = 0, ANSWER_RELAY = 1, ANSWER_HTTP = 2, ANSWER_SESSION = 3 };
#define FJ_ANSWER(F, S)                                                                           \
	F(S, U32, action, 3)                                                                      \
	F(S, U32, status, 599)                                                                    \
	F(S, STRS, headers, 16384) /* RESPOND: of the response. RELAY, HTTP: of the stream's request */ \
	F(S, DATA, body, FJ_BODY_MAX)                                                             \
	F(S, BOOL, close, 1)          /* RESPOND: close the connection after it */                \
	F(S, STR, tunnel, 36)         /* RELAY, HTTP: UUID */                                         \
	F(S, STR, authority, 300)     /* RELAY: :authority */                                     \
	F(S, STR, path, 8192)         /* RELAY: :path */                                          \
	F(S, U64, ticket, UINT64_MAX) /* RELAY: never 0 */                                        \
	F(S, STR, raw, 64)            /* RELAY: "address:port": the stream is raw TCP to there, front ends the WebSocket */ \
	F(S, I64, until, INT64_MAX)   /* RELAY: wall-clock seconds; 0 = no end but a cut */
MSG_DECLARE(fj_answer, FJ_ANSWER)

/* judge -> front: a session process wants its host: a stream of this tunnel with these headers, relayed to the end of a
   pair that the parent sends under this ticket. To the session front speaks as to any user: HTTP/1.1 101 or an error. */
#define FJ_HOST_STREAM(F, S)                                                                     \
	F(S, U64, ticket, UINT64_MAX) F(S, STR, tunnel, 36) F(S, STR, authority, 300)            \
	F(S, STR, path, 8192) F(S, STRS, headers, 16384) F(S, I64, until, INT64_MAX)
MSG_DECLARE(fj_host_stream, FJ_HOST_STREAM)

/* Tickets: a relayed connection's name between the two. */
#define FJ_TICKET_BEGAN(F, S) F(S, U64, ticket, UINT64_MAX)
MSG_DECLARE(fj_ticket_began, FJ_TICKET_BEGAN)
#define FJ_TICKET_ENDED(F, S)         \
	F(S, U64, ticket, UINT64_MAX) \
	F(S, U64, bytes_up, UINT64_MAX) F(S, U64, bytes_down, UINT64_MAX) F(S, STR, why, 128)
MSG_DECLARE(fj_ticket_ended,
            FJ_TICKET_ENDED) /* also when it could not begin: why says "no-tunnel", "origin-502", ... */
#define FJ_CUT(F, S) F(S, U64, ticket, UINT64_MAX) F(S, STR, why, 128)
MSG_DECLARE(fj_cut, FJ_CUT) /* judge -> front, sent on every channel; unknown tickets are ignored */

/* A connector registers (request). link is front's own number for the connection, unique per front process. */
#define FJ_REGISTER(F, S)                                                                                     \
	F(S, U64, link, UINT64_MAX)                                                                           \
	F(S, STR, account, 64)                                                                                \
	F(S, STR, tunnel, 36)                                                                                 \
	F(S, SECRET, secret, 256)                                                                             \
	F(S, U32, index, 255) F(S, STR, client_id, 36) F(S, STR, version, 64) F(S, STR, arch, 64)             \
	    F(S, STRS, features, 64) F(S, STR, address, 64) F(S, STR, origin_ip, 64) F(S, U32, attempts, 255) \
	        F(S, BOOL, replace, 1)
MSG_DECLARE(fj_register, FJ_REGISTER)
#define FJ_REGISTERED(F, S)                                                         \
	F(S, STR, cause, 128) /* "" = accepted; else the ConnectionError's cause */ \
	F(S, BOOL, retry, 1)                                                        \
	F(S, STR, conn_id, 36)                                                      \
	F(S, STR, location, 32)                                                     \
	F(S, BOOL, remote, 1) F(S, U32, version, INT32_MAX) F(S, STR, config, 1048576) /* pushed when there is one */
MSG_DECLARE(fj_registered, FJ_REGISTERED)
#define FJ_LINK(F, S) F(S, U64, link, UINT64_MAX) F(S, STR, why, 128)
MSG_DECLARE(fj_link_down, FJ_LINK)
MSG_DECLARE(fj_link_leaving, FJ_LINK) /* it asked to unregister: no new streams */
#define FJ_LINK_CONFIG(F, S) F(S, U64, link, UINT64_MAX) F(S, U32, version, INT32_MAX) F(S, BOOL, ok, 1)
MSG_DECLARE(fj_link_config, FJ_LINK_CONFIG) /* the connector answered a push */
#define FJ_SOURCES_MAX 65536
/* sources: its member "sallyport.sources", the addresses from which the connector reaches its services; "" = none */
#define FJ_LOCAL_CONFIG(F, S) F(S, U64, link, UINT64_MAX) F(S, STR, config, 1048576) F(S, STR, sources, FJ_SOURCES_MAX)
MSG_DECLARE(fj_local_config, FJ_LOCAL_CONFIG)
/* judge -> front */
#define FJ_PUSH(F, S) F(S, U64, link, UINT64_MAX) F(S, STR, tunnel, 36) F(S, U32, version, INT32_MAX) F(S, STR, config, 1048576)
MSG_DECLARE(fj_push, FJ_PUSH) /* link 0 = every one of the tunnel */
#define FJ_UNLINK(F, S) \
	F(S, U64, link, UINT64_MAX) F(S, STR, tunnel, 36) F(S, STR, why, 128) /* link 0 = all of the tunnel */
MSG_DECLARE(fj_unlink, FJ_UNLINK)
#define FJ_PROBE(F, S) F(S, U64, link, UINT64_MAX)
MSG_DECLARE(fj_probe, FJ_PROBE) /* another claims the same place: close it unless its connector answers a PING soon */

/* A new channel to judge (it was restarted) begins with what lives on this thread: links that were registered before,
   and tickets. The links' secrets were checked by the judge that registered them and are not kept. */
#define FJ_LINK_UP(F, S)                                                                           \
	F(S, U64, link, UINT64_MAX)                                                                \
	F(S, STR, tunnel, 36)                                                                      \
	F(S, STR, client_id, 36)                                                                   \
	F(S, U32, index, 255)                                                                      \
	F(S, STR, version, 64) F(S, STR, arch, 64) F(S, STR, conn_id, 36) F(S, STR, address, 64)   \
	    F(S, BOOL, leaving, 1) F(S, I64, since, INT64_MAX) /* wall-clock seconds */            \
	    F(S, U32, config, INT32_MAX) /* version of the configuration it last took; 0 = none */ \
	    F(S, STR, origin_ip, 64)     /* as it registered */                                    \
	    F(S, STR, sources, FJ_SOURCES_MAX) /* as it last reported: FJ_LOCAL_CONFIG */
MSG_DECLARE(fj_link_up, FJ_LINK_UP)
#define FJ_TICKET_LIVE(F, S)                                    \
	F(S, U64, ticket, UINT64_MAX)                           \
	F(S, STR, tunnel, 36)                                   \
	F(S, STR, authority, 300)                               \
	F(S, STR, path, 8192)                                   \
	F(S, BOOL, http, 1) /* an HTTP request under way */     \
	F(S, BOOL, session, 1) /* one side of a session process */ \
	F(S, STR, client_ip, 64)                                \
	F(S, I64, since, INT64_MAX) F(S, I64, until, INT64_MAX) \
	    F(S, STR, assertion, 16384) /* cf-access-jwt-assertion of its RELAY: whose session it is */ \
	    F(S, STR, destination, 300) /* cf-access-jump-destination of it, "" = none */ \
	    F(S, DATA, cert, 16384)     /* as in fj_request */
MSG_DECLARE(fj_ticket_live, FJ_TICKET_LIVE)

/* The edge's own certificates: front makes their key, the signer's private CA signs leaves over the configured names,
   some 100 names each. Asked page by page, from 0, until there are no more. */
#define FJ_LEAVES_MAX 512
#define FJ_LEAF(F, S)                                                                            \
	F(S, DATA, spki, 1024) F(S, U32, page, FJ_LEAVES_MAX - 1)                                \
	F(S, STR, have, 64) /* names of the last answer for this page; "" = sign in any case */
MSG_DECLARE(fj_leaf, FJ_LEAF) /* request */
#define FJ_LEAF_CHAIN(F, S)                                                                      \
	F(S, STR, chain, 262144) /* PEM; "" = what front has still stands, or the page is empty */ \
	F(S, STR, names, 64)     /* their digest */                                              \
	F(S, U32, pages, FJ_LEAVES_MAX) /* how many there are; 0 = not now */
MSG_DECLARE(fj_leaf_chain, FJ_LEAF_CHAIN)
#define FJ_EMPTY(F, S)
MSG_DECLARE(fj_names_changed, FJ_EMPTY) /* judge -> front: ask for leaves again */

/* judge -> front, on thread 0's channel: host name, PEM of its clients' authorities, ... The whole set. */
#define FJ_CLIENTS(F, S) F(S, STRS, v, 65536)
MSG_DECLARE(fj_clients, FJ_CLIENTS)

/* For /readyz and /metrics (request). */
MSG_DECLARE(fj_status, FJ_EMPTY)
#define FJ_STATUS_IS(F, S) F(S, BOOL, ready, 1) F(S, STR, roles, 1024) F(S, STR, metrics, 262144)
MSG_DECLARE(fj_status_is, FJ_STATUS_IS)

/* clang-format on */

#endif
