#include "edge/judge/client_cert.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/x509_client.h"

#define PUSH_HOSTS_MAX 1000u
#define PUSH_BYTES_MAX (3u << 19) /* a message holds 2 MiB */

struct client_cert {
	struct list age;
	char key[65], ca[40], print[65];
	struct x509_client who;
	int64_t until;
};

static void
forget(struct judge *j, struct client_cert *c)
{
	map_take(&j->client_certs, c->key);
	list_remove(&c->age);
	free(c);
}

void
client_certs_drop(struct judge *j)
{
	while (!list_empty(&j->client_cert_age))
		forget(j, list_entry(j->client_cert_age.next, struct client_cert, age));
}

const struct client_ca *
client_ca_standing(const struct snapshot *s, const char *id, const char *fingerprint, const char *host)
{
	for (size_t i = 0; i < s->nclient_cas; i++) {
		const struct client_ca *c = s->client_cas[i];
		if (!strcmp(c->id, id) && !strcmp(c->fingerprint, fingerprint) &&
		    texts_has(&c->associated_hostnames, host))
			return c;
	}
	return NULL;
}

static void
key_of(const struct judge *j, const char *host, struct slice der, char out[static 65])
{
	struct sha256_state s;
	uint8_t h[SHA256_LEN];

	sha256_init(&s);
	sha256_update(&s, &j->snap->epoch, sizeof j->snap->epoch);
	sha256_update(&s, host, strlen(host) + 1);
	sha256_update(&s, der.p, der.n);
	sha256_final(&s, h);
	hex_encode_str(out, 65, h, sizeof h);
}

/* Against each authority of the host; ca "" = of none. */
static void
verify(const struct judge *j, const char *host, const char *ip, struct slice der, struct client_cert *c)
{
	struct reason why = {0};

	for (size_t i = 0; i < j->snap->nclient_cas; i++) {
		const struct client_ca *ca = j->snap->client_cas[i];
		if (!texts_has(&ca->associated_hostnames, host))
			continue;
		if (x509_client_verify(slice_str(ca->certificate), der, judge_now(), &c->who, &why) == 0) {
			str_copy(c->ca, sizeof c->ca, ca->id);
			str_copy(c->print, sizeof c->print, ca->fingerprint);
			return;
		}
	}
	log_warn("client_certificate", "host", host, "ip", ip, "why",
	         why.text[0] ? why.text : "no authority names this host", NULL);
}

static struct client_cert *
look(struct judge *j, const char *host, const char *ip, struct slice der)
{
	char key[65];

	key_of(j, host, der, key);
	struct client_cert *c = map_get(&j->client_certs, key);
	if (c && clock_mono_ms() < c->until)
		return c;
	if (c)
		forget(j, c);
	else if (map_len(&j->client_certs) >= CLIENT_CERTS_MAX)
		forget(j, list_entry(j->client_cert_age.next, struct client_cert, age));
	if (!(c = calloc(1, sizeof *c)))
		return NULL;
	str_copy(c->key, sizeof c->key, key);
	verify(j, host, ip, der, c);
	c->until = clock_mono_ms() + CLIENT_CERT_MS;
	if (map_put(&j->client_certs, c->key, c) < 0) {
		free(c);
		return NULL;
	}
	list_push(&j->client_cert_age, &c->age);
	return c;
}

int
client_cert_find(struct judge *j, const char *host, const char *ip, struct slice der, struct client_cert_is *ret)
{
	const struct client_cert *c = der.n ? look(j, host, ip, der) : NULL;

	if (!c || !*c->ca || judge_now() > c->who.not_after)
		return E_NOENT;
	*ret = (struct client_cert_is){c->ca, c->print, c->who.common_name, c->who.not_after};
	return 0;
}

void
client_cert_judge(struct req *r)
{
	struct client_cert_is c;

	if (client_cert_find(r->j, r->host, r->client_ip, r->cert, &c) < 0)
		return;
	r->who.cert_ca = req_fmt(r, "%s", c.ca);
	r->who.common_name = *c.common_name ? req_fmt(r, "%s", c.common_name) : NULL;
	r->cert_label = req_fmt(r, "cert:%s", c.common_name); /* no e-mail address has a colon */
	r->cert_print = req_fmt(r, "%s", c.print);
	r->cert_until = c.not_after;
}

void
client_cert_again(struct req *r)
{
	if (!r->who.cert_ca)
		return;
	r->who.cert_ca = r->who.common_name = r->cert_label = r->cert_print = NULL;
	r->cert_until = 0;
	client_cert_judge(r);
}

/* --- front ------------------------------------------------------------------------------------------------------- */

bool
client_cas_differ(const struct snapshot *a, const struct snapshot *b)
{
	if (!a || a->nclient_cas != b->nclient_cas)
		return true;
	for (size_t i = 0; i < b->nclient_cas; i++) {
		json_t *x = client_ca_to_json(a->client_cas[i], MODEL_STORE),
		       *y = client_ca_to_json(b->client_cas[i], MODEL_STORE);
		bool same = x && y && json_equal(x, y);
		json_decref(x);
		json_decref(y);
		if (!same)
			return true;
	}
	return false;
}

/* One text of all authorities of a host. */
static char *
roots_of(const struct snapshot *s, const char *host)
{
	struct buf b;
	int e = 0;

	buf_init(&b, X509_ROOTS_BYTES);
	for (size_t i = 0; e == 0 && i < s->nclient_cas; i++)
		if (texts_has(&s->client_cas[i]->associated_hostnames, host))
			e = buf_putf(&b, "%s\n", s->client_cas[i]->certificate);
	char *text = e == 0 ? buf_take_str(&b) : NULL;
	if (!text)
		log_error("client_cas", "host", host, "why", "its authorities are too large together", NULL);
	buf_release(&b);
	return text;
}

/* By one channel only, so that no older set can arrive after a newer one. */
void
client_cas_push(struct judge *j)
{
	const struct snapshot *s = j->snap;
	const char **v = calloc(2 * PUSH_HOSTS_MAX, sizeof *v);
	size_t n = 0, bytes = 0;

	if (!s || !v || !j->front[0].ipc) {
		free(v);
		return;
	}
	for (size_t i = 0; i < s->nclient_cas; i++)
		for (size_t k = 0; k < s->client_cas[i]->associated_hostnames.n; k++) {
			const char *host = s->client_cas[i]->associated_hostnames.v[k];
			bool known = false;
			for (size_t m = 0; m < n; m += 2)
				known |= !strcmp(v[m], host);
			char *pem = known || n == 2 * PUSH_HOSTS_MAX ? NULL : roots_of(s, host);
			if (!pem)
				continue;
			bytes += strlen(pem) + strlen(host);
			v[n++] = host;
			v[n++] = pem;
		}
	struct fj_clients m = {.v = {v, n}};
	/* A host that does not ask gets no certificate, and its policy denies. */
	if (bytes > PUSH_BYTES_MAX || ipc_send(j->front[0].ipc, &fj_clients_def, &m) < 0)
		log_error("client_cas", "why", "too many authorities and names for one message", NULL);
	for (size_t i = 1; i < n; i += 2)
		free((char *)(uintptr_t)v[i]);
	free(v);
}
