/*
 * transfer: how a command that waits gets what somebody confirms in a browser (facts/cloudflared-wire.md d.4): a
 * throw-away key of this process, a link that carries its public half, a short code that both sides show, and the
 * edge's answer, boxed to that key.
 *
 * May block: transfer_wait, up to the deadline (SALLYPORT_LOGIN_TIMEOUT, 5m).
 */
#ifndef CLI_COMMON_TRANSFER_H
#define CLI_COMMON_TRANSFER_H

#include "cli/common/cli.h"
#include "core/json.h"
#include "core/url.h"
#include "crypto/seal.h"

struct transfer {
	struct box_key box;
	char pub64[48]; /* of the box key, URL-safe with padding: also its name at the edge */
};
int transfer_begin(struct transfer *t);
void transfer_release(struct transfer *t);
bool transfer_have_browser(void);
/* Prints the link and the code; opens the browser unless told not to, or there is none. */
void transfer_show(const struct transfer *t, const char *url, bool no_browser);
int64_t transfer_timeout(void); /* ms */
/* Polls until the answer is there: E_TIMEOUT (nothing printed), or another E_* with an error printed. ret_o: new
   reference;
   {"error": {code, message}} when it was refused. */
int transfer_wait(const struct cli *c, const struct transfer *t, const struct hostport *team, json_t **ret_o);

#endif
