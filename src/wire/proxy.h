/*
 * proxy: the head that a load balancer puts in front of a connection to say whose it is: PROXY protocol versions 1 and
 * 2 (haproxy, doc/proxy-protocol.txt, 2020-03-05). Engine: takes exactly the head's bytes, never one of what follows.
 *
 * Strict: version 1 has a space between fields, addresses of the family it names, ports without leading zeros, CR LF
 * within 107 bytes; version 2 has version 2, command LOCAL or PROXY, lengths that fit, at most PROXY_HEAD_MAX bytes.
 * LOCAL, UNKNOWN, UNSPEC and Unix addresses say nothing: the connection is the proxy's own. Datagrams are refused. TLVs
 * are skipped.
 */
#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define PROXY_HEAD_MAX 2048u /* an unknown peer must not make us wait for more */
#define PROXY_IP_MAX 46u

struct proxy_in {
	uint8_t d[PROXY_HEAD_MAX];
	size_t n;
	bool done;
	char ip[PROXY_IP_MAX]; /* "" = says nothing */
	uint16_t port;
};

void proxy_in_init(struct proxy_in *p);
/* Takes bytes; *ret_used of the n belong to the head. p->done once it is complete. E_FORMAT with a reason. */
int proxy_in_feed(struct proxy_in *p, const uint8_t *d, size_t n, size_t *ret_used, struct reason *why);

#endif
