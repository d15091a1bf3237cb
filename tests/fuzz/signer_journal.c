/* The signer's journal as somebody with the disk could leave it: opened, or refused with a text; never anything else.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edge/signer/journal.h"

static void
each(const json_t *line, void *arg)
{
	if (json_i64_or(line, "n", 0) <= 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct journal j;
	struct reason r = {0};
	int fd = memfd_create("journal", 0);

	if (fd < 0 || (n && write(fd, p, n) != (ssize_t)n))
		abort();
	int e = journal_open(&j, fd, each, NULL, &r);
	if (e < 0 && !r.text[0])
		abort();
	if (e == 0) { /* what stands can be continued, and then opens again */
		int again = dup(fd);
		struct journal k;
		lseek(fd, 0, SEEK_END);
		journal_begin(&j, 5, 1, "x");
		journal_str(&j, "s", "a\"b\\c\n\x7f");
		journal_num(&j, "i", -5);
		journal_bool(&j, "b", n % 2 == 0);
		if (journal_dirty(&j) || journal_end(&j) < 0 || !journal_dirty(&j) || journal_commit(&j) < 0 ||
		    journal_open(&k, again, each, NULL, &r) < 0 || k.n != j.n)
			abort();
		journal_release(&k);
	}
	journal_release(&j);
	return 0;
}
