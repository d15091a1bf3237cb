/*
 * signer: the process that holds the keys. It has no socket and no path; it believes evidence, not judge.
 *
 * One loop thread owns everything; worker.c's thread only computes password hashes. An answer that rests on a journal
 * line is held until the line is durable: signer_reply sees to it, so a handler appends, then replies. Handlers are
 * rows of signer_table.c, each a small wrapper around a function that returns 0 or E_* with a reason. May block:
 * fdatasync of keystore and journal.
 */
#ifndef EDGE_SIGNER_SIGNER_H
#define EDGE_SIGNER_SIGNER_H

#include "core/arena.h"
#include "edge/signer/journal.h"
#include "edge/signer/keyring.h"
#include "edge/signer/keys.h"
#include "edge/signer/rate.h"
#include "edge/signer/worker.h"
#include "edge/signer/recent.h"
#include "identity/oidc.h"
#include "identity/token.h"
#include "io/ipc.h"
#include "msg/judge_signer.h"

/* Limits of the signer's own. */
#define SIGNER_SERIALS_MAX 262144u /* remembered for uniqueness, on top of 56 random bits */
#define SIGNER_KEYS_MAX 65536u     /* user keys remembered with their identity */
#define SIGNER_HELD_MAX 4096u      /* answers that wait for one fdatasync */
#define SIGNER_CLOCK_SLACK 60      /* seconds that the clock may be behind the journal */
#define SIGNER_BACKDATE 10         /* seconds that valid_after lies back, for hosts whose clock is behind */
#define SIGNER_TTL_MIN 1           /* seconds, of org and app tokens */
#define SIGNER_TTL_MAX 2678400
#define SIGNER_DOMAINS_MAX 64
#define SIGNER_OWNERS_MAX 64
#define SIGNER_LOGOUTS_MAX 16384u /* jti of logout tokens remembered while they could be sent again */
#define SIGNER_GROUPS_MAX TOKEN_LIST_MAX

struct held;
struct facts;
struct signer {
	struct loop *loop;
	struct ipc *judge, *fetch;
	uint32_t judge_gen;     /* answers of an earlier judge are dropped */
	int judge_fd, fetch_fd; /* given before go */
	char issuer[301], team_host[254];
	unsigned edge_no;
	int store_fd, journal_fd;
	char account[33];
	uint8_t node_key[32];
	uint8_t fetch_key[32]; /* derived: fetch seals under it */
	bool have_key;
	bool dead; /* the journal failed: nothing leaves any more */

	struct keystore ks;
	struct journal jn;
	struct worker worker;
	struct held *held, **held_end;
	size_t nheld;
	struct loop_defer commit;
	void (*fatal)(void *arg, const char *why);
	void *fatal_arg;

	struct keyring ring; /* token keys */
	struct loop_timer turn;
	struct map cas; /* aud -> struct ca */
	struct map providers;
	struct map pins;  /* browser -> the one-time code that was mailed for it */
	struct map facts; /* provider and nonce -> what fetch brought */
	struct key *tls_key;
	char *tls_pem;

	struct recent serials, user_keys, logouts;
	struct rate pin_mails, pin_mails_ip, pin_tries, pin_tries_ip;
	struct rate service_wrong, service_mint, login_account, login_ip, setup_tries, cert_person, cert_ca, cert_all,
	    leafs;
	uint64_t ncerts;
};

/* --- signer.c */
int signer_load(struct signer *s, struct reason *r); /* files and keys; ks.seq == 0 means: never initialised */
void signer_release(struct signer *s);
int64_t signer_now(void); /* wall seconds */
/* Answers judge's request id of generation gen; waits for the journal when there is something to wait for. */
void signer_reply(struct signer *s, uint32_t gen, uint32_t id, const struct msg_def *d, const void *m);
void signer_held_drop(struct signer *s);
int signer_commit(struct signer *s); /* now */
void signer_commit_soon(struct signer *s);
/* e and reason into code and why of a reply. */
void signer_result(int e, const struct reason *r, uint32_t *ret_code, const char **ret_why);
/* The end of most requests: one log line, then js_done or js_text (text is used when e is 0). */
void signer_done(struct signer *s, uint32_t id, const char *verb, const char *key, const char *val, int e,
                 const struct reason *r);
