/*
 * fetch: every outbound connection of the edge, from a table of kinds. Addresses and secrets come from provider
 * records, and those come from the signer alone; judge names a provider and a kind. (architecture.md, Process
 * contracts.)
 *
 * Refresh tokens, and access tokens of sign-ins without one, never leave: judge knows them by a handle (vault.h).
 *
 * Limits: FETCH_JOBS_MAX jobs, GATHER_PAGES_MAX pages of a list, FETCH_BODY_MAX bytes an answer, FETCH_TIMEOUT_MS a
 * request, no redirects, https only except towards loopback issuers, private addresses only when listed (guard.h).
 */
#ifndef EDGE_FETCH_FETCH_H
#define EDGE_FETCH_FETCH_H

#include "core/json.h"
#include "core/map.h"
#include "core/secret.h"
#include "edge/fetch/guard.h"
#include "edge/fetch/vault.h"
#include "identity/oidc.h"
#include "io/ipc.h"
#include "msg/fetch.h"
#include "msg/parent_role.h"

#define FETCH_JOBS_MAX 256u
#define FETCH_BODY_MAX (256u << 10)
#define FETCH_TIMEOUT_MS 10000L
#define FETCH_PROVIDERS_MAX 1000u
#define GATHER_PAGES_MAX 5u /* a list that does not end */
#define FETCH_DISCOVERY_TTL_MS 3600000
#define FETCH_ORIGINS_MAX 64
#define FETCH_MAILS_MAX 256u /* under way at once; a mail server that hangs must not eat the memory */
#define FETCH_MAIL_MS 30000L
#define FETCH_SWEEP_MS 600000

struct provider {
	char id[37];
	json_t *record;                                 /* as the signer gave it, secret included */
	const char *issuer, *client_id, *client_secret; /* into record */
	struct oidc_provider doc;
	char *doc_json; /* what judge is told: the discovery document as received */
	int64_t doc_at; /* loop time of doc; 0 = none yet */
};

struct fetch {
	struct loop *loop;
	struct ipc *parent, *judge, *signer;
	struct map providers; /* id -> struct provider */
	struct guard guard;
	char ca_file[4096], team_host[254];
	struct {
		char url[512], from[255], user[255]; /* url "" = none configured */
		struct secret password;
		bool tls; /* else it may go without: the server is on loopback */
	} mail;
	unsigned mails;                   /* under way */
	char *origins[FETCH_ORIGINS_MAX]; /* where policies may have people evaluated */
	size_t norigins;
	unsigned jobs;
	bool draining;
	int vault_fd[2]; /* given before go */
	struct vault vault;
	struct loop_timer sweep;
};

/* provider.c */
int provider_put(struct fetch *f, const char *id, struct slice record);
struct provider *provider_get(struct fetch *f, const char *id);
void provider_drop(void *p);
/* The discovery document of a provider whose record names every address itself. Heap, or NULL: it has to be asked. */
char *provider_doc_own(const struct provider *p);
/* A document as received -> as used: addresses of the record stand before its own. Heap, or NULL. */
char *provider_doc_merge(const struct provider *p, struct slice body);

/* mail.c: one-time codes by mail; what fails is logged, nobody waits */
int mail_start(struct fetch *f, const struct pr_start *m, struct reason *why);
void mail_send(struct fetch *f, const struct sf_mail *m);
void mail_asked(struct fetch *f, const struct jh_asked *m); /* to an approver */

/* evaluate.c */
int evaluate_origins(struct fetch *f, const struct strs *list, struct reason *why);
void evaluate_start(struct fetch *f, uint32_t id, const struct sf_evaluate *m);

/* job.c: one request of judge, from its first byte to its answer */
struct job {
	struct fetch *f;
	uint32_t id;
	enum fetch_kind kind;
	char provider[37], handle[33]; /* handle: what is asked with, or what was kept */
	int64_t keep_until;
	char *code, *verifier, *redirect_uri, *access_token;
	bool gone, spent, lost, kept;
};
void job_start(struct fetch *f, uint32_t id, const struct jh_fetch *m);
/* Each answers judge and frees the job. code 0 or an sp_code. */
void job_end(struct job *j, unsigned code, unsigned status, const char *why, const char *body);
void job_fail(struct job *j, const char *why);

/* gather.c: what a provider's API says about somebody, told to the signer before judge has its answer. Each ends the
   job in every case. */
void gather_github(struct job *j, struct provider *p); /* code -> access token -> user, address, organizations, teams */
/* The same again with an access token that is kept; the facts are told under the job's handle. */
void gather_github_again(struct job *j, const char *access);
/* Does this provider list groups beside its ID token? */
bool gather_wanted(const struct provider *p);
/* body: the token endpoint's answer, given to judge at the end (without the refresh token). */
void gather_groups(struct job *j, struct provider *p, unsigned status, struct slice body);
void job_give_json(struct job *j, unsigned status, struct slice body);

/* refresh.c: asking again with what is kept */
/* Keeps what a token answer brought; takes refresh_token out of it, and on a refresh everything but id_token. */
void refresh_take(struct job *j, const struct provider *p, json_t *answer);
/* Keeps the one token of a sign-in whose provider gives no other. */
void refresh_keep_access(struct job *j, const char *access);
/* What an answer that is no good says about the sign-in: sets gone, spent or lost. err as of http_done_fn. */
void refresh_judge(struct job *j, int err, long status, struct slice body);
/* An access token is kept as long as its session may live. */
void refresh_extend(struct job *j);
/* The entry of a REFRESH or USERINFO by handle; NULL: the job was ended. */
struct vault_entry *refresh_entry(struct job *j);
void refresh_sweep(void *fetch); /* a timer's: forgets what has run out */

#endif
