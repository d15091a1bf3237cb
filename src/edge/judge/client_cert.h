/*
 * client_cert: certificates of TLS clients, as front shows them. Front has verified them in the handshake, and is not
 * believed: the whole chain is verified again here, against the authorities of the host name that was asked for.
 * May block: no.
 */
#ifndef JUDGE_CLIENT_CERT_H
#define JUDGE_CLIENT_CERT_H

#include "edge/judge/http.h"
#include "edge/judge/judge.h"

#define CLIENT_CERTS_MAX 2048u /* verdicts remembered, bad ones too */
#define CLIENT_CERT_MS 60000   /* then it is verified again */

/* What a certificate shown for a host is worth now; texts are the table's, until the next call. */
struct client_cert_is {
	const char *ca, *print, *common_name; /* common_name "" = none that a rule could name */
	int64_t not_after;
};
/* E_NOENT: of no authority of the host. */
int client_cert_find(struct judge *j, const char *host, const char *ip, struct slice der, struct client_cert_is *ret);
/* Fills r->who.cert_ca and common_name when what front showed is of an authority of r->host. */
void client_cert_judge(struct req *r);
void client_cert_again(struct req *r); /* after others worked: does what let it in still stand? */
/* The record of this id when it still has that fingerprint and names the host; else NULL. */
const struct client_ca *client_ca_standing(const struct snapshot *s, const char *id, const char *fingerprint,
                                           const char *host);
/* Which names ask for certificates, and of whom: told to front when its channel opens and when it changes. */
void client_cas_push(struct judge *j);
bool client_cas_differ(const struct snapshot *a, const struct snapshot *b);
void client_certs_drop(struct judge *j);

#endif
