/* client: the way of an ssh connection from here to the application, step by step, until one fails. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/access/app.h"
#include "cli/doctor/doctor.h"
#include "core/clock.h"
#include "core/str.h"
#include "io/addr.h"
#include "io/file.h"
#include "net/http_client.h"
#include "ssh/sshcert.h"
#include "ssh/sshkey.h"

struct client {
	struct cli *c;
	struct doctor d;
	struct app a;
	struct secret token;
	char email[256];
	bool edge_there; /* answers HTTP */
};

static void
skip(struct client *k, const char *step, const char *why)
{
	doctor_step(&k->d, DOC_SKIP, step, "%s", why);
}

/* --- name, TCP, TLS, discovery ----------------------------------------------------------------------------------- */

static bool
check_name(struct client *k)
{
	struct resolved r = {0};
	char list[512] = "";

	int e = resolve_now(k->a.at.host, k->a.at.port, k->c->connect_to, &r);
	if (e < 0 || !r.n) {
		doctor_step(&k->d, DOC_FAIL, "name", "%s does not resolve", k->a.at.host);
		doctor_advise("is it spelled right? DNS must send %s to the edge (a CNAME to its team host: 'doctor "
		              "edge' says it "
		              "word for word); --connect-to ADDR:PORT goes there without DNS",
		              k->a.at.host);
		return false;
	}
	for (unsigned i = 0; i < r.n; i++) {
		char one[ADDR_TEXT_MAX];
		size_t n = strlen(list);
		addr_text((const struct sockaddr *)&r.a[i], one);
		snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", one);
	}
	return doctor_step(&k->d, DOC_OK, "name", "%s is %s%s", k->a.at.host, list,
	                   k->c->connect_to ? " (--connect-to)" : "");
}

static void
say_unreachable(struct client *k, const struct cli_response *resp)
{
	static const char *const names[] = {"name", "tcp", "tls", "http"};
	const char *why = *resp->why ? resp->why : "no answer";

	for (int i = STEP_TCP; i < (int)resp->step; i++)
		doctor_step(&k->d, DOC_OK, names[i], "port %u of %s", k->a.at.port, k->a.at.host);
	doctor_step(&k->d, DOC_FAIL, names[resp->step], "%s: %s", k->a.name, why);
	if (resp->step == STEP_TCP)
		doctor_advise("is the edge running, and does a firewall let port %u through? 'sallyport doctor edge "
		              "--dir DIR' there",
		              k->a.at.port);
	else if (resp->step == STEP_TLS)
		doctor_advise("an edge with its own authority needs --ca-file FILE (SALLYPORT_CA_FILE): DIR/tls/ca.pem "
		              "of the edge; a "
		              "name that is missing there means that the edge has no application %s",
		              k->a.at.host);
	else
		doctor_advise("something answers on port %u, but not as an edge does; is a proxy in between?",
		              k->a.at.port);
}

static bool
check_reach(struct client *k)
{
	static const char *const headers[] = {"User-Agent: sallyport/" SALLYPORT_VERSION, NULL};
	struct cli_response resp = {0};
	char url[400];

	snprintf(url, sizeof url, "https://%s/", k->a.name);
	int r = cli_http(k->c, "HEAD", url, headers, NULL, 0, DOCTOR_NET_MS, &resp);
	if (r < 0) {
		say_unreachable(k, &resp);
	} else {
		doctor_step(&k->d, DOC_OK, "tcp", "port %u answers", k->a.at.port);
		doctor_step(&k->d, DOC_OK, "tls", "the certificate names %s and is trusted", k->a.at.host);
		doctor_clock(&k->d, cli_response_header(&resp, "date"), "the edge");
		k->edge_there = true;
	}
	if (r == 0 && resp.status == 404) {
		doctor_step(&k->d, DOC_FAIL, "discovery", "the edge knows no application named %s", k->a.at.host);
		doctor_advise("an administrator sees what there is with 'sallyport admin get apps'");
		r = E_NOENT;
	}
	cli_response_release(&resp);
	return r == 0;
}

