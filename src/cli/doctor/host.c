/* host: would this machine's sshd take a certificate of an application? Asks sshd itself, by `sshd -T`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "cli/doctor/proc.h"
#include "cli/doctor/sshd_conf.h"
#include "core/str.h"
#include "io/file.h"
#include "ssh/sshkey.h"

#define USER_KEY_ALGORITHM "ssh-ed25519-cert-v01@openssh.com" /* what the client makes */
#define CA_LINES_MAX 1000

struct host {
	struct cli *c;
	struct doctor d;
	const char *app, *ca_key, *sshd, *config;
	struct sshd_conf conf;
	struct sshkey ca; /* of the application; type 0 = not known */
	char date[64];    /* of the edge's answer */
	const char *conf_file;
	char trusted[1024]; /* first file of TrustedUserCAKeys, "" = none */
	bool change;        /* sshd_config must be edited */
};

/* --- what sshd says -------------------------------------------------------------------------------------------------
 */

static const char *
find_sshd(const char *given)
{
	static const char *const usual[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd", "/usr/bin/sshd",
	                                    NULL};

	if (given)
		return access(given, X_OK) == 0 ? given : NULL;
	for (size_t i = 0; usual[i]; i++)
		if (access(usual[i], X_OK) == 0)
			return usual[i];
	return NULL;
}

static void
say_sshd_failed(struct host *h, struct buf *err)
{
	const char *text = buf_cstr(err);

	doctor_step(&h->d, DOC_FAIL, "sshd", "%s -T: %.*s", h->sshd, text ? (int)strcspn(text, "\r\n") : 0,
	            text ? text : "");
	if (text && strstr(text, "rivilege separation"))
		doctor_advise("start the service once ('systemctl start ssh'), or 'mkdir -m 755 /run/sshd'");
	else if (geteuid())
		doctor_advise("sshd -T reads the host keys: run this with sudo");
	else
		doctor_advise("correct what it names; 'sshd -t' checks the file again");
}

static bool
check_sshd(struct host *h)
{
	const char *path = find_sshd(h->sshd);
	struct buf out, err;
	int status = 0;

	if (!path) {
		doctor_step(&h->d, DOC_FAIL, "sshd", "%s", h->sshd ? h->sshd : "no sshd found in the usual places");
		doctor_advise("install openssh-server, or say where it is with --sshd PATH");
		return false;
	}
	h->sshd = path;
	const char *argv[] = {path, "-T", h->config ? "-f" : NULL, h->config, NULL};
	buf_init(&out, PROC_OUT_MAX);
	buf_init(&err, PROC_OUT_MAX);
	int r = proc_run(argv, &out, &err, &status);
	if (r == 0 && status == 0)
		r = sshd_conf_parse(buf_ptr(&out), buf_len(&out), &h->conf);
	if (r == 0 && status == 0)
		doctor_step(&h->d, DOC_OK, "sshd", "%s reads its configuration", path);
	else if (r == 0)
		say_sshd_failed(h, &err);
	else
		doctor_step(&h->d, DOC_FAIL, "sshd", "%s -T: %s", path, err_str(r));
	buf_release(&out);
	buf_release(&err);
	return r == 0 && status == 0;
}

static void
check_pubkey(struct host *h)
{
	const char *v = sshd_conf_get(&h->conf, "pubkeyauthentication");
	const char *algs = sshd_conf_get(&h->conf, "pubkeyacceptedalgorithms");

	if (!algs)
		algs = sshd_conf_get(&h->conf, "pubkeyacceptedkeytypes"); /* before OpenSSH 8.5 */
	if (v && strcmp(v, "yes")) {
		doctor_step(&h->d, DOC_FAIL, "pubkey", "PubkeyAuthentication is %s, certificates need yes", v);
		doctor_advise("in %s: PubkeyAuthentication yes", h->conf_file);
		h->change = true;
	} else if (algs && !sshd_list_has(algs, USER_KEY_ALGORITHM)) {
		doctor_step(&h->d, DOC_FAIL, "pubkey", "PubkeyAcceptedAlgorithms is without %s", USER_KEY_ALGORITHM);
		doctor_advise("in %s: PubkeyAcceptedAlgorithms +%s", h->conf_file, USER_KEY_ALGORITHM);
		h->change = true;
	} else {
		doctor_step(&h->d, DOC_OK, "pubkey", "PubkeyAuthentication yes");
	}
}