void signer_text(struct signer *s, uint32_t id, int e, const struct reason *r, struct buf *text);
/* One journal line of text fields: pairs of key and value, NULL ends. */
int signer_note(struct signer *s, struct reason *r, const char *event, ...) __attribute__((sentinel));
/* Refuses when the clock cannot be right: before 2024, or behind the journal. */
int signer_clock_check(const struct signer *s, int64_t now, struct reason *r);
void signer_log(const char *verb, const struct reason *r, int e, const char *key, const char *val);

/* --- tokens.c */
int tokens_load(struct signer *s, struct reason *r);
int tokens_make_key(struct signer *s, struct reason *r); /* a new signing key */
void tokens_turn(void *s);                               /* begins the watch over their age */
int tokens_mint(struct signer *s, const struct token *t, struct buf *out, struct reason *r);
int tokens_mint_api(struct signer *s, const char *name, const char *const *scopes, size_t n, int64_t ttl,
                    const char *by, struct buf *out, struct reason *r);
bool tokens_session_ok(const char *session);
int tokens_ttl_check(int64_t ttl, struct reason *r);

/* --- evidence.c: what is verified before anything is done. The token is released by the caller. */
int evidence_org(struct signer *s, const char *text, struct token *ret_t, struct reason *r);
int evidence_app(struct signer *s, const char *text, const char *aud, struct token *ret_t, struct reason *r);
/* An API token of ours that the keystore knows, with this scope. */
int evidence_admin(struct signer *s, const char *text, const char *scope, struct token *ret_t, struct reason *r);
bool aud_ok(const char *aud); /* 64 hex digits */
/* What every deletion is: the scope, the record (missing: code `absent`), a journal line about `name`. */
struct admin_delete {
	const char *token, *scope, *event, *name;
	enum ks_kind kind;
	const char *key;
	int absent;
};
int evidence_delete(struct signer *s, const struct admin_delete *d, struct reason *r);

/* --- providers.c */
enum provider_type { PROVIDER_LOCAL, PROVIDER_OIDC, PROVIDER_GITHUB, PROVIDER_PIN };
struct provider {
	char id[37], type[32], issuer[301], client_id[256], email_claim[64];
	char hosted_domain[254]; /* claim hd must be it; "" = any */
	enum provider_type kind;
	unsigned algs;
	bool trust_email;
	bool asks_groups;                  /* a list comes beside the ID token, or its groups are unknown */
	int64_t max_age;                   /* seconds; 0 = any */
	char *domains[SIGNER_DOMAINS_MAX]; /* authoritative for these; lower case */
	size_t ndomains;
	struct jwks jwks;
};
int providers_load(struct signer *s, struct reason *r);
int provider_store(struct signer *s, const char *id, struct slice record, const char *actor, struct reason *r);
const struct provider *provider_get(const struct signer *s, const char *id);
const struct provider *provider_by_issuer(const struct signer *s, const char *issuer);
bool provider_rules(const struct provider *p, const char *email); /* authoritative for its domain */
void providers_send_all(struct signer *s);                        /* and the key that fetch seals under, first */
bool provider_is_ours(const struct provider *p);                  /* the signer itself is who vouches */

/* What both ways of signing in with OIDC check alike; more is the caller's to set. E_NOENT: no such provider. */
int provider_oidc_check(struct signer *s, const char *idp, const struct provider **ret_p, struct oidc_check *ret_c,
                        struct reason *r);
/* Groups that come beside the ID token, under this key, in place of its own; the texts stay f's, which the caller
   releases. */
void groups_asked(struct signer *s, const struct provider *p, const char *key, struct facts *f,
                  struct oidc_identity *i);
/* Who it is, as judge is told; texts borrow from i, sub and claims. */
void login_done_fill(struct js_login_done *a, const struct provider *p, const struct oidc_identity *i, const char *sub,
                     struct buf *claims);

/* --- facts.c */
void facts_init(struct signer *s);
/* Who it is, as judge is told, where facts are all there is; texts borrow from f, sub and claims. */
void facts_done_fill(struct js_login_done *a, const struct provider *p, const struct facts *f, const char *sub,
                     struct buf *claims);
/* Those of this login, once; ret_f is released by the caller. */
bool facts_take(struct signer *s, const char *idp, const char *nonce, struct facts *ret_f);

