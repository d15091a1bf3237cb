#include "ca/build.h"

#include <stdlib.h>
#include <string.h>

#include "core/str.h"

static void
plan_extensions(const struct ca_request *q, struct ca_plan *p)
{
	for (size_t i = 0; i < CA_EXTENSIONS_MAX; i++)
		for (size_t j = 0; j < q->nextensions; j++)
			if (!strcmp(ca_extensions[i], q->extensions[j]))
				p->extensions[p->nextensions++] = ca_extensions[i];
}

static int
text_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Canonical, sorted, without duplicates, comma-separated: the form of the critical option. */
static int
plan_sources(const struct ca_request *q, struct ca_plan *p)
{
	char v[CA_SOURCES_MAX][CA_CIDR_MAX];
	size_t at = 0, n = q->nsource_address;
	for (size_t i = 0; i < n; i++) {
		int e = ca_cidr_canonical(q->source_address[i], v[i]);
		if (e)
			return e;
	}
	qsort(v, n, sizeof *v, text_order);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(v[i]);
		if (i && !strcmp(v[i], v[i - 1]))
			continue;
		if (at)
			p->source_address[at++] = ',';
		memcpy(p->source_address + at, v[i], len);
		at += len;
	}
	p->source_address[at] = 0;
	return 0;
}

int
ca_plan(const struct ca_request *q, struct ca_plan *ret_p, struct reason *r)
{
	struct ca_plan p = {0};
	int e = ca_request_check(q, r);
	if (e)
		return e;
	e = sshkey_parse_line(q->public_key, strlen(q->public_key), &p.subject, r);
	if (e)
		return e;
	e = plan_sources(q, &p);
	if (!e)
		e = ca_key_id(q->email, q->session, p.key_id);
	if (!e)
		e = str_copy(p.principal, sizeof p.principal, q->principal);
	if (e) {
		ca_plan_release(&p);
		return reason_set(r, e, SP_INTERNAL, "cannot plan the certificate: %s", err_str(e));
	}
	plan_extensions(q, &p);
	sshkey_fingerprint(sshkey_blob(&p.subject), p.fingerprint);
	p.serial = q->serial;
	p.valid_after = q->now - q->backdate;
	p.valid_before = p.valid_after + q->ttl; /* the whole life is the configured one */
	memcpy(p.nonce, q->nonce, sizeof p.nonce);
	*ret_p = p;
	return 0;
}

void
ca_plan_release(struct ca_plan *p)
{
	sshkey_release(&p->subject);
}

static void
plan_cert(const struct ca_plan *p, struct sshcert *c)
{
	c->kind = SSHCERT_USER;
	c->serial = p->serial;
	c->key_id = p->key_id;
	c->principals[0] = p->principal;
	c->nprincipals = 1;
	c->valid_after = (uint64_t)p->valid_after;
	c->valid_before = (uint64_t)p->valid_before;
	memcpy(c->nonce, p->nonce, sizeof c->nonce);
	if (p->source_address[0])
		c->critical[c->ncritical++] = (struct sshcert_option){"source-address", p->source_address};
	for (size_t i = 0; i < p->nextensions; i++)
		c->extensions[c->nextensions++] = (struct sshcert_option){p->extensions[i], NULL};
}

int
ca_finish(const struct ca_plan *p, struct key *ca, struct buf *out_line, struct reason *r)
{
	struct sshcert c = {0};
	struct sshkey ca_pub = {0};
	struct buf blob;
	buf_init(&blob, SSHCERT_BLOB_MAX);
	int e = sshkey_from_key(ca, NULL, &ca_pub);
	if (e)
		goto out;
	if (slice_eq(sshkey_blob(&ca_pub), sshkey_blob(&p->subject))) {
		e = reason_set(r, E_DENIED, SP_KEY_REFUSED, "the authority's own key is not signed");
		goto done;
	}
	plan_cert(p, &c);
	e = sshcert_sign(&c, &p->subject, ca, &blob);
	if (!e)
		e = sshcert_format_line(buf_slice(&blob), NULL, out_line);
out:
	if (e)
		(void)reason_set(r, e, SP_INTERNAL, "cannot sign: %s", err_str(e));
done:
	sshkey_release(&ca_pub);
	buf_release(&blob);
	return e;
}

int
ca_build(const struct ca_request *q, struct key *ca, struct ca_plan *ret_p, struct buf *out_line, struct reason *r)
{
	struct ca_plan p = {0};
	int e = ca_plan(q, &p, r);
	if (e)
		return e;
	e = ca_finish(&p, ca, out_line, r);
	if (!e && ret_p) {
		*ret_p = p;
		return 0;
	}
	ca_plan_release(&p);
	return e;
}
