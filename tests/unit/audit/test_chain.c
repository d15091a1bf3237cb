/* The chain: what was flipped, dropped, moved, put in or cut off is found, and the first broken record is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit_file.h"
#include "audit/chain.h"
#include "core/log.h"

#define LINES 9
#define NOW 1763805600123LL

struct lines {
	struct buf all;
	const char *at[LINES];
	size_t n[LINES];
	struct audit_head head;
};

static void
lines_make(struct lines *l)
{
	const char *p;

	memset(l, 0, sizeof *l);
	buf_init(&l->all, 1 << 20);
	for (int i = 0; i < LINES; i++) {
		char who[32];
		struct event e = {.kind = EVENT_LOGIN, .actor = who, .ip = "192.0.2.1", .code = i};

		snprintf(who, sizeof who, "user%d@example.test", i);
		assert_int_equal(audit_format(&l->head, &e, NOW + i, &l->all), 0);
	}
	p = buf_cstr(&l->all);
	for (int i = 0; i < LINES; i++) {
		l->at[i] = p;
		l->n[i] = (size_t)(strchr(p, '\n') - p);
		p += l->n[i] + 1;
	}
}

/* Verifies lines in the given order; gives the error's text ("" = fine). */
static const char *
verify(const struct lines *l, const int *order, size_t n, struct audit_head *head)
{
	static struct reason r;

	*head = (struct audit_head){0};
	r.text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		if (audit_verify_line(head, l->at[order[i]], l->n[order[i]], &r) != 0)
			break;
	return r.text;
}

static void
starts(const char *text, const char *with)
{
	if (strncmp(text, with, strlen(with)) != 0)
		fail_msg("\"%s\" does not start with \"%s\"", text, with);
}

static void
intact_chain(void **state)
{
	const int order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
	struct audit_record rec;
	struct audit_head head, own;
	struct lines l;
	uint8_t prev[32];
	json_t *j;

	lines_make(&l);
	assert_string_equal(verify(&l, order, LINES, &head), "");
	assert_int_equal(head.seq, LINES);
	assert_memory_equal(head.hash, l.head.hash, 32);
	assert_int_equal(audit_parse(l.at[3], l.n[3], &rec, &own, prev, NULL), 0);
	assert_int_equal(rec.seq, 4);
	assert_int_equal(rec.time_ms, NOW + 3);
	assert_string_equal(rec.e.actor, "user3@example.test");
	j = audit_record_json(&rec);
	assert_string_equal(json_str_or(j, "kind", ""), "login");
	assert_int_equal(json_i64_or(j, "seq", 0), 4);
	assert_string_equal(json_str_or(j, "time", ""), "2025-11-22T10:00:00.126Z");
	json_decref(j);
	audit_record_release(&rec);
	buf_release(&l.all);
}

/* Every bit of a record matters, wherever it stands. */
static void
flipped_bits(void **state)
{
	struct lines l;

	lines_make(&l);
	for (size_t i = 0; i < l.n[4]; i++) {
		for (int bit = 0; bit < 8; bit += 3) {
			char *line = malloc(l.n[4]);
			const int before[] = {0, 1, 2, 3};
			struct audit_head head;
			struct reason r = {0};

			memcpy(line, l.at[4], l.n[4]);
			line[i] = (char)(line[i] ^ (1 << bit));
			assert_string_equal(verify(&l, before, 4, &head), "");
			assert_int_not_equal(audit_verify_line(&head, line, l.n[4], &r), 0);
			starts(r.text, "record 5: ");
			assert_int_equal(head.seq, 4);
			free(line);
		}
	}
	buf_release(&l.all);
}

