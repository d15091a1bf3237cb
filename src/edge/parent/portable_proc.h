/* portable_proc: `sallyport-judge --export` or `--import` as a child, waited for. */
#ifndef EDGE_PARENT_PORTABLE_PROC_H
#define EDGE_PARENT_PORTABLE_PROC_H

#include "edge/parent/edge_conf.h"

/* fd: the documents, written from or read at its offset. May block: until it is done. */
int portable_run(const struct edge_conf *c, const char *what, int fd, struct reason *why);

#endif