/* --- the authority -------------------------------------------------------------------------------------------------
 */

static int
key_from_file(struct host *h)
{
	struct reason why = {0};
	struct buf b;

	buf_init(&b, SSHKEY_LINE_MAX);
	errno = 0;
	int r = file_read(h->ca_key, &b);
	if (r == 0)
		r = sshkey_parse_line((const char *)buf_ptr(&b), buf_len(&b), &h->ca, &why);
	if (r < 0)
		doctor_step(&h->d, DOC_FAIL, "ca", "%s: %s", h->ca_key,
		            *why.text ? why.text
		            : errno   ? strerror(errno)
		                      : err_str(r));
	buf_release(&b);
	return r;
}

static int
find_ca(struct host *h, const struct cli_api *a, struct reason *why)
{
	json_t *cas = NULL, *apps = NULL, *o, *ca;
	const char *aud = NULL, *line = NULL;
	size_t i;
	char name[300];

	str_copy_n(name, sizeof name, h->app, strcspn(h->app, ":"));
	str_lower(name);
	int r = cli_api_call(h->c, a, "GET", "/accounts/%A/access/apps?per_page=1000", NULL, &apps, NULL);
	if (r == 0)
		r = cli_api_call(h->c, a, "GET", "/accounts/%A/access/apps/ca?per_page=1000", NULL, &cas, NULL);
	json_array_foreach(apps, i, o) if (!strcmp(json_str_or(o, "domain", ""), name)) aud = json_str_or(o, "aud", "");
	json_array_foreach(cas, i, ca) if (aud && !strcmp(json_str_or(ca, "aud", "?"), aud)) line =
	    json_str_or(ca, "public_key", "");
	if (r == 0 && !line)
		r = reason_set(why, E_NOENT, SP_NO_CA,
		               aud ? "%s has no certificate authority" : "there is no application %s", name);
	else if (r == 0)
		r = sshkey_parse_line(line, strlen(line), &h->ca, why);
	else
		reason_set(why, r, SP_CLIENT_NET, "the API did not answer");
	json_decref(apps);
	json_decref(cas);
	return r;
}

static void
ask_date(struct host *h, const char *url)
{
	struct cli_response resp = {0};

	if (cli_http(h->c, "HEAD", url, NULL, NULL, 0, DOCTOR_NET_MS, &resp) == 0) {
		const char *d = cli_response_header(&resp, "date");
		str_copy_n(h->date, sizeof h->date, d ? d : "", d ? strnlen(d, sizeof h->date - 1) : 0);
	}
	cli_response_release(&resp);
}

static void
find_key(struct host *h)
{
	struct reason why = {0};
	struct cli_api a = {0};

	if (h->ca_key && key_from_file(h) < 0)
		return;
	if (!h->app && !h->ca_key) {
		doctor_step(&h->d, DOC_SKIP, "ca",
		            "which authority is to be trusted? give --app HOST (asks the edge) or --ca-key FILE");
		return;
	}
	if (h->app && !h->ca_key) {
		if (cli_api_open(h->c, &a) < 0 || find_ca(h, &a, &why) < 0) {
			doctor_step(&h->d, DOC_FAIL, "ca", "%s", *why.text ? why.text : "the edge could not be asked");
			if (why.code == SP_NO_CA)
				doctor_advise("run 'sallyport admin ca %s'", h->app);
			else
				doctor_advise("or take the key along: 'sallyport admin ca %s' where the edge can be "
				              "reached, first line into a "
				              "file, and --ca-key FILE here",
				              h->app);
		}
		cli_api_release(&a);
	}
	if (h->ca.type) {
		char fp[SSHKEY_FINGERPRINT_MAX];
		sshkey_fingerprint(sshkey_blob(&h->ca), fp);
		doctor_step(&h->d, DOC_OK, "ca", "%s %s", sshkey_type_name(h->ca.type), fp);
	}
}

