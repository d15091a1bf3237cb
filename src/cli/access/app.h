/*
 * app: an application as the client knows it, and the files of the client's home that belong to it.
 *
 *   <A>-<aud>-token     app token, 0600           <T>-org-token      org token, 0600
 *   <A>-cf_key          private key, 0600         <A>-cf_key.pub     <A>-cf_key-cert.pub
 *   <A>.app             what was discovered: audience tag and team host, pinned: a host that later names another team
 * is refused <A>.lock            held while somebody signs in A is the application's host name, T the team's, both
 * without port. May block: yes.
 */
#ifndef CLI_ACCESS_APP_H
#define CLI_ACCESS_APP_H

#include "cli/common/http.h"

struct app {
	struct hostport at; /* port as typed, 443 when none */
	char name[300];     /* as messages show it: "host" or "host:port" */
	char aud[65];
	char refusal[16]; /* "SP-1203": why nobody from here is let in; "" otherwise */
	struct hostport team;
};

/* "host", "host:port" or an https URL. Prints why when it cannot be used. */
int app_parse(const char *text, struct app *ret_a);
/* From the file of an earlier discovery alone; E_NOENT and silent without one. */
int app_cached(const struct cli *c, struct app *a);
/* By a HEAD request (facts/cloudflared-wire.md d.2), remembered. Prints errors. */
int app_discover(const struct cli *c, struct app *a);
/* Remembers a's team and audience, which the application itself named; E_DENIED when another team was pinned. */
int app_pin(const struct cli *c, const struct app *a);

int app_file(const struct cli *c, const struct app *a, const char *suffix, char *out, size_t n); /* HOME/<A><suffix> */
int app_token_file(const struct cli *c, const struct app *a, char *out, size_t n);
/* The stored app token if it is unexpired (30 s) and belongs to the application; E_NOENT otherwise. */
int app_token_load(const struct cli *c, const struct app *a, struct secret *ret_token);
void app_token_drop(const struct cli *c, const struct app *a);
int app_store(const struct cli *c, const char *path, mode_t mode,
              struct slice data); /* 0600 or so, whole or not at all; prints errors */

/* Three parts of base64url and nothing else: what may go into a header, a file of curl's options and onto a terminal.
 */
bool token_ok(struct slice token);
/* One claim of a token as text, without verifying it: the client only reads its own. E_NOENT. */
int token_claim(struct slice token, const char *claim, char *out, size_t n);
int token_expiry(struct slice token, int64_t *ret_exp);

#define TOKEN_MAX 16384
#define APP_CACHE_MAX 65536
/* HOME/<A>.app: the team and the audience tag of an earlier discovery; E_FORMAT. */
int app_cache_parse(struct slice text, struct hostport *ret_team, char aud[static 65]);
/* The redirect to the team's login page says who guards the application and its audience tag. E_NOENT when it is
 * another answer; location may be NULL. */
int app_redirect_parse(unsigned status, const char *location, struct app *a);

#endif
