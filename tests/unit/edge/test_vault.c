/* What fetch keeps to ask with: it survives restarts, torn writes and damage, and gives nothing away. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "edge/fetch/vault.h"

#define IDP "11111111-2222-4333-8444-555555555555"
#define IDP2 "22222222-2222-4333-8444-555555555555"
#define LATER 2000000000

static const uint8_t key[32] = {1, 2, 3}, other_key[32] = {9};

struct disk {
	int fd[2];
};

static void
handle(unsigned i, char out[33])
{
	snprintf(out, 33, "%032x", i);
}

static void
disk_new(struct disk *d)
{
	for (int i = 0; i < 2; i++)
		assert_true((d->fd[i] = memfd_create("vault", MFD_CLOEXEC)) >= 0);
}

static void
disk_free(struct disk *d)
{
	close(d->fd[0]);
	close(d->fd[1]);
}

static size_t
opened(struct vault *v, struct disk *d, const uint8_t *k)
{
	size_t lost = 0;

	assert_int_equal(vault_open(v, dup(d->fd[0]), dup(d->fd[1]), k, 1, &lost), 0);
	return lost;
}

static off_t
size_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static void
has(const struct vault *v, unsigned i, const char *refresh)
{
	char h[33];

	handle(i, h);
	const struct vault_entry *e = vault_get(v, h);
	if (!refresh) {
		assert_null(e);
		return;
	}
	assert_non_null(e);
	assert_string_equal(e->refresh, refresh);
	assert_string_equal(e->provider, IDP);
}

static void
put(struct vault *v, unsigned i, const char *refresh)
{
	char h[33];

	handle(i, h);
	assert_int_equal(vault_put(v, h, IDP, refresh, "at", 0, LATER), 0);
}

static bool
on_disk(const struct disk *d, const char *text)
{
	bool found = false;

	for (int i = 0; i < 2; i++) {
		size_t n = (size_t)size_of(d->fd[i]);
		char *p = malloc(n + 1);
		assert_int_equal(pread(d->fd[i], p, n, 0), (ssize_t)n);
		found |= memmem(p, n, text, strlen(text)) != NULL;
		free(p);
	}
	return found;
}

static void
test_kept(void **state)
{
	struct disk d;
	struct vault v;
	char h[33];

	disk_new(&d);
	assert_int_equal(opened(&v, &d, key), 0);
	put(&v, 1, "refresh-one");
	put(&v, 2, "refresh-two");
	put(&v, 1, "refresh-one-rotated");
	handle(3, h);
	assert_int_equal(vault_put(&v, h, IDP2, NULL, "access-only", 77, LATER), 0);
	handle(2, h);
	assert_int_equal(vault_drop(&v, h), 0);
	assert_int_equal(vault_drop(&v, h), 0);
	vault_release(&v);
	assert_false(on_disk(&d, "refresh-one"));
	assert_false(on_disk(&d, "access-only"));
	assert_int_equal(opened(&v, &d, key), 0);
	has(&v, 1, "refresh-one-rotated");
	assert_null(vault_get(&v, "00000000000000000000000000000001x"));
	handle(1, h);
	assert_null(vault_get(&v, h)->access); /* beside a refresh token it is not kept */
	has(&v, 2, NULL);
	handle(3, h);
	assert_string_equal(vault_get(&v, h)->access, "access-only");
	assert_int_equal(vault_get(&v, h)->access_until, 77);
	vault_drop_provider(&v, IDP2);
	assert_null(vault_get(&v, h));
	vault_sweep(&v, LATER);
	has(&v, 1, NULL);
	vault_release(&v);
	assert_int_equal(opened(&v, &d, key), 0);
	assert_int_equal(map_len(&v.entries), 0);
	vault_release(&v);
	disk_free(&d);
}

