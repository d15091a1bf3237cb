/*
 * portable: `sallyport-judge --export` and `--import`, short-lived, for backup and restore: the parent gives the folder
 * "state" and a file "documents"; the store is written to it (store/dump.h), or an empty store filled from it, confined
 * as judge is. pr_ready = done; pr_fatal = nothing was done.
 */
#ifndef JUDGE_PORTABLE_H
#define JUDGE_PORTABLE_H

#include <stdbool.h>

int portable_main(bool import); /* exit status */

#endif
