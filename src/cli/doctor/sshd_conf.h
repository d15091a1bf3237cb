/*
 * sshd_conf: the texts that doctor reads: what `sshd -T` prints, and what our certificates need of it. Pure.
 *
 * A line is a lower-case keyword, a space and the value; a keyword may repeat. Borrowed from nothing: the text is
 * copied. Limits: SSHD_CONF_MAX bytes.
 */
#ifndef CLI_DOCTOR_SSHD_CONF_H
#define CLI_DOCTOR_SSHD_CONF_H

#include "core/buf.h"
#include "core/err.h"

#define SSHD_CONF_MAX (1u << 20)

struct sshd_conf {
	char *text; /* owned; lines ended by NUL */
	size_t n;
};
int sshd_conf_parse(const void *p, size_t n, struct sshd_conf *ret_c); /* E_FORMAT when it is no such output */
void sshd_conf_release(struct sshd_conf *c);
/* First value of a keyword; "" when it stands there without one; NULL when absent. */
const char *sshd_conf_get(const struct sshd_conf *c, const char *keyword);

/* Is the name an element of a list with commas? */
bool sshd_list_has(const char *list, const char *name);
/* The i-th word of a value that is a list of file names (trustedusercakeys, authorizedprincipalsfile); false = no more.
 */
bool sshd_word(const char *value, size_t i, char *out, size_t n);
/* Is a path set at all: neither absent nor "none". */
bool sshd_is_set(const char *value);
/* The signature algorithm that a CA of a key type ("ssh-rsa") signs certificates with here. */
const char *sshd_ca_algorithm(const char *key_type);
/* An AuthorizedPrincipalsFile that is one file for every account lets each principal in it be anybody. */
bool sshd_per_user(const char *path);

/* RFC 9110 section 5.6.7, the preferred form only. E_FORMAT. */
int http_date_parse(const char *s, int64_t *ret_wall);

#endif
