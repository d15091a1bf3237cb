/*
 * init: makes the folder of a new edge. Everything secret is made by `sallyport-signer --init`; this program only
 * writes the files. Refuses a folder that holds anything but what a failed init left; a failed init removes what it
 * made.
 */
#ifndef EDGE_PARENT_INIT_H
#define EDGE_PARENT_INIT_H

#include <stdbool.h>

struct init_args {
	const char *dir, *team, *listen, *tunnel_listen, *metrics_listen, *store, *admin, *passphrase_fd, *file;
	bool with_keys;
	bool help; /* only asked what there is */
};
/* --node-passphrase-fd: its text into a sealed memory file. Says what is wrong. */
int node_passphrase(const char *cmd, const char *text, int *ret_fd);
int edge_init(const struct init_args *a); /* exit status */

#endif
