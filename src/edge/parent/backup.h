/*
 * backup: `sallyportd backup` and `restore`. A backup holds what an edge needs to live again elsewhere: configuration,
 * documents of the store (one moment of it, asked from either backend while the edge runs), sealed keys, provider
 * secrets, audit, the private CA; not what opens the sealed part (node.key) nor the administrator's tokens, unless
 * asked with --with-keys. The store's part is done by `sallyport-judge --export` and `--import` under judge's own user.
 * A backup is written beside and renamed; a restore reads the file through twice and touches nothing before it is
 * whole.
 */
#ifndef EDGE_PARENT_BACKUP_H
#define EDGE_PARENT_BACKUP_H

#include <stdbool.h>

int edge_backup(const char *dir, const char *file, bool with_keys);             /* exit status */
int edge_restore(const char *dir, const char *file, const char *store_or_null); /* exit status */

#endif
