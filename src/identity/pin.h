/*
 * pin: one-time codes that go by mail: digits from random bytes, and the mail that carries them. The mail has the code
 * and no link: what scans mail opens links, and would use it up. No I/O.
 *
 * Every text that gets into a header is an address of email_parse's form or a host name: anything else is E_FORMAT, so
 * that nobody adds a header or a recipient. May block: no.
 */
#ifndef IDENTITY_PIN_H
#define IDENTITY_PIN_H

#include "core/err.h"
#include "identity/email.h"

#define PIN_DIGITS 8
#define PIN_MINUTES 10
#define PIN_MAIL_MAX 4096

/* Every code is equally likely; random bytes that would not be are refused (E_RANGE): take others. */
int pin_make(const uint8_t random[static 8], char out[static PIN_DIGITS + 1]);
/* Digits alone, blanks that people type between them left out; E_FORMAT when it is no code. */
int pin_parse(const void *p, size_t n, char out[static PIN_DIGITS + 1]);

struct pin_mail {
	const char *from, *to; /* addresses */
	const char *team;      /* host where somebody signs in */
	const char *pin;
	const char *id; /* of the message: 32 hexadecimal digits */
	int64_t now;    /* wall seconds */
};
int pin_mail_format(const struct pin_mail *m, struct buf *out);

/* Another mail of the same form, to somebody who may approve an access; this one has a link, which decides nothing by
   being opened. */
struct asked_mail {
	const char *from, *to, *who; /* addresses; who asks */
	const char *team, *app;      /* hosts */
	uint32_t port;               /* of the team host; 443 is not written */
	const char *request;         /* id: hexadecimal digits and hyphens */
	const char *id;              /* of the message */
	int64_t now;
};
int asked_mail_format(const struct asked_mail *m, struct buf *out);

#endif
