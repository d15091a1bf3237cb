/*
 * http: one HTTPS request, awaited; for commands that do one thing after another. On net/http_client.
 *
 * Only https (a token never leaves over http); no redirects are followed; the body is bounded by CLI_BODY_MAX. Errors
 * are texts for people: which host, which step (name, TCP, TLS, HTTP). May block: yes, up to the deadline.
 */
#ifndef CLI_COMMON_HTTP_H
#define CLI_COMMON_HTTP_H

#include "cli/common/cli.h"
#include "core/json.h"
#include "core/secret.h"
#include "core/url.h"

#define CLI_BODY_MAX (8u << 20)

enum cli_step { STEP_NAME, STEP_TCP, STEP_TLS, STEP_HTTP }; /* where it failed, for doctor */
struct cli_response {
	unsigned status;
	struct buf body;
	struct {
		char *name, *value;
	} h[100]; /* names lower case */
	size_t nh;
	enum cli_step step;
	char why[256]; /* after a failure */
};
/* headers: "Name: value" lines, NULL ends; may be NULL. body NULL = none. E_* with ret->step and ret->why. */
int cli_http(const struct cli *c, const char *method, const char *url, const char *const *headers, const void *body,
             size_t n, int64_t deadline_ms, struct cli_response *ret);
const char *cli_response_header(const struct cli_response *r, const char *name); /* NULL when absent */
void cli_response_release(struct cli_response *r);

/* The API: base URL and token from the options, the environment or cert.pem (a 0600 file; its apiToken, accountID,
 * zoneID). */
struct cli_api {
	char base[512]; /* https://team/client/v4 */
	char account[64], zone[64];
	struct secret token;
};

int cli_api_open(const struct cli *c, struct cli_api *ret_a); /* prints why and returns E_* */
void cli_api_release(struct cli_api *a);
/* path: "/accounts/%A/access/apps" with %A account and %Z zone put in. Prints errors for people unless quiet.
 * ret_result: new reference. */
int cli_api_call(const struct cli *c, const struct cli_api *a, const char *method, const char *path, const json_t *body,
                 json_t **ret_result, json_t **ret_errors);

#endif
