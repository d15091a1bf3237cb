/*
 * members: the items of one list, made ready so that asking about one address costs a look-up, not a walk.
 *
 * Built from a checked record; the record may be freed after. Nothing changes after members_init. May block: no.
 */
#ifndef POLICY_MEMBERS_H
#define POLICY_MEMBERS_H

#include "core/arena.h"
#include "core/map.h"
#include "model/access_list.h"

struct members_net {
	uint8_t addr[16];
	uint8_t bits;
};
struct members {
	int type;                 /* enum access_list_type */
	struct map email;         /* ACCESS_LIST_EMAIL */
	struct members_net *nets; /* ACCESS_LIST_IP, by bits, then address; in the arena */
	size_t nnets;
};
int members_init(struct members *m, const struct access_list *l, struct arena *a);
void members_release(struct members *m);                                      /* safe on a zeroed one */
bool members_have_email(const struct members *m, const char *email);          /* lower case */
bool members_have_ip(const struct members *m, const uint8_t addr[static 16]); /* as model_addr gives it */

#endif
