/*
 * edge_conf: sallyportd.yml, as a struct. Parse into a new one, validate whole, then use: errors are one line with
 * file:line. Owner: edge_conf_free. May block: edge_conf_load reads files.
 */
#ifndef EDGE_PARENT_EDGE_CONF_H
#define EDGE_PARENT_EDGE_CONF_H

#include "core/conf.h"
#include "core/err.h"
#include "core/log.h"
#include "core/url.h"

#define EDGE_CERTS_MAX 16
#define EDGE_LIST_MAX 256
#define EDGE_HOOK_MAX 32 /* words of a command */

struct edge_conf {
	int passphrase_fd; /* of a memory file that holds the node passphrase; -1 = a key is used (not from the file) */
	char dir[4096];
	struct hostport team; /* as users reach it; port always set */
	char listen[64], tunnel_listen[64], metrics_listen[64];
	char store[1024];
	char account[33], zone[33];
	char admin[255];
	char local_idp[37];
	uint32_t threads;      /* 0 = one a core */
	uint32_t sessions_max; /* processes of SSH sessions at once */
	uint32_t edge_no;
	enum log_level log_level;
	char log_level_text[8];
	struct {
		char *cert, *key;
	} certs[EDGE_CERTS_MAX];
	size_t ncerts;
	char *acme_hook[EDGE_HOOK_MAX + 1]; /* command and arguments; first NULL = none */
	char *trusted_proxies[EDGE_LIST_MAX + 1], *allow_private[EDGE_LIST_MAX + 1];
	bool proxy_protocol; /* connections of trusted_proxies begin with a PROXY header */
	bool forwarded;      /* they say Forwarded, not X-Forwarded-For */
	bool no_hsts;
	char *evaluation_origins[EDGE_LIST_MAX + 1];
	char ca_file[4096];
	char country_file[4096]; /* geo: {database}; "" = none */
	struct {
		char url[512], from[255], user[255];
		char *password_file;
	} mail;                       /* url "" = none */
	uint32_t uid_first, uid_last; /* role_uids: used when started by root and no _sallyport-<role> exists */
	int64_t token_rotate_ms, token_overlap_ms; /* 0 = the signer's own defaults */
	int64_t handshake_ms, head_ms, body_ms, drain_ms;
	int64_t people_ms; /* retention: who did not sign in for so long is forgotten; 0 = never */
};

/* The text of a sallyportd.yml; file is its name in errors. */
int edge_conf_parse(const char *dir, const char *file, const void *p, size_t n, struct edge_conf **ret_c,
                    struct conf_error *err);
/* DIR/sallyportd.yml. */
int edge_conf_load(const char *dir, struct edge_conf **ret_c, struct conf_error *err);
void edge_conf_free(struct edge_conf *c);
bool edge_conf_store_ok(const char *s);                                /* "sqlite" or a postgres URL */
void edge_conf_issuer(const struct edge_conf *c, char *out, size_t n); /* https://team[:port] */

#endif
