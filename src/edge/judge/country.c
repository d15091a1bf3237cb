#include "edge/judge/country.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "model/model.h"

#define COPY_NAME "country.mmdb"
#define COPY_NEW "country.mmdb.new"

struct country {
	MMDB_s db;
};

static int
copy_bytes(int from, int to, struct reason *r)
{
	uint8_t block[65536];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, block, sizeof block, at)) > 0) {
		at += n;
		if (at > COUNTRY_FILE_MAX)
			return reason_set(r, E_LIMIT, SP_CONFIG, "larger than %lld MB",
			                  (long long)(COUNTRY_FILE_MAX >> 20));
		if (fd_write_all(to, block, (size_t)n) < 0)
			return reason_set(r, E_IO, SP_CONFIG, "state/" COPY_NEW ": %s", strerror(errno));
	}
	return n < 0 ? reason_set(r, E_IO, SP_CONFIG, "%s", strerror(errno)) : 0;
}

int
country_load(int fd, int folder, const char *folder_path, struct country **ret_c, struct reason *r)
{
	char path[4200];
	int to = openat(folder, COPY_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int e =
	    to < 0 ? reason_set(r, E_IO, SP_CONFIG, "state/" COPY_NEW ": %s", strerror(errno)) : copy_bytes(fd, to, r);

	if (to >= 0)
		close(to);
	if (e < 0)
		return e;
	snprintf(path, sizeof path, "%s/" COPY_NEW, folder_path);
	if ((e = country_open(path, ret_c, r)) < 0)
		unlinkat(folder, COPY_NEW, 0);
	else
		renameat(folder, COPY_NEW, folder, COPY_NAME); /* what is mapped goes along */
	return e;
}

int
country_open(const char *path, struct country **ret_c, struct reason *r)
{
	struct country *c = calloc(1, sizeof *c);
	int e = c ? MMDB_open(path, MMDB_MODE_MMAP, &c->db) : MMDB_OUT_OF_MEMORY_ERROR;

	if (e != MMDB_SUCCESS) {
		free(c);
		return reason_set(r, E_FORMAT, SP_CONFIG, "not an MMDB file that can be used: %s", MMDB_strerror(e));
	}
	*ret_c = c;
	return 0;
}

void
country_free(struct country *c)
{
	if (!c)
		return;
	MMDB_close(&c->db);
	free(c);
}

int64_t
country_built(const struct country *c)
{
	return (int64_t)(c->db.metadata.build_epoch & INT64_MAX);
}

/* In static memory, so that nobody has to own it. */
static const char *
code_of(const char *p, size_t n)
{
	static char codes[26][26][3];

	if (n != 2 || p[0] < 'A' || p[0] > 'Z' || p[1] < 'A' || p[1] > 'Z')
		return "";
	char *c = codes[p[0] - 'A'][p[1] - 'A'];
	c[0] = p[0];
	c[1] = p[1];
	return c;
}

const char *
country_of(const struct country *c, const char *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	MMDB_entry_data_s d;
	uint8_t a[16];
	int e = 0;

	if (!c || !ip || model_addr(ip, a) < 0)
		return "";
	bool v4 = !memcmp(a, mapped, sizeof mapped);
	memcpy(&six.sin6_addr, a, sizeof a);
	memcpy(&four.sin_addr, a + 12, 4);
	MMDB_lookup_result_s l = MMDB_lookup_sockaddr(
	    &c->db, v4 ? (const struct sockaddr *)(const void *)&four : (const struct sockaddr *)(const void *)&six,
	    &e);
	if (e != MMDB_SUCCESS || !l.found_entry)
		return "";
	if ((MMDB_get_value(&l.entry, &d, "country", "iso_code", NULL) != MMDB_SUCCESS || !d.has_data) &&
	    (MMDB_get_value(&l.entry, &d, "country_code", NULL) != MMDB_SUCCESS || !d.has_data))
		return "";
	return d.type == MMDB_DATA_TYPE_UTF8_STRING ? code_of(d.utf8_string, d.data_size) : "";
}
