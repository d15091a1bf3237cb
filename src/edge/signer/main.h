/* main: what both ways to start the signer share. */
#ifndef EDGE_SIGNER_MAIN_H
#define EDGE_SIGNER_MAIN_H

#include "edge/signer/signer.h"
#include "msg/parent_role.h"

int signer_configure(struct signer *s, const struct pr_start *m);
int signer_take_file(struct signer *s, const char *name, int fd); /* takes fd */
int signer_init_main(struct signer *s);                           /* `--init`; exit status */

#endif
