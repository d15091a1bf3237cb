#include "edge/judge/config_check.h"

#include <string.h>

#include "core/secret.h"
#include "core/str.h"
#include "crypto/password.h"
#include "ssh/sshkey.h"
#include "wire/ingress.h"

int
config_check(const json_t *config, struct model_error *err)
{
	struct ingress *in = NULL;
	struct conf_error bad = {0};

	if (ingress_from_json(config, &in, &bad) < 0)
		return model_fail(err, "/ingress", "%s", bad.text);
	ingress_unref(in);
	return 0;
}

/* "host:port", "CIDR:port" */
static bool
destination_form(const char *s)
{
	const char *slash = strchr(s, '/'), *colon = strrchr(s, ':');
	struct hostport hp;
	uint8_t net[16];
	unsigned bits;
	char text[64];
	size_t n;

	if (!slash)
		return hostport_parse(s, 22, &hp) == 0;
	if (!colon || colon < slash)
		return false;
	n = (size_t)(colon - s);
	if (n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (text[0] == '[' && text[n - 1] == ']') {
		memmove(text, text + 1, n - 2);
		text[n - 2] = '\0';
	}
	return model_cidr(text, net, &bits) == 0 && strspn(colon + 1, "0123456789") == strlen(colon + 1) && colon[1];
}

/* A private network's destinations are addresses: nobody resolves a name for them. */
static bool
address_form(const char *s)
{
	struct hostport hp;

	return strchr(s, '/') ? destination_form(s) : hostport_parse(s, 22, &hp) == 0 && hp.is_ip;
}

static int
private_check(const struct app *a, struct model_error *err)
{
	char at[64];

	if (a->type == APP_SSH)
		return model_fail(err, "/type",
		                  "found ssh with service warp-routing, expected self_hosted: sessions in "
		                  "the browser need a service of their own");
	if (!a->destinations.n && !a->default_destination)
		return model_fail(err, "/destinations",
		                  "found none with service warp-routing, expected CIDR:PORT such as 10.0.0.0/8:22");
	if (a->default_destination && !address_form(a->default_destination))
		return model_fail(err, "/default_destination",
		                  "found \"%.80s\", expected ADDRESS:PORT such as 10.0.0.5:22", a->default_destination);
	for (size_t i = 0; i < a->destinations.n; i++) {
		snprintf(at, sizeof at, "/destinations/%zu", i);
		if (!address_form(a->destinations.v[i]))
			return model_fail(err, at,
			                  "found \"%.80s\", expected ADDRESS:PORT or CIDR:PORT such as 10.0.0.0/8:22",
			                  a->destinations.v[i]);
	}
	return 0;
}

static int
service_check(const struct app *a, struct model_error *err)
{
	struct ingress_rule rule = {0};
	char why[256] = "", at[64];

	if (app_is_private(a))
		return private_check(a, err);
	if (a->service && service_parse(a->service, &rule, why, sizeof why) < 0)
		return model_fail(err, "/service", "found \"%.80s\": %s; expected ssh://localhost:22 or bastion",
		                  a->service, why);
	if (a->default_destination && !destination_form(a->default_destination))
		return model_fail(err, "/default_destination",
		                  "found \"%.80s\", expected HOST:PORT such as localhost:22", a->default_destination);
	for (size_t i = 0; i < a->destinations.n; i++) {
		snprintf(at, sizeof at, "/destinations/%zu", i);
		if (!destination_form(a->destinations.v[i]))
			return model_fail(err, at,
			                  "found \"%.80s\", expected HOST:PORT or CIDR:PORT such as 10.0.0.0/8:22",
			                  a->destinations.v[i]);
	}
	return 0;
}

bool
host_is_edge(const char *host, const char *team_host)
{
	/* A stock connector serves management.argotunnel.com itself, without checking who asks. */
	static const char *const zones[] = {"argotunnel.com", "cftunnel.com", "cfargotunnel.com"};

	if (!strcmp(host, team_host))
		return true;
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
		size_t n = strlen(host), k = strlen(zones[i]);
		if (n >= k && !strcmp(host + n - k, zones[i]) && (n == k || host[n - k - 1] == '.'))
			return true;
	}
	return false;
}

static int
username_check(const char *s, const char *list, size_t i, struct model_error *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_", rest[] = "abcdefghijklmnopqrstuvwxyz_0123456789.-";
	char at[96];
	size_t n = strlen(s);

	if (!strcmp(s, "{email_prefix}") || (n && n <= 32 && strchr(first, *s) && strspn(s, rest) == n))
		return 0;
	snprintf(at, sizeof at, "%s/%zu", list, i);
	return model_fail(err, at, "found \"%.60s\", expected {email_prefix} or a Unix name [a-z_][a-z0-9._-]{0,31}",
	                  s);
}

int
policy_fit_check(const struct policy *p, struct model_error *err)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->usernames.n; i++)
		e = username_check(p->usernames.v[i], "/usernames", i, err);
	return e;
}

