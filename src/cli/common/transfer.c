#include "cli/common/transfer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/common/http.h"
#include "core/clock.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/password.h"

#define LOGIN_TIMEOUT_MS 300000
#define TRANSFER_POLL_MS 70000 /* the edge holds a request for up to 55 s */
#define NET_RETRY_MS 1000      /* after a failed poll: the network may come back */

int
transfer_begin(struct transfer *t)
{
	box_key_generate(&t->box);
	return b64_encode_str(t->pub64, sizeof t->pub64, B64_URL_PAD, t->box.pub, sizeof t->box.pub);
}

void
transfer_release(struct transfer *t)
{
	box_key_release(&t->box);
}

bool
transfer_have_browser(void)
{
	return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") || getenv("BROWSER");
}

static void
open_browser(const char *url)
{
	const char *own = getenv("BROWSER"), *prog = own && *own ? own : "xdg-open";
	pid_t pid = fork();

	if (pid == 0) {
		int nul = open("/dev/null", O_RDWR);
		if (nul >= 0) {
			dup2(nul, 0);
			dup2(nul, 1);
			dup2(nul, 2);
		}
		if (fork() == 0) { /* not ours to wait for */
			execlp(prog, prog, url, (char *)NULL);
			_exit(127);
		}
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* XXXX-XXXX: what the confirmation page shows too, so that nobody confirms somebody else's login (security.md 36). */
static void
show_code(const struct transfer *t, char out[static 10])
{
	uint8_t h[SHA256_LEN];
	struct buf b;

	sha256(t->box.pub, sizeof t->box.pub, h);
	buf_init(&b, 128);
	if (base32_encode(&b, h, sizeof h) == 0)
		snprintf(out, 10, "%.4s-%.4s", (const char *)buf_ptr(&b), (const char *)buf_ptr(&b) + 4);
	buf_release(&b);
}

void
transfer_show(const struct transfer *t, const char *url, bool no_browser)
{
	bool browser = !no_browser && transfer_have_browser();
	char code[10] = "";

	show_code(t, code);
	fprintf(stderr, "%s\n\n%s\n\nThe page will show the code %s; confirm only if it is the same. Waiting...\n",
	        browser ? "A browser window should have opened at the following URL:"
	                : "Please open the following URL and sign in:",
	        url, code);
	if (browser)
		open_browser(url);
}

int64_t
transfer_timeout(void)
{
	const char *s = getenv("SALLYPORT_LOGIN_TIMEOUT");
	int64_t ms;

	return s && duration_parse(s, &ms) == 0 && ms > 0 ? ms : LOGIN_TIMEOUT_MS;
}

static int
unbox(const struct transfer *t, const struct cli_response *resp, struct buf *plain)
{
	const char *spk = cli_response_header(resp, "service-public-key");
	struct buf pub, boxed;
	int r = spk ? 0 : E_FORMAT;

	buf_init(&pub, 64);
	buf_init(&boxed, CLI_BODY_MAX);
	if (r == 0)
		r = b64_decode(&pub, B64_URL_PAD, spk, strlen(spk));
	if (r == 0 && buf_len(&pub) != 32)
		r = E_FORMAT;
	if (r == 0)
		r = b64_decode(&boxed, B64_STD, (const char *)buf_ptr(&resp->body), buf_len(&resp->body));
	if (r == 0)
		r = box_open(&t->box, buf_ptr(&pub), buf_slice(&boxed), plain);
	buf_release(&pub);
	buf_release(&boxed);
	return r;
}

static int
take(const struct transfer *t, const struct hostport *team, const struct cli_response *resp, json_t **ret_o)
{
	struct buf plain;

	buf_init_secret(&plain, CLI_BODY_MAX);
	int r = unbox(t, resp, &plain);
	if (r == 0)
		r = json_load_strict(buf_ptr(&plain), buf_len(&plain), CLI_BODY_MAX, ret_o);
	if (r < 0)
		cli_fail(SP_CLIENT_PROTOCOL, "%s sent a login that this client cannot open", team->host);
	buf_release(&plain);
	return r;
}

int
transfer_wait(const struct cli *c, const struct transfer *t, const struct hostport *team, json_t **ret_o)
{
	static const char *const headers[] = {"User-Agent: sallyport/" SALLYPORT_VERSION, NULL};
	int64_t deadline = clock_mono_ms() + transfer_timeout();
	char at[300];
	int r = E_TIMEOUT;

	hostport_format(team, at, sizeof at);
	char *url = str_fmt("https://%s/cdn-cgi/access/transfer/%s", at, t->pub64);
	while (url && clock_mono_ms() < deadline) {
		struct cli_response resp = {0};
		int64_t left = deadline - clock_mono_ms();
		int e =
		    cli_http(c, "GET", url, headers, NULL, 0, left < TRANSFER_POLL_MS ? left : TRANSFER_POLL_MS, &resp);
		if (e == 0 && resp.status == 200) {
			r = take(t, team, &resp, ret_o);
			cli_response_release(&resp);
			break;
		}
		if (e < 0 || resp.status != 404)
			poll(NULL, 0, NET_RETRY_MS);
		cli_response_release(&resp);
	}
	free(url);
	return r;
}
