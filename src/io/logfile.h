/*
 * logfile: this process's log in a file that never grows without bound: at `max` bytes NAME becomes NAME.1, NAME.1
 * becomes NAME.2 and so on; the oldest beyond `keep` goes. Lines are never split over two files. A rotation that fails
 * (a full disk, a folder taken away) goes on writing where it wrote. Once a process; any thread may log. May block: on
 * the disk.
 */
#ifndef IO_LOGFILE_H
#define IO_LOGFILE_H

#include <stddef.h>

#define LOGFILE_MAX (1u << 20) /* as the original: 1 MB, five old ones */
#define LOGFILE_KEEP 5u

/* Appends to path from now on. max 0: never rotated. E_IO with errno. */
int logfile_open(const char *path, size_t max, unsigned keep);

#endif