static bool
check_discovery(struct client *k)
{
	char team[300];

	if (app_discover(k->c, &k->a) < 0) { /* has said why on standard error */
		doctor_step(&k->d, DOC_FAIL, "discovery", "%s did not send us to a login page", k->a.name);
		doctor_advise(
		    "is it an application of the edge, with at least one policy? 'sallyport admin get policies'");
		return false;
	}
	hostport_format(&k->a.team, team, sizeof team);
	return doctor_step(&k->d, DOC_OK, "discovery", "guarded by %s, aud %.12s...", team, k->a.aud);
}

/* --- token, policy, tunnel --------------------------------------------------------------------------------------- */

static bool
check_token(struct client *k)
{
	char until[24];
	int64_t exp = 0;

	if (app_token_load(k->c, &k->a, &k->token) < 0) {
		doctor_step(&k->d, DOC_FAIL, "token", "not signed in: no usable token in %s", k->c->home);
		doctor_advise("run 'sallyport access login https://%s'", k->a.name);
		return false;
	}
	token_expiry(secret_slice(&k->token), &exp);
	time_format(exp, until);
	token_claim(secret_slice(&k->token), "email", k->email, sizeof k->email);
	return doctor_step(&k->d, DOC_OK, "token", "of %s, until %s", *k->email ? k->email : "somebody", until);
}

static void
first_line(const struct buf *body, char *out, size_t n)
{
	size_t len = 0;

	while (len < buf_len(body) && len < n - 1 && buf_ptr(body)[len] != '\n')
		len++;
	str_copy_n(out, n, buf_ptr(body), len);
}

static bool
check_policy(struct client *k)
{
	struct cli_response resp = {0};
	char url[400], text[300] = "",
	               *line = str_fmt("Cf-Access-Token: %.*s", (int)k->token.n, (const char *)k->token.d);
	const char *headers[] = {line, "Accept: text/plain", NULL};
	bool ok = false;

	snprintf(url, sizeof url, "https://%s/", k->a.name);
	int r = line ? cli_http(k->c, "GET", url, headers, NULL, 0, DOCTOR_NET_MS, &resp) : E_NOMEM;
	const char *code = r == 0 ? cli_response_header(&resp, "cf-access-error") : NULL;
	first_line(&resp.body, text, sizeof text);
	if (r < 0) {
		doctor_step(&k->d, DOC_FAIL, "policy", "no answer: %s", resp.why);
		doctor_advise("try again; the edge answered a moment ago");
	} else if (resp.status == 302 || resp.status == 401) {
		doctor_step(&k->d, DOC_FAIL, "policy", "the edge no longer takes this token%s%s", code ? ": " : "",
		            code ? code : "");
		doctor_advise("it was revoked or the application changed: run 'sallyport access login https://%s'",
		              k->a.name);
	} else if (resp.status == 403) {
		doctor_step(&k->d, DOC_FAIL, "policy", "%s", *text ? text : "status 403");
		doctor_advise("an administrator sees why with 'sallyport admin explain --app %s --email %s'",
		              k->a.at.host, *k->email ? k->email : "E");
	} else if (resp.status >= 500) {
		doctor_step(&k->d, DOC_FAIL, "policy", "the edge answered with status %u %s", resp.status, text);
		doctor_advise("'sallyport doctor edge --dir DIR' on the edge says more");
	} else {
		ok = doctor_step(&k->d, DOC_OK, "policy", "%s may enter", *k->email ? k->email : "the token's owner");
	}
	cli_response_release(&resp);
	if (line)
		mem_wipe(line, strlen(line));
	free(line);
	return ok;
}

struct upgrade {
	struct loop *loop;
	int err;
	unsigned status;
	char why[256], text[300];
};

