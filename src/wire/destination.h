/* destination: one entry of a bastion's allow-list, parsed. Shared by destination.c and ingress.c only. */
#ifndef WIRE_DESTINATION_H
#define WIRE_DESTINATION_H

#include "wire/ingress.h"

struct entry {
	char host[HOST_MAX + 1]; /* a name; "" when it is an address or range */
	uint8_t ip[16];
	unsigned iplen, bits;
	uint16_t port; /* 0 = any */
};
int entry_parse(const char *s, struct entry *ret_e);

#endif