/* --- pins.c */
void pins_init(struct signer *s, uint64_t seed);
void pins_release(struct signer *s);

/* --- accounts.c */
struct account {
	char sub[37];
	char hash[PASSWORD_HASH_MAX];
	char totp[129];     /* base32; "" = none */
	uint64_t totp_step; /* last one used */
	const char *groups[SIGNER_GROUPS_MAX];
	size_t ngroups;
	char *store; /* owned: texts of groups */
};
int account_get(struct signer *s, const char *idp, const char *email, struct account *ret_a); /* E_NOENT */
int account_save(struct signer *s, const char *idp, const char *email, const struct account *a);
void account_release(struct account *a);
void account_new_sub(char out[static 37]);

/* --- principals.c */
struct principal_plan {
	char name[33];
	bool bound; /* it was in the table: reserved names are permitted */
	bool change;
	json_t *owners; /* the new list when change */
};
/* Who may have which name; changes nothing. wanted "" = the e-mail's prefix. */
int principal_plan(struct signer *s, const struct token *who, const char *wanted, struct principal_plan *ret_p,
                   struct reason *r);
int principal_commit(struct signer *s, struct principal_plan *p, const struct token *who, struct reason *r);
void principal_plan_release(struct principal_plan *p);

/* --- service.c */
#define SERVICE_ISS "service-token" /* in place of an issuer, where owners of names are written down */
bool service_id_ok(const char *client_id);
/* An app token of a service token, and the service token still standing with that secret. */
int evidence_service(struct signer *s, const char *text, const char *aud, struct token *ret_t, struct reason *r);

/* --- certs.c */
int certs_load(struct signer *s, struct reason *r);
void certs_seen(struct signer *s, const json_t *line); /* a journal line at start */

/* --- leaf.c, setup.c */
int leaf_load(struct signer *s, struct reason *r);
int leaf_make_ca(struct signer *s, struct reason *r);
int setup_make(struct signer *s, const char *email, const char *idp, int64_t ttl, char out_code[static 41],
               struct reason *r);

/* --- signer_table.c */
extern const struct ipc_ops signer_judge_ops, signer_fetch_ops;

/* Handlers, one a message. */
#define SIGNER_HANDLER(name) void name(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
SIGNER_HANDLER(on_js_ping);
SIGNER_HANDLER(on_js_jwks);
SIGNER_HANDLER(on_js_config_seal);
SIGNER_HANDLER(on_js_keys_get);
SIGNER_HANDLER(on_js_keys_put);
SIGNER_HANDLER(on_js_keys_rotate);
SIGNER_HANDLER(on_js_login_local);
SIGNER_HANDLER(on_js_login_oidc);
SIGNER_HANDLER(on_js_recheck);
SIGNER_HANDLER(on_js_logout_oidc);
SIGNER_HANDLER(on_js_app_token);
SIGNER_HANDLER(on_js_ca_create);
SIGNER_HANDLER(on_js_ca_get);
SIGNER_HANDLER(on_js_ca_delete);
SIGNER_HANDLER(on_js_cert_sign);
SIGNER_HANDLER(on_js_principals);
SIGNER_HANDLER(on_js_principal_bind);
SIGNER_HANDLER(on_js_principal_release);
SIGNER_HANDLER(on_js_provider_put);
SIGNER_HANDLER(on_js_provider_delete);
SIGNER_HANDLER(on_js_account_put);
SIGNER_HANDLER(on_js_account_delete);
SIGNER_HANDLER(on_js_setup_begin);
SIGNER_HANDLER(on_js_setup_finish);
SIGNER_HANDLER(on_js_api_mint);
SIGNER_HANDLER(on_js_tunnel_token);
SIGNER_HANDLER(on_js_api_tokens);
SIGNER_HANDLER(on_js_api_revoke);
SIGNER_HANDLER(on_js_leaf);
SIGNER_HANDLER(on_js_service_put);
SIGNER_HANDLER(on_js_service_delete);
SIGNER_HANDLER(on_js_service_token);
SIGNER_HANDLER(on_sf_jwks);
SIGNER_HANDLER(on_sf_facts);
SIGNER_HANDLER(on_js_login_facts);
SIGNER_HANDLER(on_js_pin_begin);
SIGNER_HANDLER(on_js_pin_check);
SIGNER_HANDLER(on_js_evaluate);

#endif