/* Why sshd would refuse to read a file, or why it should. */
static bool
file_is_safe(struct host *h, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		doctor_step(&h->d, DOC_FAIL, "trust", "TrustedUserCAKeys %s: %s", path, strerror(errno));
		doctor_advise(
		    "write the authority's public key there: 'sallyport admin ca HOST' prints it, first line");
		return false;
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & 022) || (st.st_uid && st.st_uid != geteuid())) {
		doctor_step(&h->d, DOC_FAIL, "trust",
		            "%s (mode %03o, uid %u) may be changed by others than root: whoever writes it signs "
		            "in as anybody",
		            path, (unsigned)(st.st_mode & 0777), (unsigned)st.st_uid);
		doctor_advise("chown root:root %s && chmod 644 %s", path, path);
		return false;
	}
	if (access(path, R_OK) < 0) {
		doctor_step(&h->d, DOC_FAIL, "trust", "%s cannot be read: %s", path, strerror(errno));
		doctor_advise("run this with sudo");
		return false;
	}
	return true;
}

struct found {
	bool ours;
	unsigned keys;
	struct sshkey first; /* of the file, when no authority was named */
};

static int
scan_file(const char *path, const struct sshkey *want, struct found *f)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	int r = file_read(path, &b);
	const char *p = r == 0 ? buf_cstr(&b) : NULL;
	for (unsigned i = 0; p && *p && i < CA_LINES_MAX; i++) {
		size_t n = strcspn(p, "\r\n");
		struct sshkey k = {0};
		if (n && *p != '#' && sshkey_parse_line(p, n, &k, NULL) == 0) {
			f->keys++;
			f->ours |= want->type && slice_eq(sshkey_blob(&k), sshkey_blob(want));
			if (!f->first.type) {
				f->first = k;
				k = (struct sshkey){0};
			}
		}
		sshkey_release(&k);
		p += n;
		p += strspn(p, "\r\n");
	}
	buf_release(&b);
	return r;
}

static void
advise_trust(struct host *h)
{
	const char *path = *h->trusted ? h->trusted : "/etc/ssh/sallyport_ca.pub";

	doctor_advise("sallyport admin ca %s | head -n 1 | sudo tee %s%s", h->app ? h->app : "HOST",
	              *h->trusted ? "-a " : "", path);
	if (!*h->trusted)
		doctor_advise("in %s: TrustedUserCAKeys %s", h->conf_file, path);
	h->change = true;
}

static void
check_trust(struct host *h, struct found *f)
{
	const char *v = sshd_conf_get(&h->conf, "trustedusercakeys");
	char path[1024];

	if (!sshd_is_set(v) || !sshd_word(v, 0, h->trusted, sizeof h->trusted)) {
		doctor_step(&h->d, DOC_FAIL, "trust", "TrustedUserCAKeys is not set: no certificate is taken");
		advise_trust(h);
		return;
	}
	for (size_t i = 0; sshd_word(v, i, path, sizeof path); i++)
		if (!file_is_safe(h, path) || scan_file(path, &h->ca, f) < 0)
			return;
	if (h->ca.type && !f->ours) {
		doctor_step(&h->d, DOC_FAIL, "trust", "%s has %u key%s, but not the authority's", v, f->keys,
		            f->keys == 1 ? "" : "s");
		advise_trust(h);
	} else if (!f->keys) {
		doctor_step(&h->d, DOC_FAIL, "trust", "%s has no public key in it", v);
		advise_trust(h);
	} else {
		doctor_step(&h->d, DOC_OK, "trust", h->ca.type ? "%s has the authority's key" : "%s has %u keys", v,
		            f->keys);
	}
}

static void
check_algorithms(struct host *h, const struct found *f)
{
	const char *list = sshd_conf_get(&h->conf, "casignaturealgorithms");
	const struct sshkey *k = h->ca.type ? &h->ca : &f->first;

	if (!list || !k->type) {
		doctor_step(&h->d, DOC_SKIP, "signature", "%s",
		            list ? "no authority to compare with" : "this sshd does not say");
		return;
	}
	const char *alg = sshd_ca_algorithm(sshkey_type_name(k->type));
	if (sshd_list_has(list, alg)) {
		doctor_step(&h->d, DOC_OK, "signature", "CASignatureAlgorithms has %s", alg);
		return;
	}
	doctor_step(&h->d, DOC_FAIL, "signature", "CASignatureAlgorithms is without %s, which the authority signs with",
	            alg);
	doctor_advise("in %s: CASignatureAlgorithms +%s", h->conf_file, alg);
	h->change = true;
}