static void
test_refused(void **state)
{
	struct disk d;
	struct vault v;
	char big[VAULT_TOKEN_MAX + 2];

	disk_new(&d);
	assert_int_equal(opened(&v, &d, key), 0);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_int_equal(vault_put(&v, "00000000000000000000000000000001", IDP, big, NULL, 0, LATER), E_LIMIT);
	assert_true(vault_put(&v, "short", IDP, "r", NULL, 0, LATER) < 0);
	assert_true(vault_put(&v, "0000000000000000000000000000000G", IDP, "r", NULL, 0, LATER) < 0);
	assert_true(vault_put(&v, "00000000000000000000000000000001", IDP, NULL, "", 0, LATER) < 0);
	assert_int_equal(map_len(&v.entries), 0);
	vault_release(&v);
	disk_free(&d);
}

/* Cut anywhere: what was acknowledged before the cut is there, and it opens again. */
static void
test_torn(void **state)
{
	struct disk d;
	struct vault v;

	disk_new(&d);
	opened(&v, &d, key);
	put(&v, 1, "one");
	int cur = v.cur;
	off_t one = size_of(d.fd[cur]);
	put(&v, 2, "two");
	off_t two = size_of(d.fd[cur]);
	vault_release(&v);
	assert_true(two > one);
	for (off_t cut = one; cut < two; cut += 7) {
		struct disk c;
		disk_new(&c);
		char *p = malloc((size_t)two);
		assert_int_equal(pread(d.fd[cur], p, (size_t)two, 0), two);
		assert_int_equal(pwrite(c.fd[cur], p, (size_t)cut, 0), cut);
		free(p);
		assert_int_equal(opened(&v, &c, key), (size_t)(cut - one));
		has(&v, 1, "one");
		has(&v, 2, NULL);
		put(&v, 2, "two again");
		vault_release(&v);
		assert_int_equal(opened(&v, &c, key), 0);
		has(&v, 2, "two again");
		vault_release(&v);
		disk_free(&c);
	}
	disk_free(&d);
}

static void
test_damage(void **state)
{
	struct disk d;
	struct vault v;
	uint8_t byte;

	disk_new(&d);
	opened(&v, &d, key);
	put(&v, 1, "one");
	off_t one = size_of(d.fd[v.cur]);
	int cur = v.cur;
	put(&v, 2, "two");
	put(&v, 3, "three");
	vault_release(&v);
	assert_int_equal(pread(d.fd[cur], &byte, 1, one + 20), 1);
	byte ^= 1;
	assert_int_equal(pwrite(d.fd[cur], &byte, 1, one + 20), 1);
	assert_true(opened(&v, &d, key) > 0);
	has(&v, 1, "one"); /* what stands before the damage */
	has(&v, 2, NULL);
	has(&v, 3, NULL); /* what stands behind it is not believed to be the newest */
	vault_release(&v);
	assert_true(opened(&v, &d, other_key) > 0); /* another node's: begins anew */
	assert_int_equal(map_len(&v.entries), 0);
	vault_release(&v);
	disk_free(&d);
}

/* While a copy is being written the file before it counts: a copy without its end is no copy. */
static void
test_copy(void **state)
{
	struct disk d;
	struct vault v;
	char text[32], h[33];

	disk_new(&d);
	opened(&v, &d, key);
	int first = v.cur;
	for (unsigned i = 0; v.cur == first; i++) { /* until it goes over */
		assert_true(i < 5000);
		snprintf(text, sizeof text, "r%u", i);
		put(&v, i % 3, text);
	}
	assert_int_equal(size_of(d.fd[first]), 0); /* and the old tokens are off the disk */
	size_t n = (size_t)size_of(d.fd[v.cur]);
	int cur = v.cur;
	handle(0, h);
	char *was = strdup(vault_get(&v, h)->refresh);
	vault_release(&v);
	/* the same, as a crash in the middle of the next copy leaves it */
	char *p = malloc(n);
	assert_int_equal(pread(d.fd[cur], p, n, 0), (ssize_t)n);
	assert_int_equal(pwrite(d.fd[!cur], p, n / 2, 0), (ssize_t)(n / 2));
	free(p);
	assert_int_equal(opened(&v, &d, key), 0);
	has(&v, 0, was);
	assert_int_equal(map_len(&v.entries), 3);
	vault_release(&v);
	free(was);
	disk_free(&d);
}

