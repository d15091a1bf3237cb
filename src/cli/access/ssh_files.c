/* ssh-config and ssh-gen: what stock ssh is told, and the key and certificate that it then finds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/access/access.h"
#include "cli/access/login.h"
#include "cli/access/service.h"
#include "core/str.h"
#include "io/file.h"
#include "ssh/sshcert.h"
#include "ssh/sshconfig.h"
#include "ssh/sshkey.h"

#define SIGN_MS 10000

/* --- ssh-config --------------------------------------------------------------------------------------------------- */

static const char *
default_home(const struct cli *c)
{
	const char *home = getenv("HOME");
	char path[4096];

	if (!home || snprintf(path, sizeof path, "%s/.sallyport", home) >= (int)sizeof path)
		return c->home;
	return strcmp(path, c->home) ? c->home : NULL;
}

/* Appends the block to ~/.ssh/config unless it stands there already. */
static int
write_block(struct slice block)
{
	const char *home = getenv("HOME");
	char dir[4096], path[4200];
	struct buf b;

	if (!home)
		return cli_fail(SP_CLIENT_FILE, "HOME is not set: where is .ssh/config?");
	snprintf(dir, sizeof dir, "%s/.ssh", home);
	snprintf(path, sizeof path, "%s/config", dir);
	buf_init(&b, 4u << 20);
	int r = file_mkdirs(dir, 0700);
	if (r == 0 && access(path, F_OK) == 0)
		r = file_read(path, &b);
	const char *text = r == 0 ? buf_cstr(&b) : NULL;
	char *want = str_dup_n(block.p, block.n);
	if (text && want && strstr(text, want)) {
		fprintf(stderr, "%s has this block already; nothing was written\n", path);
	} else if (text && want) {
		/* In front: ssh takes the first value it finds. */
		struct buf out;
		buf_init(&out, 8u << 20);
		r = buf_put_slice(&out, block);
		if (r == 0)
			r = buf_put_str(&out, "\n");
		if (r == 0)
			r = buf_put_slice(&out, buf_slice(&b));
		if (r == 0)
			r = file_write_atomic(path, 0600, buf_ptr(&out), buf_len(&out));
		buf_release(&out);
		if (r == 0)
			fprintf(stderr, "Wrote it to the top of %s\n", path);
	} else {
		r = E_IO;
	}
	free(want);
	buf_release(&b);
	return r == 0 ? 0 : cli_fail(SP_CLIENT_FILE, "cannot write %s: %s", path, strerror(errno));
}