static void
on_upgrade(const struct http_answer *a, void *arg)
{
	struct upgrade *u = arg;

	u->err = a->err;
	u->status = a->status;
	str_copy_n(u->why, sizeof u->why, a->why ? a->why : "", a->why ? strnlen(a->why, sizeof u->why - 1) : 0);
	size_t n = 0;
	while (n < a->body.n && n < sizeof u->text - 1 && a->body.p[n] != '\n')
		n++;
	str_copy_n(u->text, sizeof u->text, a->body.p, n);
	if (a->conn) {
		conn_set_ops(a->conn, NULL, NULL);
		conn_close(a->conn);
	}
	loop_stop(u->loop);
}

static int
upgrade(struct client *k, struct upgrade *u)
{
	char url[400], *line = str_fmt("Cf-Access-Token: %.*s", (int)k->token.n, (const char *)k->token.d);
	const char *headers[] = {line, "User-Agent: sallyport/" SALLYPORT_VERSION, NULL};
	struct http_ask q = {.method = "GET",
	                     .url = url,
	                     .headers = headers,
	                     .body_max = 65536,
	                     .deadline_ms = DOCTOR_NET_MS,
	                     .connect_to = k->c->connect_to,
	                     .websocket = true};
	struct reason why = {0};

	snprintf(url, sizeof url, "https://%s/", k->a.name);
	int r = line ? loop_new(&u->loop) : E_NOMEM;
	if (r == 0)
		r = tls_client_new(k->c->ca_file, false, &q.tls, &why);
	if (r == 0)
		r = tls_client_alpn(q.tls, "http/1.1");
	if (r == 0)
		r = http_client_start(u->loop, &q, on_upgrade, u, NULL);
	if (r == 0)
		r = loop_run(u->loop);
	if (r == 0)
		r = u->err;
	tls_ctx_unref(q.tls);
	if (u->loop)
		loop_free(u->loop);
	if (line)
		mem_wipe(line, strlen(line));
	free(line);
	return r;
}

static void
check_tunnel(struct client *k)
{
	struct upgrade u = {.err = E_TIMEOUT};
	int r = upgrade(k, &u);

	if (r == 0 && u.status == 101) {
		doctor_step(&k->d, DOC_OK, "tunnel", "a connector took the connection");
		return;
	}
	if (r < 0)
		doctor_step(&k->d, DOC_FAIL, "tunnel", "%s", *u.why ? u.why : err_str(r));
	else
		doctor_step(&k->d, DOC_FAIL, "tunnel", "status %u %s", u.status, u.text);
	if (str_starts(u.text, "SP-1004"))
		doctor_advise("the application has no tunnel: 'tunnel:' of the application in the apply file, or "
		              "'sallyport tunnel "
		              "route dns TUNNEL %s'",
		              k->a.at.host);
	else if (str_starts(u.text, "SP-1005"))
		doctor_advise("no connector is up: start one beside the host with 'sallyport tunnel run'; 'sallyport "
		              "tunnel list' "
		              "shows which are");
	else if (str_starts(u.text, "SP-1403"))
		doctor_advise(
		    "this application needs a destination that its list permits: 'sallyport access ssh --destination "
		    "HOST:PORT'");
	else
		doctor_advise("the connector could not reach its service: is sshd running where 'service:' of the "
		              "application points? "
		              "The connector's log says more");
}

/* --- certificate ------------------------------------------------------------------------------------------------- */

static int
load_cert(struct client *k, struct sshcert *cert, char *path, size_t n, struct reason *why)
{
	struct buf b;
	int r = app_file(k->c, &k->a, "-cf_key-cert.pub", path, n);

	buf_init(&b, SSHCERT_LINE_MAX);
	if (r == 0)
		r = file_read(path, &b);
	size_t len = buf_len(&b);
	while (len && (buf_ptr(&b)[len - 1] == '\n' || buf_ptr(&b)[len - 1] == '\r'))
		len--;
	if (r == 0)
		r = sshcert_parse_line((const char *)buf_ptr(&b), len, cert, why);
	buf_release(&b);
	return r;
}