static void
dropped_moved_spliced(void **state)
{
	const int drop_first[] = {1, 2}, drop_mid[] = {0, 1, 3, 4}, swap[] = {0, 1, 3, 2}, twice[] = {0, 1, 1, 2};
	struct audit_head head;
	struct lines l, other;
	struct event e = {.kind = EVENT_LOGOUT, .actor = "somebody"};
	struct reason r = {0};

	lines_make(&l);
	starts(verify(&l, drop_first, 2, &head), "record 1: found record 2");
	starts(verify(&l, drop_mid, 4, &head), "record 3: found record 4");
	starts(verify(&l, swap, 4, &head), "record 3: found record 4");
	starts(verify(&l, twice, 4, &head), "record 3: found record 2");
	/* A record of another chain with the right number: well formed, but it does not continue this one. */
	lines_make(&other);
	buf_clear(&other.all);
	head = (struct audit_head){.seq = 2};
	assert_int_equal(audit_format(&head, &e, NOW, &other.all), 0);
	const int two[] = {0, 1};
	assert_string_equal(verify(&l, two, 2, &head), "");
	assert_int_equal(audit_verify_line(&head, buf_ptr(&other.all), buf_len(&other.all) - 1, &r), E_CRYPTO);
	starts(r.text, "record 3: does not continue record 2");
	buf_release(&l.all);
	buf_release(&other.all);
}

static void
lines_that_are_none(void **state)
{
	static const char *const rows[] = {"", "{}", "{\"body\":{},\"hash\":\"\"}", "null"};
	struct audit_head head = {0};
	struct reason r;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_not_equal(audit_verify_line(&head, rows[i], strlen(rows[i]), &r), 0);
}

static void
event_too_large(void **state)
{
	struct audit_head head = {0}, same = {0};
	json_t *details = json_object();
	char *big = malloc(AUDIT_LINE_MAX + 1);
	struct event e = {.kind = EVENT_CHANGE_INTENT, .details = details};
	struct buf out;

	memset(big, 'x', AUDIT_LINE_MAX);
	big[AUDIT_LINE_MAX] = '\0';
	json_object_set_new(details, "x", json_string(big));
	buf_init(&out, BUF_MAX);
	assert_int_equal(audit_format(&head, &e, NOW, &out), E_LIMIT);
	assert_int_equal(buf_len(&out), 0);
	assert_memory_equal(&head, &same, sizeof head);
	buf_release(&out);
	json_decref(details);
	free(big);
}

/* Numbers and times that a reader could not take back. */
static void
end_of_numbers(void **state)
{
	struct audit_head head = {.seq = INT64_MAX - 1};
	struct event e = {.kind = EVENT_LOGOUT};
	struct buf out;

	buf_init(&out, BUF_MAX);
	assert_int_equal(audit_format(&head, &e, -1, &out), E_RANGE);
	assert_int_equal(audit_format(&head, &e, NOW, &out), 0);
	assert_true(head.seq == INT64_MAX);
	buf_clear(&out);
	assert_int_equal(audit_format(&head, &e, NOW, &out), E_RANGE);
	assert_int_equal(buf_len(&out), 0);
	buf_release(&out);
}

/* --- files ----------------------------------------------------------------------------------------------------------
 */

static char dir[] = "/tmp/sallyport-audit-XXXXXX";
static int dirfd_ = -1;

static void
wipe(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd_, e->d_name, 0);
	closedir(d);
}

static struct audit_chain *
chain_open(uint64_t file_bytes)
{
	struct audit_chain *c = NULL;
	struct reason r = {0};

	if (audit_open(dirfd_, file_bytes, NOW, &c, &r) != 0)
		fail_msg("%s", r.text);
	return c;
}

static void
append(struct audit_chain *c, int n)
{
	for (int i = 0; i < n; i++) {
		char who[32];
		struct event e = {.kind = EVENT_LOGIN, .actor = who};
		struct reason r = {0};

		snprintf(who, sizeof who, "user%d", i);
		if (audit_append(c, &e, NOW + 1000 * (int64_t)(audit_head_get(c).seq + 1), NULL, &r) != 0)
			fail_msg("%s", r.text);
	}
}

static int
count(void *arg, const struct audit_record *rec)
{
	uint64_t *v = arg; /* [0] how many, [1] last seq */

	v[0]++;
	if (v[1] && rec->seq != v[1] + 1)
		return -99;
	v[1] = rec->seq;
	return 0;
}

static int
count_files(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		n += strstr(e->d_name, ".log") != NULL;
	closedir(d);
	return n;
}

