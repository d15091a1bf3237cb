/*
 * pg_layout: whose database it is, and bringing ours to this release's schema. Not for other folders. May block: yes.
 */
#ifndef STORE_PG_LAYOUT_H
#define STORE_PG_LAYOUT_H

#include "store/pg.h"

/* Empty: laid out; ours and older: migrated; foreign, of another encoding or newer: refused. A failure leaves a
 * transaction open: drop the connection. */
int pg_layout(struct pg *p, struct reason *r);
int pg_layout_check(struct pg *p, struct reason *r); /* still ours and of a schema that we know */

#endif
