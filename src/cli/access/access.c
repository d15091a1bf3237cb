#include "cli/access/access.h"

static const struct cli_command commands[] = {
    {"login", NULL, "sign in to an application: prints a link, opens a browser, stores the token", access_login},
    {"token", NULL, "print the stored token of an application", access_token},
    {"curl", NULL, "curl with the application's token", access_curl},
    {"logout", NULL, "forget tokens and keys, and end the session at the edge", access_logout},
    {"ssh-config", NULL, "print the ssh_config block for an application", access_ssh_config},
    {"ssh-gen", NULL, "make key and certificate ready (ssh runs this)", access_ssh_gen},
    {"ssh", "rdp", "connect standard input and output (ssh runs this as ProxyCommand)", access_ssh},
    {"tcp", "smb", "the same for any TCP service; --url listens", access_ssh},
};

static int
cmd_access(struct cli *c, int argc, char **argv)
{
	return cli_dispatch(c, "sallyport access", commands, sizeof commands / sizeof *commands, argc - 1, argv + 1);
}

const struct cli_command access_command = {"access", NULL, "reach applications: login, ssh-config, ssh, token, curl",
                                           cmd_access};
