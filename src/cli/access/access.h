/* access: the commands of a user; each is a row of access.c's table. */
#ifndef CLI_ACCESS_ACCESS_H
#define CLI_ACCESS_ACCESS_H

#include "cli/common/cli.h"

int access_login(struct cli *c, int argc, char **argv);
int access_logout(struct cli *c, int argc, char **argv);
int access_token(struct cli *c, int argc, char **argv);
int access_curl(struct cli *c, int argc, char **argv);
int access_ssh_config(struct cli *c, int argc, char **argv);
int access_ssh_gen(struct cli *c, int argc, char **argv);
int access_ssh(struct cli *c, int argc, char **argv);

#endif
