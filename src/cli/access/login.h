/*
 * login: from nothing to a token. The client makes its SSH key first; the link that the browser opens carries the key's
 * SHA-256, so that the token is good for this key alone; the edge sends the tokens back boxed to a key of this process
 * (facts/cloudflared-wire.md d.4).
 *
 * One login a host at a time: whoever comes second waits for the first and uses what it got, or fails with it. May
 * block: yes, up to SALLYPORT_LOGIN_TIMEOUT (5m).
 */
#ifndef CLI_ACCESS_LOGIN_H
#define CLI_ACCESS_LOGIN_H

#include "cli/access/app.h"

struct login_options {
	bool no_browser;              /* print the link only */
	bool explicit_;               /* `access login`: asked for by a person; SALLYPORT_NO_LOGIN does not apply */
	const struct secret *refused; /* the edge refused this token: get another; NULL = none was */
};
/* A usable token: the stored one, or one from a login. Prints errors. */
int login_token(const struct cli *c, struct app *a, const struct login_options *o, struct secret *ret_token);

/*
 * ssh runs ssh-gen (Match exec) and then ProxyCommand, whatever the first one's exit. Whoever fails to sign in there
 * notes it for the ssh that started it; the ProxyCommand of the same ssh then ends without asking, and saying,
 * everything twice.
 */
void login_failed_note(const struct cli *c, const struct app *a);
bool login_failed_before(const struct cli *c, const struct app *a);

#endif