static void
check_principals(struct host *h)
{
	const char *file = sshd_conf_get(&h->conf, "authorizedprincipalsfile"),
	           *command = sshd_conf_get(&h->conf, "authorizedprincipalscommand"),
	           *user = sshd_conf_get(&h->conf, "authorizedprincipalscommanduser");

	if (sshd_is_set(command) && !sshd_is_set(user)) {
		doctor_step(&h->d, DOC_FAIL, "principals",
		            "AuthorizedPrincipalsCommand without AuthorizedPrincipalsCommandUser is never run");
		doctor_advise("in %s: AuthorizedPrincipalsCommandUser nobody", h->conf_file);
		h->change = true;
	} else if (sshd_is_set(file) && !sshd_per_user(file)) {
		doctor_step(&h->d, DOC_FAIL, "principals",
		            "AuthorizedPrincipalsFile %s is one file for every account: who stands in it may "
		            "sign in as anybody, who does not as nobody",
		            file);
		doctor_advise(
		    "in %s: AuthorizedPrincipalsFile none (the certificate's principal is then the account's name)",
		    h->conf_file);
		h->change = true;
	} else if (sshd_is_set(command) || sshd_is_set(file)) {
		doctor_step(&h->d, DOC_OK, "principals",
		            "decided by %s: an account that it does not speak of takes no certificate",
		            sshd_is_set(command) ? command : file);
	} else {
		doctor_step(&h->d, DOC_OK, "principals", "a certificate's principal is the account's name");
	}
}

/* --- all of it -----------------------------------------------------------------------------------------------------
 */

static void
check_clock(struct host *h)
{
	char url[600];

	if (h->c->api_url)
		ask_date(h, h->c->api_url);
	else if (h->app && snprintf(url, sizeof url, "https://%s/", h->app) < (int)sizeof url)
		ask_date(h, url);
	else {
		doctor_step(&h->d, DOC_SKIP, "clock", "with --app HOST it is compared with the edge's");
		return;
	}
	doctor_clock(&h->d, *h->date ? h->date : NULL, "the edge");
}

static int
run(struct host *h)
{
	struct found f = {0};

	h->conf_file = h->config ? h->config : "/etc/ssh/sshd_config";
	if (check_sshd(h)) {
		find_key(h);
		check_pubkey(h);
		check_trust(h, &f);
		check_algorithms(h, &f);
		check_principals(h);
	}
	check_clock(h);
	if (h->change)
		doctor_advise("then 'sshd -t' and restart: Debian, Ubuntu 'systemctl restart ssh'; RHEL, Fedora "
		              "'systemctl restart sshd'");
	sshkey_release(&f.first);
	sshkey_release(&h->ca);
	sshd_conf_release(&h->conf);
	return doctor_end(&h->d);
}

int
doctor_host(struct cli *c, int argc, char **argv)
{
	struct host h = {.c = c};
	struct cli_list pos = {0};
	const struct cli_option table[] = {
	    {"app", NULL, NULL, "HOST", "the application whose certificates are to be taken (asks the API)", &h.app,
	     false},
	    {"ca-key", NULL, NULL, "FILE", "its authority's public key, instead of asking", &h.ca_key, false},
	    {"sshd", NULL, NULL, "PATH", "the sshd program", &h.sshd, false},
	    {"config", "f", NULL, "FILE", "its configuration, when it is not the usual one", &h.config, false},
	    CLI_API_OPTIONS(c),
	};

	int r = cli_options(c, argc, argv,
	                    "sallyport doctor host [--app HOST | --ca-key FILE] [--sshd PATH] [--config FILE]", table,
	                    sizeof table / sizeof *table, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (pos.n) {
		fputs("usage: sallyport doctor host [--app HOST | --ca-key FILE] [--sshd PATH] [--config FILE]\n",
		      stderr);
		return 2;
	}
	return run(&h);
}
