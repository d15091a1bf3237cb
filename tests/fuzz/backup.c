/* A backup file: whatever it says, paths stay inside, sizes add up, and pieces of any length give the same. */
#include <string.h>

#include "edge/parent/archive.h"
#include "fuzz.h"

struct seen {
	uint64_t left, bytes;
	unsigned files, done;
	bool open;
};

static int
on_file(void *arg, const char *path, unsigned mode, uint64_t size)
{
	struct seen *s = arg;

	MUST(!s->open && path[0] != '/' && !strstr(path, "/../") && !strstr(path, "//") &&
	     strlen(path) <= ARCHIVE_PATH_MAX && mode <= 0777);
	s->open = true;
	s->left = size;
	s->files++;
	return 0;
}

static int
on_data(void *arg, const void *p, size_t n)
{
	struct seen *s = arg;

	MUST(s->open && n && n <= s->left);
	s->left -= n;
	s->bytes += n;
	return 0;
}

static int
on_done(void *arg)
{
	struct seen *s = arg;

	MUST(s->open && s->left == 0);
	s->open = false;
	s->done++;
	return 0;
}

static int
feed(const uint8_t *d, size_t n, size_t step, struct seen *s)
{
	static const struct archive_ops ops = {on_file, on_data, on_done};
	struct reason r = {0};
	struct archive a;
	int e = 0;

	archive_init(&a, &ops, s);
	for (size_t i = 0; e == 0 && i < n; i += step)
		e = archive_feed(&a, d + i, n - i < step ? n - i : step, &r);
	if (e == 0)
		e = archive_finish(&a, &r);
	MUST(e == 0 || r.text[0]);
	archive_release(&a);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct seen one = {0}, many = {0};
	int e = feed(d, n, n ? n : 1, &one);

	MUST(feed(d, n, 7, &many) == e);
	MUST(one.files == many.files && one.bytes == many.bytes && one.done == many.done);
	MUST(e < 0 || (one.files == one.done && !one.open));
	return 0;
}
