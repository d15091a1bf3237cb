/* For parsers that are also reached through a file: the input as a 0600 file in a folder of this process's own, which
 * goes when the process ends well. */
#ifndef FUZZ_FUZZ_FILE_H
#define FUZZ_FUZZ_FILE_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"

static char fuzz_dir[64], fuzz_path[128];

static void
fuzz_file_drop(void)
{
	unlink(fuzz_path);
	rmdir(fuzz_dir);
}

/* Writes the input to fuzz_path, which is always fuzz_dir/name. */
static void
fuzz_file(const char *name, const uint8_t *p, size_t n)
{
	static int fd = -1;

	if (fd < 0) {
		snprintf(fuzz_dir, sizeof fuzz_dir, "/tmp/fuzz-XXXXXX");
		MUST(mkdtemp(fuzz_dir));
		snprintf(fuzz_path, sizeof fuzz_path, "%s/%s", fuzz_dir, name);
		fd = open(fuzz_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		MUST(fd >= 0);
		atexit(fuzz_file_drop);
	}
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, p, n, 0) == (ssize_t)n);
}

#endif
