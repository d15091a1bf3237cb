/*
 * judge: the brain's state: who is signed in, what may be reached, what is live. One thread, one loop, no socket.
 *
 * Everything hangs off one struct judge, made by main. Hot paths (a page, a WebSocket, a certificate, a registration)
 * read memory only; the store is touched by sign-ins, administration and revocation.
 */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include "core/map.h"
#include "core/secret.h"
#include "edge/judge/records.h"
#include "edge/judge/refusals.h"
#include "identity/jwks.h"
#include "identity/oidc.h"
#include "io/ipc.h"
#include "io/loop.h"
#include "msg/front_judge.h"
#include "msg/parent_role.h"

struct country;

#define JUDGE_FRONTS_MAX 64
#define SIGNER_MS 10000      /* a request to the signer; rsa and argon2id are slow */
#define SIGNER_QUICK_MS 5000 /* tokens and certificates: clients wait 7 to 10 s, and shall be told why */
#define FETCH_MS 15000
#define CF_SESSION_TTL 14400

struct req;
struct snapshot;
struct role_run;

struct front {
	struct judge *j;
	struct ipc *ipc;
	unsigned index, generation; /* of the channel: an answer for an older one goes nowhere */
	int waiting_fd;             /* channel that opens once the signer's keys are here; -1 = none */
	struct list reqs;
};

/* An audit record waits here for its fsync; see audit_glue.c. */
struct judge {
	struct loop *loop;
	struct role_run *run; /* NULL in tests */
	struct ipc *signer, *fetch;
	struct ipc *parent; /* for requests to it (sessions); NULL in tests */
	struct front front[JUDGE_FRONTS_MAX];
	/* pr_start */
	char team_host[254], issuer[301], account[33], zone[33], location[33], admin_email[255], store_where[1025],
	    local_idp[37];
	uint32_t team_port;
	bool running, keys_there;
	uint64_t ticks;
	int64_t people_ms; /* who did not sign in for so long is forgotten; 0 = never */
	int state_fd, audit_fd;
	char state_path[4096];
	char country_file[4097]; /* as configured, for log texts; "" = none */
	int country_fd;          /* given and not yet read; -1 = none */
	struct country *country; /* NULL = every address is of an unknown country */
	struct role_seen {
		bool up;
		uint32_t restarts;
	} roles[ROLE_N];

	struct store *store;
	struct loop_watch store_watch; /* news.c */
	bool store_away, stale;        /* the snapshot is behind the store */
	uint64_t unsure_seq;           /* intent of a change whose commit got no answer; 0 = none */
	struct audit_chain *audit;
	struct loop_defer audit_defer;
	struct refusals refusals;
	struct list followers; /* requests that wait for audit records (api_audit.c) */

	struct snapshot *snap;
	uint64_t epoch;
	struct jwks jwks;      /* the signer's token keys */
	struct jwks jwks_api;  /* and those that only API tokens may still be of */
	char *jwks_text;       /* what everybody may read */
	json_t *announcements; /* of token keys, each by the one before: for connectors (tunnel_config.h) */
	struct loop_timer jwks_timer, tick;

	struct map sessions;      /* id -> struct session */
	struct map persons;       /* id -> struct person */
	struct map by_email;      /* e-mail -> struct person that bars it (disabled) */
	struct map tickets;       /* ticket, 16 hex -> struct ticket */
	struct map http_seen;     /* session or address, and application -> time of the last record */
	struct map ssh_sessions;  /* id -> struct ssh_session */
	bool cuts_unsent;         /* some ticket's cut is still to be told */
	struct map links;         /* link, 16 hex -> struct tunnel_link */
	struct map tunnels;       /* tunnel id -> struct tunnel_live */
	struct map purposes;      /* "session app" -> struct purpose */
	struct map requests;      /* id -> struct access_request */
	uint64_t requests_epoch;  /* snapshot that they were held against last */
	struct map api_seen;      /* API token id -> struct api_seen */
	struct map transfers;     /* key -> struct transfer */
	struct list transfer_age; /* oldest first */
	unsigned once_puts[3];    /* rows put, by enum once_kind (once.c) */
	struct map discoveries;   /* provider id -> struct discovery */
	struct map proofs;        /* of service tokens' secrets (service.c) */
	struct list proof_age;
	struct map client_certs; /* verdicts on client certificates (client_cert.c) */
	struct list client_cert_age;
	struct map service_seen; /* service token's id -> struct service_seen */
	uint8_t proof_key[32];
	struct map watches;  /* session id -> struct watch (recheck.c) */
	struct list watched; /* those with live connections */
	struct list questions, recheck_waiting;
	size_t nquestions, nwaiting;
	struct map logout_keys; /* provider id -> when its keys were last fetched for a logout token */
	uint8_t csrf_key[32];
	uint8_t binding_key[32]; /* of CF_Binding; in the store */
	bool binding_there;
	size_t nreqs, nheld; /* requests in flight; transfers that are held */
	struct judge_counters {
		uint64_t requests, logins, logins_refused, allowed, denied, certs, certs_refused, relays, http, cuts,
		    bytes_up, bytes_down;
	} n;
};

/* --- state.c */
void judge_state_init(struct judge *j); /* empty tables; j->loop and the names are the caller's */
void judge_state_release(struct judge *j);
void judge_random_hex(char *out, size_t bytes); /* 2 * bytes + 1 */
int64_t judge_now(void);                        /* wall seconds */
/* --- main.c */
void judge_country_read(struct judge *j); /* what the parent gave, or that it gave nothing */
void judge_open_fronts(struct judge *j);  /* once tokens can be verified */

/* --- audit_glue.c. Fields that are NULL are taken from the request when there is one. */
struct audit_note {
	enum event_kind kind;
	const char *actor, *subject, *app, *domain, *session, *ip;
	int code;
	const char *why;
	uint64_t intent;
	const json_t *details;
};
/* Appended at once, on disk at the end of the loop's round; of a flood of refusals some (refusals.h). */
void judge_audit(struct judge *j, const struct req *r, const struct audit_note *n);
/* On disk before it returns. E_IO: the chain takes no more records, so nothing may be changed either. */
int judge_audit_now(struct judge *j, const struct req *r, const struct audit_note *n, uint64_t *ret_seq);
/* The usual end of a refused request: audited as access_denied, then answered. */
void judge_deny(struct req *r, const char *email, int code, const char *why);
/* The same without the answer: the caller gives another. */
void judge_refused(struct req *r, const char *email, int code, const char *why);
/* The outcome of a change that was left open by E_UNSURE, now that the store can be asked. */
int judge_audit_settle(struct judge *j);
void judge_audit_folded(struct judge *j, bool all); /* the rest of a flood, now that its minute is over */
int judge_audit_open(struct judge *j, struct reason *why);
void judge_audit_close(struct judge *j);

/* --- signer.c */
/* As ipc_request to the signer; when it is down fn is called with E_CLOSED before this returns. */
void signer_ask(struct judge *j, const struct msg_def *d, const void *m, const struct msg_def *reply, ipc_reply_fn *fn,
                void *arg);
void fetch_ask(struct judge *j, const struct msg_def *d, const void *m, const struct msg_def *reply, ipc_reply_fn *fn,
               void *arg);
void signer_keys_load(struct judge *j); /* js_jwks, again until it answers */
/* Code of a reply or of its absence: 0 = done. */
int signer_code(int err, uint32_t code);

#endif