static void
files_rotate_and_continue(void **state)
{
	struct audit_chain *c, *second = NULL;
	struct audit_head head, end;
	struct reason r = {0};
	uint64_t seen[2] = {0}, after;

	wipe();
	c = chain_open(1500);
	append(c, 20);
	assert_true(audit_dirty(c));
	assert_int_equal(audit_sync(c, &r), 0);
	assert_false(audit_dirty(c));
	assert_int_equal(audit_open(dirfd_, 0, NOW, &second, &r), E_AGAIN); /* one writer */
	audit_close(c);
	assert_true(count_files() > 3);
	c = chain_open(1500);
	assert_int_equal(audit_head_get(c).seq, 20);
	append(c, 5);
	head = audit_head_get(c);
	audit_close(c);
	assert_int_equal(audit_verify_dir(dirfd_, &head, &end, &r), 0);
	assert_int_equal(end.seq, 25);
	assert_int_equal(audit_read(dirfd_, 0, 0, count, seen, &r), 0);
	assert_int_equal(seen[0], 25);
	seen[0] = seen[1] = 0;
	assert_int_equal(audit_read(dirfd_, 7, 10, count, seen, &r), 0);
	assert_int_equal(seen[0], 10);
	assert_int_equal(seen[1], 17);
	assert_int_equal(audit_seek_time(dirfd_, NOW + 12 * 1000, &after, &r), 0);
	assert_int_equal(after, 11);
	seen[0] = seen[1] = 0;
	assert_int_equal(audit_read(dirfd_, 25, 0, count, seen, &r), 0);
	assert_int_equal(seen[0], 0);
}

static void
first_file(char out[static 64])
{
	snprintf(out, 64, "%s/000000000001.log", dir);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
torn_last_line(void **state)
{
	struct audit_chain *c;
	struct audit_head end;
	struct reason r = {0};
	char path[64];

	for (int cut = 1; cut < 60; cut += 7) {
		wipe();
		c = chain_open(0);
		append(c, 3);
		audit_close(c);
		first_file(path);
		assert_int_equal(truncate(path, size_of(path) - cut), 0);
		assert_int_equal(audit_verify_dir(dirfd_, NULL, NULL, &r), E_FORMAT);
		assert_non_null(strstr(r.text, "record 3: the last line is cut off"));
		c = chain_open(0);
		assert_int_equal(audit_head_get(c).seq, 3); /* two kept, the third says what happened */
		append(c, 1);
		audit_close(c);
		assert_int_equal(audit_verify_dir(dirfd_, NULL, &end, &r), 0);
		assert_int_equal(end.seq, 4);
	}
}

static void
damage_is_not_repaired(void **state)
{
	struct audit_chain *c = chain_open(0);
	struct reason r = {0};
	char path[64], byte;
	int fd;

	audit_close(c);
	wipe();
	c = chain_open(0);
	append(c, 5);
	audit_close(c);
	c = NULL;
	first_file(path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, 300), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 300), 1);
	close(fd);
	assert_int_not_equal(audit_open(dirfd_, 0, NOW, &c, &r), 0);
	assert_null(c);
	assert_non_null(strstr(r.text, "audit verify"));
	assert_int_not_equal(audit_verify_dir(dirfd_, NULL, NULL, &r), 0);
	starts(r.text, "000000000001.log line 2: record 2: ");
}

static void
cut_tail_needs_an_anchor(void **state)
{
	struct audit_chain *c;
	struct audit_head head, end;
	struct reason r = {0};
	char path[64], *text;
	FILE *f;
	size_t n;

	wipe();
	c = chain_open(0);
	append(c, 4);
	head = audit_head_get(c);
	audit_close(c);
	first_file(path);
	n = (size_t)size_of(path);
	text = calloc(1, n + 1);
	f = fopen(path, "r");
	assert_int_equal(fread(text, 1, n, f), n);
	fclose(f);
	text[n - 1] = '\0';
	assert_int_equal(truncate(path, strrchr(text, '\n') - text + 1), 0);
	free(text);
	assert_int_equal(audit_verify_dir(dirfd_, NULL, &end, &r), 0);
	assert_int_equal(end.seq, 3);
	assert_int_equal(audit_verify_dir(dirfd_, &head, &end, &r), E_CRYPTO);
	starts(r.text, "record 4: missing");
	head.seq = 2;
	assert_int_equal(audit_verify_dir(dirfd_, &head, &end, &r), E_CRYPTO);
	assert_non_null(strstr(r.text, "record 2: is not the one that was vouched for"));
}

