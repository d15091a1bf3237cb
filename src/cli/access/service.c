#include "cli/access/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/access/client_key.h"
#include "core/clock.h"
#include "core/str.h"
#include "io/file.h"
#include "ssh/sshkey.h"

#define EXCHANGE_MS 10000
#define TOKEN_LEFT_SEC 60 /* a token about to end is not worth a certificate request */
#define SERVICE_TEXT_MAX 200

static bool
plain(const char *s)
{
	size_t n = strlen(s);

	return n && n <= SERVICE_TEXT_MAX &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

int
service_check(const struct service *s)
{
	if (!s->id != !s->secret)
		return cli_fail(SP_CLIENT_USAGE, "--service-token-id and --service-token-secret go together"), E_FORMAT;
	if (s->id && (!plain(s->id) || !plain(s->secret)))
		return cli_fail(SP_CLIENT_USAGE, "the service token's id or secret has a character that none has"),
		       E_FORMAT;
	return 0;
}

/* --- the exchange ------------------------------------------------------------------------------------------------ */

static int
refused(const struct app *a, const struct cli_response *resp)
{
	json_t *o = NULL;

	if (json_load_strict(buf_ptr(&resp->body), buf_len(&resp->body), 65536, &o) == 0) {
		const char *m = json_str_or(o, "message", "");
		if (str_starts(m, "SP-"))
			cli_fail(0, "%.7s refused by %s:%s", m, a->name, m + strcspn(m, " "));
		else
			cli_fail(0, "%s refused the service token: %s", a->name, m);
	} else {
		cli_fail(SP_CLIENT_PROTOCOL, "%s answered the service token with status %u", a->name, resp->status);
	}
	json_decref(o);
	return E_DENIED;
}

static int
take(const struct cli *c, struct app *a, const struct cli_response *resp, struct secret *ret_token)
{
	json_t *o = NULL;
	struct url team = {0};
	int r = json_load_strict(buf_ptr(&resp->body), buf_len(&resp->body), 65536, &o);
	const char *token = json_str_or(o, "app_token", ""), *aud = json_str_or(o, "aud", "");

	if (r == 0 && (!token_ok(slice_str(token)) || strlen(aud) != 64 ||
	               url_parse(json_str_or(o, "team", ""), &team) < 0 || strcmp(team.scheme, "https")))
		r = E_FORMAT;
	if (r < 0) {
		cli_fail(SP_CLIENT_PROTOCOL, "%s answered the service token with something else than a token", a->name);
	} else {
		a->team = team.at;
		str_copy(a->aud, sizeof a->aud, aud);
		r = app_pin(c, a);
	}
	if (r == 0)
		r = secret_set_str(ret_token, token);
	url_release(&team);
	json_decref(o);
	return r;
}

int
service_exchange(const struct cli *c, struct app *a, const struct service *s, const char *cnf, struct secret *ret_token)
{
	struct cli_response resp = {0};
	char *id = str_fmt("Cf-Access-Client-Id: %s", s->id),
	     *secret = str_fmt("Cf-Access-Client-Secret: %s", s->secret);
	const char *headers[] = {"User-Agent: sallyport/" SALLYPORT_VERSION, id, secret, NULL};
	char url[500];
	int r = id && secret ? 0 : E_NOMEM;

	snprintf(url, sizeof url, "https://%s/cdn-cgi/access/service_token?cnf=%s", a->name, cnf);
	if (r == 0 && (r = cli_http(c, "POST", url, headers, "", 0, EXCHANGE_MS, &resp)) < 0)
		cli_fail(SP_CLIENT_NET, "cannot reach %s: %s", a->name, resp.why);
	else if (r == 0)
		r = resp.status == 200 ? take(c, a, &resp, ret_token) : refused(a, &resp);
	cli_response_release(&resp);
	if (secret)
		mem_wipe(secret, strlen(secret));
	free(secret);
	free(id);
	return r;
}

/* --- key and token on disk ---------------------------------------------------------------------------------------- */

/* A playbook runs many ssh at once: the first one makes the key, the others use it. */
static int
lock_take(const struct cli *c, const struct app *a)
{
	char path[4400];
	int fd = -1;

	if (app_file(c, a, ".service-lock", path, sizeof path) == 0 && file_mkdirs(c->home, 0700) == 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		cli_fail(SP_CLIENT_FILE, "cannot lock a file in %s: %s", c->home, strerror(errno));
	return fd;
}

/* Made for this service token and for the key that lies there, and not about to end. */
static bool
fits(const struct cli *c, const struct app *a, const struct service *s, const struct secret *t)
{
	char name[256], cnf[64], mine[44];
	int64_t exp;

	return token_claim(secret_slice(t), "common_name", name, sizeof name) == 0 && !strcmp(name, s->id) &&
	       token_expiry(secret_slice(t), &exp) == 0 && exp > clock_wall() + TOKEN_LEFT_SEC &&
	       token_claim(secret_slice(t), "cnf", cnf, sizeof cnf) == 0 && client_key_cnf(c, a, mine) == 0 &&
	       !strcmp(cnf, mine);
}

static int
stored(const struct cli *c, const struct app *a, const struct service *s, const char *path, struct secret *ret_token)
{
	struct reason why = {0};
	struct secret t = {0};
	struct buf b;

	if (access(path, F_OK) < 0)
		return E_NOENT;
	buf_init_secret(&b, TOKEN_MAX);
	int r = file_read_private(path, 077, &b, &why);
	if (r == 0 && !token_ok(buf_slice(&b)))
		r = E_FORMAT;
	if (r == 0)
		r = secret_set(&t, buf_ptr(&b), buf_len(&b));
	if (r == 0 && !fits(c, a, s, &t))
		r = E_NOENT;
	buf_release(&b);
	if (r == 0)
		*ret_token = t;
	else
		secret_release(&t);
	return r;
}

int
service_token(const struct cli *c, struct app *a, const struct service *s, bool fresh, struct secret *ret_token,
              int *lock)
{
	char path[4400], cnf[44];
	struct key *key = NULL;
	struct sshkey pub = {0};
	int r = app_file(c, a, "-service-token", path, sizeof path);

	if (*lock < 0 && (*lock = lock_take(c, a)) < 0)
		return E_IO;
	if (r == 0 && !fresh && app_cached(c, a) == 0 && stored(c, a, s, path, ret_token) == 0)
		return 0;
	if (r == 0)
		r = client_key_make(&key, &pub, cnf);
	if (r == 0)
		r = service_exchange(c, a, s, cnf, ret_token);
	if (r == 0)
		r = client_key_store(c, a, key, &pub);
	if (r == 0)
		r = app_store(c, path, 0600, secret_slice(ret_token));
	key_free(key);
	sshkey_release(&pub);
	return r;
}
