/*
 * archive: the form of a backup file. An engine without I/O: the reader is fed bytes and calls back, the writer gives
 * bytes. May block: no.
 *
 *   "sallyport-backup 1\n"
 *   for each file "file MODE SIZE PATH\n" (mode octal, 4 digits; size decimal) and SIZE bytes
 *   "end SHA256\n" (64 hex digits: of everything before this line), and nothing after it
 *
 * Paths are relative, of [A-Za-z0-9._-] and "/", in the places that a backup has (archive_path_ok): whatever a file
 * says, nothing is written elsewhere.
 */
#ifndef EDGE_PARENT_ARCHIVE_H
#define EDGE_PARENT_ARCHIVE_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/err.h"
#include "crypto/hash.h"

#define ARCHIVE_HEAD "sallyport-backup 1\n"
#define ARCHIVE_PATH_MAX 255
#define ARCHIVE_LINE_MAX 320
#define ARCHIVE_FILES_MAX 1000000u /* recordings are files too */

bool archive_path_ok(const char *path);

/* The line before a file's bytes, and the last line. */
int archive_file_line(const char *path, unsigned mode, uint64_t size, char out[static ARCHIVE_LINE_MAX]);
void archive_end_line(struct sha256_state *h, char out[static 70]); /* ends h */

struct archive_ops {
	int (*file)(void *arg, const char *path, unsigned mode, uint64_t size);
	int (*data)(void *arg, const void *p, size_t n); /* in pieces, size bytes in all */
	int (*done)(void *arg);                          /* the file's last byte was given */
};
struct archive {
	const struct archive_ops *ops; /* NULL: only checked */
	void *arg;
	struct sha256_state hash;
	char line[ARCHIVE_LINE_MAX];
	size_t nline;
	uint64_t left; /* bytes of the open file */
	bool open, head, ended;
	uint32_t files;
};
void archive_init(struct archive *a, const struct archive_ops *ops, void *arg);
int archive_feed(struct archive *a, const void *p, size_t n, struct reason *r); /* or what a callback answered */
int archive_finish(const struct archive *a, struct reason *r);                  /* E_TRUNC */
void archive_release(struct archive *a);                                        /* safe on a zeroed one */

#endif
