/*
 * signer_kit: the real signer as a child, with the test as its parent, judge and fetch. Requests are made one at a time
 * and answered into memory of the kit that lives until the next request.
 */
#ifndef TEST_SIGNER_KIT_H
#define TEST_SIGNER_KIT_H

#include <sys/types.h>

#include "core/arena.h"
#include "io/ipc.h"
#include "msg/fetch.h"
#include "msg/judge_signer.h"
#include "msg/signer_init.h"

#define KIT_ISSUER "https://team.localhost:8443"
#define KIT_IDP "11111111-2222-4333-8444-555555555555"
#define KIT_ADMIN "boss@example.test"
#define KIT_AUD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KIT_AUD2 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct kit {
	char dir[64];
	pid_t pid;
	struct loop *loop;
	struct ipc *parent, *judge, *fetch;
	int judge_raw; /* instead of judge, when raw */
	bool raw, ready, gone, judge_gone;
	char fatal[512];
	char *admin_token, *cert_token;
	char setup_code[64];
	char *tls_ca;
	struct arena arena;
	/* the last sf_provider */
	char provider_id[40];
	char provider_record[4096];
	/* the last sf_mail */
	char mail_to[255], mail_pin[17];
	uint8_t fetch_key[32]; /* as the signer gave it */
	/* a request under way */
	const struct msg_def *reply_def;
	void *reply;
	int err;
	bool done;
};

void kit_new(struct kit *k);             /* files and --init; fails the test when that fails */
bool kit_start(struct kit *k);           /* false: it said why in fatal */
void kit_stop(struct kit *k);            /* drains and reaps */
void kit_kill(struct kit *k);            /* SIGKILL and reaps */
void kit_free(struct kit *k);            /* stops it and removes the folder */
void kit_judge(struct kit *k, bool raw); /* a new channel for judge; raw: judge_raw is a descriptor of the test's */
bool kit_alive(struct kit *k);
int kit_ask(struct kit *k, const struct msg_def *d, const void *m, const struct msg_def *reply, void *ret);
void kit_path(const struct kit *k, const char *name, char out[static 128]);
char *kit_read(const struct kit *k, const char *name, size_t *ret_n); /* malloc'ed, NUL after it */
void kit_write(const struct kit *k, const char *name, const void *p, size_t n);

/* The PKCS#8 inside a record of the keyring: form, time, "private", length. */
static inline struct slice
kit_token_der(struct slice rec)
{
	return (struct slice){rec.p + 14, rec.n - 14};
}

/* Frequent requests. They return the reply's code. */
int kit_account(struct kit *k, const char *email, const char *password, const char *totp);
int kit_login(struct kit *k, const char *email, const char *password, const char *code, struct js_login_done *ret);
char *kit_org(struct kit *k, const char *email, const char *password);           /* org token, malloc'ed */
char *kit_app(struct kit *k, const char *org, const char *aud, const char *cnf); /* app token or NULL, malloc'ed */
int kit_sign(struct kit *k, const char *app, const char *aud, const char *key, const char *principal,
             struct js_cert_is *ret);
struct kit_key {
	char line[256];
	char cnf[44];
};
void kit_key(struct kit_key *ret); /* a fresh Ed25519 user key */

#endif