/* The private key's file as ssh wants it, and the public half as the certificate and the token have it. */
static bool
check_key(struct client *k, const struct sshcert *cert)
{
	char path[4400], cnf[44] = "", want[64] = "";
	struct stat st;

	app_file(k->c, &k->a, "-cf_key", path, sizeof path);
	bool there = stat(path, &st) == 0;
	if (!there || (st.st_mode & 077)) {
		doctor_step(&k->d, DOC_FAIL, "certificate",
		            there ? "%s may be read by others: ssh refuses it" : "%s, the key of it, is gone", path);
		doctor_advise("remove %s and run 'sallyport access ssh-gen --hostname %s'", path, k->a.name);
		return false;
	}
	sshkey_cnf(sshkey_blob(&cert->subject), cnf);
	if (k->token.n && token_claim(secret_slice(&k->token), "cnf", want, sizeof want) == 0 && strcmp(cnf, want)) {
		doctor_step(&k->d, DOC_FAIL, "certificate",
		            "it is for another key than the one this sign-in was made for");
		doctor_advise("run 'sallyport access ssh-gen --hostname %s'", k->a.name);
		return false;
	}
	return true;
}

static void
check_certificate(struct client *k)
{
	struct sshcert cert = {0};
	struct reason why = {0};
	char path[4400] = "", until[24];
	int64_t now = clock_wall();

	int r = load_cert(k, &cert, path, sizeof path, &why);
	if (r == E_NOENT) {
		doctor_step(&k->d, DOC_SKIP, "certificate",
		            "none yet; ssh gets one, or 'sallyport access ssh-gen --hostname %s'", k->a.name);
		return;
	}
	if (r < 0) {
		doctor_step(&k->d, DOC_FAIL, "certificate", "%s: %s", path, *why.text ? why.text : err_str(r));
		doctor_advise("remove the file and run 'sallyport access ssh-gen --hostname %s'", k->a.name);
	} else if (check_key(k, &cert)) {
		bool forever = cert.valid_before > INT64_MAX;
		time_format(forever ? 0 : (int64_t)cert.valid_before, until);
		if (cert.valid_after > (uint64_t)now) {
			doctor_step(&k->d, DOC_FAIL, "certificate", "not valid yet: this clock is behind the edge's");
			doctor_advise("turn on time synchronisation: timedatectl set-ntp true");
		} else {
			doctor_step(&k->d, DOC_OK, "certificate", "for %s, serial %llu, %s %s",
			            cert.nprincipals ? cert.principals[0] : "nobody", (unsigned long long)cert.serial,
			            !forever && (uint64_t)now >= cert.valid_before ? "expired (ssh renews it)"
			                                                           : "until",
			            forever ? "ever" : until);
		}
	}
	sshcert_release(&cert);
}

int
doctor_client(struct cli *c, int argc, char **argv)
{
	struct client k = {.c = c};
	struct cli_list pos = {0};
	const char *hostname = NULL;
	const struct cli_option table[] = {
	    {"hostname", NULL, NULL, "HOST[:PORT]", "the application", &hostname, false}};

	int r = cli_options(c, argc, argv, "sallyport doctor client HOST[:PORT]", table, 1, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (!hostname && pos.n == 1)
		hostname = pos.v[0];
	else if (!hostname || pos.n) {
		fputs("usage: sallyport doctor client HOST[:PORT]\n", stderr);
		return 2;
	}
	if (app_parse(hostname, &k.a) < 0)
		return 2;
	bool found = check_name(&k) && check_reach(&k) && check_discovery(&k);
	if (!found && app_cached(c, &k.a) < 0) {
		skip(&k, "token", "the application must be found first");
	} else {
		bool token = check_token(&k);
		bool in = token && found && check_policy(&k);
		if (!(token && found))
			skip(&k, "policy",
			     found ? "only a signed-in person can be asked about" : "the edge must be reached first");
		if (in)
			check_tunnel(&k);
		else
			skip(&k, "tunnel", "only who may enter can try");
		check_certificate(&k);
	}
	secret_release(&k.token);
	return doctor_end(&k.d);
}