/* A crash in the middle of a copy: it has the higher number and no end, and the file before it still counts. */
static void
test_copy_cut(void **state)
{
	struct disk d;
	struct vault v;
	uint8_t was[4096];
	char h[33];

	disk_new(&d);
	opened(&v, &d, key);
	put(&v, 1, "one");
	put(&v, 2, "two");
	handle(3, h);
	assert_int_equal(vault_put(&v, h, IDP2, "three", NULL, 0, LATER), 0);
	int old = v.cur;
	ssize_t n = pread(d.fd[old], was, sizeof was, 0);
	assert_true(n > 0 && n < (ssize_t)sizeof was);
	vault_drop_provider(&v, IDP2); /* goes over to the other file */
	assert_int_equal(v.cur, !old);
	vault_release(&v);
	assert_int_equal(ftruncate(d.fd[!old], size_of(d.fd[!old]) - 10), 0);
	assert_int_equal(pwrite(d.fd[old], was, (size_t)n, 0), n);
	assert_int_equal(opened(&v, &d, key), 0);
	has(&v, 1, "one");
	has(&v, 2, "two");
	put(&v, 4, "four");
	vault_release(&v);
	assert_int_equal(opened(&v, &d, key), 0);
	has(&v, 4, "four");
	vault_release(&v);
	disk_free(&d);
}

/* Whole records in another order, or of another generation, are not taken. */
static void
test_reordered(void **state)
{
	struct disk d;
	struct vault v;
	uint8_t copy[4096];

	disk_new(&d);
	opened(&v, &d, key);
	int cur = v.cur;
	off_t start = size_of(d.fd[cur]);
	put(&v, 1, "one");
	off_t one = size_of(d.fd[cur]);
	put(&v, 1, "two");
	off_t two = size_of(d.fd[cur]);
	vault_release(&v);
	size_t n1 = (size_t)(one - start), n2 = (size_t)(two - one);
	assert_int_equal(pread(d.fd[cur], copy, n1 + n2, start), (ssize_t)(n1 + n2));
	assert_int_equal(pwrite(d.fd[cur], copy + n1, n2, start), (ssize_t)n2);
	assert_int_equal(pwrite(d.fd[cur], copy, n1, start + (off_t)n2), (ssize_t)n1);
	assert_int_equal(opened(&v, &d, key), n1 + n2);
	has(&v, 1, NULL);
	vault_release(&v);
	disk_free(&d);
}

/* A disk that fails: memory goes on, and the next change writes all of it. */
static void
test_failing(void **state)
{
	struct disk d;
	struct vault v;
	size_t lost;
	char h[33];

	disk_new(&d);
	opened(&v, &d, key);
	put(&v, 1, "one");
	int a = v.fd[0], b = v.fd[1], nul = open("/dev/full", O_RDWR);
	assert_true(nul >= 0);
	v.fd[0] = v.fd[1] = nul;
	handle(2, h);
	assert_int_equal(vault_put(&v, h, IDP, "two", NULL, 0, LATER), E_IO);
	has(&v, 2, "two");
	v.fd[0] = a;
	v.fd[1] = b;
	close(nul);
	put(&v, 3, "three");
	vault_release(&v);
	assert_int_equal(vault_open(&v, dup(d.fd[0]), dup(d.fd[1]), key, 1, &lost), 0);
	has(&v, 1, "one");
	has(&v, 2, "two");
	has(&v, 3, "three");
	vault_release(&v);
	disk_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kept),     cmocka_unit_test(test_refused), cmocka_unit_test(test_torn),
	    cmocka_unit_test(test_damage),   cmocka_unit_test(test_copy),    cmocka_unit_test(test_reordered),
	    cmocka_unit_test(test_copy_cut), cmocka_unit_test(test_failing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