int
access_ssh_config(struct cli *c, int argc, char **argv)
{
	const char *hostname = NULL;
	bool short_lived = false, write = false;
	const struct cli_option table[] = {
	    {"hostname", NULL, NULL, "HOST[:PORT]", "the application", &hostname, false},
	    {"short-lived-cert", NULL, NULL, NULL, "sign in by short-lived certificate", &short_lived, false},
	    {"write", NULL, NULL, NULL, "put it into ~/.ssh/config", &write, false},
	};
	struct cli_list pos = {0};
	struct reason why = {0};
	char *ca = NULL;
	struct app a;
	struct buf out;

	int r = cli_options(c, argc, argv,
	                    "sallyport access ssh-config --hostname HOST[:PORT] [--short-lived-cert] [--write]", table,
	                    sizeof table / sizeof *table, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (!hostname || pos.n)
		return cli_fail(SP_CLIENT_USAGE, "which application? give --hostname HOST[:PORT]"), 2;
	if (app_parse(hostname, &a) < 0)
		return 2;
	if (c->ca_file && !(ca = realpath(c->ca_file, NULL)))
		return cli_fail(SP_CLIENT_FILE, "%s: %s", c->ca_file, strerror(errno));
	struct sshconfig q = {.host = a.name,
	                      .program = c->self,
	                      .home = default_home(c),
	                      .ca_file = ca,
	                      .short_lived = short_lived,
	                      .cloudflared_home = c->cloudflared_home};
	buf_init(&out, 65536);
	r = sshconfig_format(&q, &out, &why);
	free(ca);
	if (r < 0) {
		buf_release(&out);
		return cli_fail(why.code ? why.code : SP_CLIENT_USAGE, "%s", why.text), 2;
	}
	if (write) {
		r = write_block(buf_slice(&out));
	} else {
		fprintf(stderr, "Add to your ~/.ssh/config (or run this with --write):\n\n");
		fwrite(buf_ptr(&out), 1, buf_len(&out), stdout);
	}
	buf_release(&out);
	return r == 0 ? 0 : 1;
}

/* --- ssh-gen -------------------------------------------------------------------------------------------------------
 */

/* The public key line on disk, and whether it is the one that the token was made for. */
static int
public_key(const struct cli *c, const struct app *a, const struct secret *token, struct buf *line)
{
	struct reason why = {0};
	struct sshkey k = {0};
	char path[4400], cnf[44], want[64];
	int r = app_file(c, a, "-cf_key.pub", path, sizeof path);

	if (r == 0)
		r = file_read(path, line);
	if (r == 0)
		r = sshkey_parse_line((const char *)buf_ptr(line), buf_len(line), &k, &why);
	if (r == 0) {
		sshkey_cnf(sshkey_blob(&k), cnf);
		if (token_claim(secret_slice(token), "cnf", want, sizeof want) == 0 && strcmp(cnf, want))
			r = E_CONFLICT;
	}
	sshkey_release(&k);
	if (r == 0 && app_file(c, a, "-cf_key", path, sizeof path) == 0 && access(path, R_OK) < 0)
		r = E_NOENT;
	return r;
}

static int
say_refusal(const struct app *a, const struct cli_response *resp, bool first)
{
	json_t *o = NULL;

	if (resp->status == 401 && first)
		return E_EXPIRED; /* a new sign-in comes next, or the word that there is none */
	if (json_load_strict(buf_ptr(&resp->body), buf_len(&resp->body), 65536, &o) == 0) {
		const char *m = json_str_or(o, "message", "");
		if (str_starts(m, "SP-"))
			cli_fail(0, "%.7s refused by %s:%s", m, a->team.host, m + strcspn(m, " "));
		else
			cli_fail(0, "%s refused the certificate: %s", a->team.host, m);
	} else {
		cli_fail(SP_CLIENT_PROTOCOL, "%s answered the certificate request with status %u", a->team.host,
		         resp->status);
	}
	json_decref(o);
	return resp->status == 401 ? E_EXPIRED : E_DENIED;
}

/* What comes back is looked at before ssh sees it: a certificate for this very key, nothing else. */
static int
store_certificate(const struct cli *c, const struct app *a, const char *line, struct slice pub)
{
	struct sshcert cert = {0};
	struct sshkey mine = {0};
	struct reason why = {0};
	char path[4400];
	struct buf b;
	int r = sshcert_parse_line(line, strlen(line), &cert, &why);

	buf_init(&b, 65536);
	if (r == 0)
		r = sshkey_parse_line((const char *)pub.p, pub.n, &mine, &why);
	if (r == 0 && !slice_eq(sshkey_blob(&mine), sshkey_blob(&cert.subject)))
		r = reason_set(&why, E_DENIED, SP_CLIENT_PROTOCOL, "the certificate is for another key");
	if (r == 0)
		r = buf_putf(&b, "%s\n", line);
	if (r == 0)
		r = app_file(c, a, "-cf_key-cert.pub", path, sizeof path);
	if (r < 0)
		cli_fail(SP_CLIENT_PROTOCOL, "%s sent something that is no certificate: %s", a->team.host, why.text);
	if (r == 0)
		r = app_store(c, path, 0600, buf_slice(&b));
	buf_release(&b);
	sshkey_release(&mine);
	sshcert_release(&cert);
	return r;
}

static int
sign(const struct cli *c, const struct app *a, const struct secret *token, struct slice pub, const char *username,
     bool first)
{
	static const char *const headers[] = {"Content-Type: application/json",
	                                      "User-Agent: sallyport/" SALLYPORT_VERSION, NULL};
	struct cli_response resp = {0};
	char team[300], issuer[400], url[500], *text = NULL;
	json_t *o = NULL;
	int r;

	/* The token goes to the team host that is pinned for this application, whatever its iss says. */
	hostport_format(&a->team, team, sizeof team);
	snprintf(url, sizeof url, "https://%s/cdn-cgi/access/cert_sign", team);
	r = token_claim(secret_slice(token), "iss", issuer, sizeof issuer);
	json_t *body = r == 0 ? json_pack("{s:s%,s:s%,s:s}", "public_key", (const char *)pub.p, pub.n, "jwt",
	                                  (const char *)token->d, token->n, "issuer", issuer)
	                      : NULL;
	if (body && username && json_object_set_new(body, "principal", json_string(username)) < 0) {
		json_decref(body);
		body = NULL;
	}
	if (!body || !(text = json_dump_str(body))) {
		cli_fail(SP_CLIENT_PROTOCOL, "the stored token is not usable; run 'sallyport access login https://%s'",
		         a->name);
		r = E_FORMAT;
		goto out;
	}
	r = cli_http(c, "POST", url, headers, text, strlen(text), SIGN_MS, &resp);
	if (r < 0)
		cli_fail(SP_CLIENT_NET, "cannot reach %s for a certificate: %s", team, resp.why);
	else if (resp.status != 200)
		r = say_refusal(a, &resp, first);
	else if ((r = json_load_strict(buf_ptr(&resp.body), buf_len(&resp.body), 1u << 20, &o)) < 0)
		cli_fail(SP_CLIENT_PROTOCOL, "%s answered with something that is not JSON", team);
	else
		r = store_certificate(c, a, json_str_or(o, "certificate", ""), pub);
out:
	if (text)
		mem_wipe(text, strlen(text));
	free(text);
	json_decref(body);
	json_decref(o);
	cli_response_release(&resp);
	return r;
}

static int
generate(struct cli *c, struct app *a, const char *username)
{
	struct login_options lo = {0};
	struct secret token = {0}, refused = {0};
	struct buf pub;
	int r = login_token(c, a, &lo, &token);
	bool failed = r < 0;

	buf_init(&pub, SSHKEY_LINE_MAX);
	for (int tries = 0; r == 0; tries++) {
		buf_clear(&pub);
		r = public_key(c, a, &token, &pub);
		if (r == 0)
			r = sign(c, a, &token, buf_slice(&pub), username, tries == 0);
		/* A key that is gone or not the token's, or a token that the edge no longer takes: one new sign-in,
		 * once. */
		if (r == 0 || tries || (r != E_CONFLICT && r != E_EXPIRED && r != E_NOENT && r != E_IO))
			break;
		secret_release(&refused);
		refused = token;
		token = (struct secret){0};
		lo.refused = &refused;
		r = login_token(c, a, &lo, &token);
		failed = r < 0;
	}
	if (failed)
		login_failed_note(c, a);
	buf_release(&pub);
	secret_release(&token);
	secret_release(&refused);
	return r;
}

/* The same for a program: its secret instead of a sign-in. A token that the edge no longer takes is got anew, once. */
static int
generate_service(const struct cli *c, struct app *a, const struct service *s, const char *username)
{
	struct secret token = {0};
	struct buf pub;
	int lock = -1, r = E_EXPIRED;

	buf_init(&pub, SSHKEY_LINE_MAX);
	for (int tries = 0; tries < 2 && (r == E_EXPIRED || r == E_CONFLICT); tries++) {
		secret_release(&token);
		buf_clear(&pub);
		if ((r = service_token(c, a, s, tries > 0, &token, &lock)) == 0 &&
		    (r = public_key(c, a, &token, &pub)) == 0)
			r = sign(c, a, &token, buf_slice(&pub), username, tries == 0);
	}
	if (lock >= 0)
		close(lock);
	buf_release(&pub);
	secret_release(&token);
	return r;
}

int
access_ssh_gen(struct cli *c, int argc, char **argv)
{
	const char *hostname = NULL, *username = NULL;
	struct service service = {0};
	const struct cli_option table[] = {{"hostname", NULL, NULL, "HOST[:PORT]", "the application", &hostname, false},
	                                   {"username", NULL, "SALLYPORT_USERNAME", "NAME",
	                                    "the Unix user, where you may be several", &username, false},
	                                   SERVICE_OPTIONS(&service)};
	struct cli_list pos = {0};
	struct app a;

	int r = cli_options(c, argc, argv, "sallyport access ssh-gen --hostname HOST[:PORT]", table,
	                    sizeof table / sizeof *table, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (!hostname || pos.n)
		return cli_fail(SP_CLIENT_USAGE, "which application? give --hostname HOST[:PORT]"), 2;
	if (app_parse(hostname, &a) < 0)
		return 2;
	if (service_check(&service) < 0)
		return 2;
	return (service.id ? generate_service(c, &a, &service, username) : generate(c, &a, username)) == 0 ? 0 : 1;
}