static int
policy_names_check(const struct policy *p, struct model_error *err)
{
	int e = policy_fit_check(p, err);

	if (e < 0)
		model_error_prefix(err, "/policies/%zu", p->listed);
	return e;
}

static int
extension_check(const struct texts *t, size_t i, struct model_error *err)
{
	char at[64];

	snprintf(at, sizeof at, "/ssh/extensions/%zu", i);
	for (size_t k = 0; k < i; k++)
		if (!strcmp(t->v[k], t->v[i]))
			return model_fail(err, at, "found \"%.60s\" twice, expected it once", t->v[i]);
	if (!strcmp(t->v[i], "no-touch-required"))
		return model_fail(err, at,
		                  "found \"no-touch-required\", which is never signed: a touch proves that the "
		                  "user is there");
	return 0;
}

/* "ssh-ed25519 AAAA...", "@cert-authority [hosts] ssh-ed25519 AAAA..." */
static int
host_key_check(const char *line, size_t i, struct model_error *err)
{
	static const char ca[] = "@cert-authority ";
	const char *key = str_starts(line, ca) ? line + sizeof ca - 1 : line, *sp = strchr(key, ' ');
	struct sshkey k = {0};
	char at[64];
	int e = sshkey_parse_line(key, strlen(key), &k, NULL);

	if (e < 0 && key != line && sp)
		e = sshkey_parse_line(sp + 1, strlen(sp + 1), &k, NULL);
	sshkey_release(&k);
	snprintf(at, sizeof at, "/ssh/host_keys/%zu", i);
	return e < 0 ? model_fail(err, at, "found \"%.60s\", expected a public key such as ssh-ed25519 AAAA...", line)
	             : 0;
}

/* A connector knows hosts whole, and "*.rest". */
static bool
host_is_pushable(const char *host)
{
	return !strchr(host, '*') || (str_starts(host, "*.") && !strchr(host + 1, '*'));
}

static int
site_fit_check(const struct app *a, size_t i, const char *team_host, struct model_error *err)
{
	const char *host = a->sites[i].host, *at = app_site_member(a, i);
	uint8_t ip[16];

	if (host_is_edge(host, team_host))
		return model_fail(err, at, "found \"%.80s\", which is a name of the edge itself; expected another",
		                  host);
	if (model_addr(host, ip) == 0)
		return model_fail(err, at, "found \"%.80s\", expected a host name, not an address", host);
	if (a->service && !host_is_pushable(host))
		return model_fail(err, at,
		                  "found \"%.80s\" with a service; connectors understand *.example.com only. Leave "
		                  "service out and let the connector's own config.yml name it",
		                  host);
	return 0;
}

int
app_fit_check(const struct app *a, const char *team_host, struct model_error *err)
{
	int e = service_check(a, err);

	for (size_t i = 0; e == 0 && i < a->nsites; i++)
		e = site_fit_check(a, i, team_host, err);
	for (size_t i = 0; e == 0 && i < a->ssh.usernames.n; i++)
		e = username_check(a->ssh.usernames.v[i], "/ssh/usernames", i, err);
	for (size_t k = 0; e == 0 && k < a->npolicies; k++)
		e = policy_names_check(a->policies[k], err);
	for (size_t i = 0; e == 0 && i < a->ssh.extensions.n; i++)
		e = extension_check(&a->ssh.extensions, i, err);
	for (size_t i = 0; e == 0 && i < a->ssh.host_keys.n; i++)
		e = host_key_check(a->ssh.host_keys.v[i], i, err);
	return e;
}

static bool
totp_ok(const struct secret *t)
{
	struct buf raw;
	char text[128];

	if (str_copy_n(text, sizeof text, t->d, t->n) < 0)
		return false;
	if (!strcmp(text, "-")) /* none any more */
		return true;
	buf_init_secret(&raw, sizeof text);
	bool ok = base32_decode(&raw, text, t->n) == 0 && buf_len(&raw) >= 10;
	buf_release(&raw);
	mem_wipe(text, sizeof text);
	return ok;
}

int
idp_users_check(const struct idp *i, struct model_error *err)
{
	char hash[PASSWORD_HASH_MAX], at[64];

	for (size_t k = 0; k < i->nusers; k++) {
		const struct secret *h = &i->users[k].password_hash, *t = &i->users[k].totp;
		snprintf(at, sizeof at, "/users/%zu/password_hash", k);
		if (h->n && (str_copy_n(hash, sizeof hash, h->d, h->n) < 0 || !password_hash_ok(hash)))
			return model_fail(err, at, "found no argon2id hash; 'sallyport admin hash' makes one");
		snprintf(at, sizeof at, "/users/%zu/totp", k);
		if (t->n && !totp_ok(t))
			return model_fail(err, at,
			                  "found no base32 of 10 bytes or more, expected for example JBSWY3DPEHPK3PXP");
	}
	return 0;
}