static void
missing_file(void **state)
{
	struct audit_chain *c;
	struct reason r = {0};
	char path[64];
	const char *one[1] = {path};

	wipe();
	c = chain_open(700);
	append(c, 10);
	audit_close(c);
	first_file(path);
	assert_int_equal(audit_verify_files(one, 1, NULL, NULL, &r), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(audit_verify_dir(dirfd_, NULL, NULL, &r), E_CRYPTO);
	assert_non_null(strstr(r.text, "record 1: missing"));
}

static int
note_seq(void *arg, const struct audit_record *rec)
{
	uint64_t *v = arg;

	v[v[0] + 1] = rec->seq;
	v[0]++;
	return 0;
}

static void
intents(void **state)
{
	struct audit_chain *c;
	struct reason r = {0};
	uint64_t seq[4], open_[8] = {0};

	wipe();
	c = chain_open(600);
	for (int i = 0; i < 4; i++) {
		struct event e = {.kind = EVENT_CHANGE_INTENT, .actor = "api:boss", .subject = "app ssh"};

		assert_int_equal(audit_append(c, &e, NOW, &seq[i], &r), 0);
	}
	struct event ok = {.kind = EVENT_CHANGE_DONE, .intent = seq[2]},
	             bad = {.kind = EVENT_CHANGE_FAILED, .intent = seq[0]};
	assert_int_equal(audit_append(c, &ok, NOW, NULL, &r), 0);
	assert_int_equal(audit_append(c, &bad, NOW, NULL, &r), 0);
	audit_close(c);
	assert_int_equal(audit_open_intents(dirfd_, note_seq, open_, &r), 0);
	assert_int_equal(open_[0], 2);
	assert_int_equal(open_[1], seq[1]);
	assert_int_equal(open_[2], seq[3]);
}

/* Killed while appending: all that was synced is there, and the chain opens again. */
static void
killed_while_appending(void **state)
{
	int acked = 0;

	wipe();
	for (int round = 0; round < 5; round++) {
		struct audit_chain *c;
		struct reason r = {0};
		int fd[2], got, want = acked + 20;
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		pid = fork();
		if (pid == 0) {
			c = NULL;
			if (audit_open(dirfd_, 2000, NOW, &c, &r) != 0)
				_exit(1);
			for (;;) {
				struct event e = {.kind = EVENT_LOGIN, .actor = "child"};
				uint64_t seq;
				int n;

				if (audit_append(c, &e, NOW, &seq, &r) != 0 || audit_sync(c, &r) != 0)
					_exit(1);
				n = (int)seq;
				if (write(fd[1], &n, sizeof n) != (ssize_t)sizeof n)
					_exit(1);
			}
		}
		close(fd[1]);
		while (acked < want && read(fd[0], &got, sizeof got) == (ssize_t)sizeof got)
			acked = got;
		kill(pid, SIGKILL);
		while (read(fd[0], &got, sizeof got) == (ssize_t)sizeof got)
			acked = got;
		close(fd[0]);
		waitpid(pid, NULL, 0);
		assert_true(acked >= want);
		c = chain_open(2000);
		assert_true(audit_head_get(c).seq >= (uint64_t)acked);
		acked = (int)audit_head_get(c).seq;
		audit_close(c);
		assert_int_equal(audit_verify_dir(dirfd_, NULL, NULL, &r), 0);
	}
}

static int
setup(void **state)
{
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	wipe();
	close(dirfd_);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(intact_chain),
	    cmocka_unit_test(flipped_bits),
	    cmocka_unit_test(dropped_moved_spliced),
	    cmocka_unit_test(lines_that_are_none),
	    cmocka_unit_test(event_too_large),
	    cmocka_unit_test(end_of_numbers),
	    cmocka_unit_test(files_rotate_and_continue),
	    cmocka_unit_test(torn_last_line),
	    cmocka_unit_test(damage_is_not_repaired),
	    cmocka_unit_test(cut_tail_needs_an_anchor),
	    cmocka_unit_test(missing_file),
	    cmocka_unit_test(intents),
	    cmocka_unit_test(killed_while_appending),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
