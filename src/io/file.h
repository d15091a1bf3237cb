/*
 * file: files of ours, whole or not at all.
 */
#ifndef IO_FILE_H
#define IO_FILE_H

#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"

/* Whole file into out, at most out->max bytes. */
int file_read(const char *path, struct buf *out);
int file_read_fd(int fd, struct buf *out);
/* The same, but E_DENIED with a reason unless it is a regular file, owned by us or root, and without any bit of
 * `forbidden` (e.g. 077). */
int file_read_private(const char *path, mode_t forbidden, struct buf *out, struct reason *why);
/* Writes a temporary file beside, fsyncs, renames over, fsyncs the folder. Refuses to follow a symlink at path. */
int file_write_atomic(const char *path, mode_t mode, const void *p, size_t n);
/* Creates path exclusively (E_EXIST). */
int file_write_new(const char *path, mode_t mode, const void *p, size_t n);
int file_mkdirs(const char *path, mode_t mode); /* existing folders are left as they are */
void fd_limit_raise(void);                      /* to what the system permits this process: a descriptor a connection */
int fd_write_all(int fd, const void *p, size_t n);

#endif
