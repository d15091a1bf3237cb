/*
 * judge_kit: the real judge beside the real signer (signer_kit), with the test as front: it sends requests as front's
 * loop thread would and sees what front would be told. One request at a time unless said otherwise.
 */
#ifndef TEST_JUDGE_KIT_H
#define TEST_JUDGE_KIT_H

#include "core/json.h"
#include "msg/fetch.h"
#include "msg/front_judge.h"
#include "signer_kit.h"

#define JK_TEAM "team.localhost"
#define JK_ACCOUNT "0123456789abcdef0123456789abcdef"
#define JK_JAR 24
#define JK_ZONE "fedcba9876543210fedcba9876543210"
#define JK_API "/client/v4/accounts/" JK_ACCOUNT "/"

struct reply {
	int err;
	bool done;
	unsigned action, status;
	char *headers[80]; /* name, value */
	size_t nheaders;
	char *body;
	size_t nbody;
	char tunnel[40], authority[256], path[512];
	uint64_t ticket;
	int64_t until;
	json_t *json; /* of the body, when it is JSON */
	struct jk *k;
};

struct jk {
	struct kit s; /* the signer */
	char state[128], audit[128];
	pid_t pid;
	struct ipc *parent, *front, *fetch;    /* the test is fetch too */
	const char *discovery, *token_answer;  /* bodies that it answers with; NULL = an error */
	const char *jwks, *jwks_provider;      /* what it hands to the signer when asked to */
	const char *refresh_answer, *userinfo; /* likewise; userinfo NULL = the provider has none */
	const char *handle;                    /* under which it keeps a sign-in */
	bool refresh_gone, userinfo_gone, refresh_hangs;
	char forgotten[40], last_handle[40];
	int64_t keep_until;
	unsigned nfetched[8]; /* by kind */
	char last_code[256], last_verifier[128];
	bool ready, gone;
	char fatal[512];
	char jar[JK_JAR][2][4096]; /* cookies: "host name" -> value */
	char last_cut_why[128];
	uint64_t cuts[64];
	size_t ncuts;
	struct fj_push push;
	char push_tunnel[40], push_config[4096];
	uint32_t push_version;
	bool await_push;
	unsigned npush, nunlink;
	uint64_t probed;   /* link that judge asked front about */
	struct slice cert; /* shown with each request; borrowed */
	size_t nclients;   /* of the last fj_clients: how many names ask for certificates, and the first */
	char client_host[256];
};

void jk_new(struct jk *k); /* signer and judge, ready */
void jk_free(struct jk *k);
void jk_judge_restart(struct jk *k); /* killed and started again on the same state */
void jk_signer_again(struct jk *k);  /* a new channel between judge and signer; the old one ends */
void jk_front_again(struct jk *k);   /* a new channel in place of the old one */

/* headers: name, value, ..., NULL; may be NULL. The reply is the caller's: jk_reply_free. */
void jk_ask(struct jk *k, const char *method, const char *host, const char *target, const char *const *headers,
            const char *body, struct reply *ret);
/* The same as a browser: sends and keeps cookies of the jar, wants HTML. */
void jk_browse(struct jk *k, const char *method, const char *host, const char *target, const char *body,
               struct reply *ret);
void jk_websocket(struct jk *k, const char *host, const char *token, const char *destination, struct reply *ret);
/* The same with these headers; sec-websocket-key is among them. */
void jk_socket(struct jk *k, const char *host, const char *const *headers, struct reply *ret);
/* Until a configuration has come: it waits for the signer's seal. */
void jk_wait_push(struct jk *k);
/* Begins one and returns at once; jk_wait finishes it. */
void jk_begin(struct jk *k, const char *method, const char *host, const char *target, const char *const *headers,
              const char *body, struct reply *ret);
void jk_wait(struct jk *k, struct reply *r);
void jk_reply_free(struct reply *r);
const char *jk_header(const struct reply *r, const char *name); /* NULL when absent */

/* API with the administrator's token: the "result", borrowed from ret. */
json_t *jk_api(struct jk *k, const char *method, const char *path, const char *body, struct reply *ret);
/* The document applied; fails the test unless it was. */
void jk_apply(struct jk *k, const char *json);
/* Signs in through the pages; the cookie jar then has the team's cookie. Returns the status of the answer to the form.
 */
unsigned jk_sign_in(struct jk *k, const char *host, const char *email, const char *password);
char *jk_app_token(struct jk *k, const char *host); /* through the browser, malloc'ed; NULL when refused */
/* As a client of the signed-in browser gets it, for the key of that cnf; malloc'ed; NULL when refused. */
char *jk_client_token(struct jk *k, const char *host, const char *cnf);
const char *jk_cookie(struct jk *k, const char *host, const char *name);
void jk_cookies_clear(struct jk *k);
char *jk_between(const char *text, const char *from, const char *to); /* malloc'ed; fails the test when absent */

/* A connector registers; the reply's cause in cause (128), "" = accepted. */
void jk_register(struct jk *k, uint64_t link, const char *tunnel, struct slice secret, unsigned index,
                 char cause[static 128], char config[static 4096]);

/* A connector of the document's tunnel registers: again after each restart of the judge. */
void jk_connect(struct jk *k);

extern const char
    jk_document[]; /* provider "local", group staff, tunnel pool, applications ssh.localhost and jump.localhost */

#endif
