/* client_key: the SSH key of an application in the client's home: <A>-cf_key (0600) and <A>-cf_key.pub. May block: yes.
 */
#ifndef CLI_ACCESS_CLIENT_KEY_H
#define CLI_ACCESS_CLIENT_KEY_H

#include "cli/access/app.h"
#include "ssh/sshkey.h"

/* A fresh one, in memory; cnf as tokens name it. */
int client_key_make(struct key **ret_key, struct sshkey *ret_pub, char cnf[static 44]);
/* Onto the disk, in place of the one before, whose certificate goes. Prints errors. */
int client_key_store(const struct cli *c, const struct app *a, struct key *key, const struct sshkey *pub);
/* cnf of the one that lies there, with its private half; E_NOENT and the like, silent. */
int client_key_cnf(const struct cli *c, const struct app *a, char cnf[static 44]);

#endif
