/* dumping: a store written out and read into another, for both backends' tests. */
#ifndef TEST_STORE_DUMPING_H
#define TEST_STORE_DUMPING_H

#include "conformance.h"

#include "store/dump.h"

static int
gather(void *arg, const char *line, size_t n)
{
	return buf_put(arg, line, n);
}

static int
load_all(struct store *s, struct buf *text, struct reason *r)
{
	struct dump_load l;
	int ret = dump_load_begin(&l, s, r);
	const char *p = (const char *)buf_ptr(text), *end = p + buf_len(text), *nl;

	for (; ret == 0 && p < end && (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
		ret = dump_load_line(&l, p, (size_t)(nl - p), r);
	if (ret == 0)
		ret = dump_load_end(&l, r);
	if (ret != 0)
		dump_load_abort(&l);
	return ret;
}

static void
dumped_and_loaded(void **state)
{
	const struct store_key keys[] = {{"name", "O'Brien\"; DROP TABLE doc;--\\", true}, {"tag", "x\ty", false}};
	struct store *s = fresh();
	struct store_doc d = {0};
	struct reason r = {0};
	struct buf one, two;
	int64_t v;

	buf_init(&one, 64 << 20);
	buf_init(&two, 64 << 20);
	assert_int_equal(store_put(s, "app", "a'b", STORE_NEW, "{\"t\":\"\\u0001'\\\\\"}", keys, 2, NULL, &r), 0);
	for (int i = 0; i < 600; i++) { /* more than a page */
		char id[16];
		snprintf(id, sizeof id, "%04d", i);
		put(s, id, "{}");
	}
	assert_int_equal(store_put(s, STORE_SESSION, "s", STORE_NEW, "{}", NULL, 0, NULL, &r), 0);
	assert_int_equal(store_counter(s, "serial", 41, &v, &r), 0);
	assert_int_equal(store_dump(s, gather, &one, &r), 0);
	assert_int_equal(load_all(s, &one, &r), E_EXIST); /* not over anything */
	assert_non_null(strstr(r.text, "not empty"));
	store_close(s);
	s = fresh();
	assert_int_equal(load_all(s, &one, &r), 0);
	assert_int_equal(store_dump(s, gather, &two, &r), 0);
	assert_int_equal(buf_len(&one), buf_len(&two));
	assert_memory_equal(buf_ptr(&one), buf_ptr(&two), buf_len(&one));
	assert_int_equal(store_find(s, "app", "name", keys[0].value, &d, &r), 0);
	assert_string_equal(d.id, "a'b");
	assert_string_equal(d.json, "{\"t\":\"\\u0001'\\\\\"}");
	store_doc_release(&d);
	assert_int_equal(store_find(s, "app", "tag", "x\ty", &d, &r), E_NOENT); /* plain stays plain */
	assert_int_equal(store_counter(s, "serial", 1, &v, &r), 0);
	assert_int_equal(v, 42);
	store_close(s);
	for (size_t cut = 1; cut < 4; cut++) { /* a line is missing, at the end or before: nothing is loaded */
		struct buf part;
		int64_t n = 0;
		const char *p = (const char *)buf_ptr(&one);
		size_t len = buf_len(&one);
		for (size_t k = 0; k < cut; k++)
			for (len--; len && p[len - 1] != '\n';)
				len--;
		buf_init(&part, 64 << 20);
		assert_int_equal(buf_put(&part, p, len), 0);
		s = fresh();
		assert_int_equal(load_all(s, &part, &r), E_FORMAT);
		assert_int_equal(store_count(s, "app", &n, &r), 0);
		assert_int_equal(n, 0);
		store_close(s);
		buf_release(&part);
	}
	buf_clear(&two); /* a document is missing in the middle */
	const char *p = (const char *)buf_ptr(&one), *end = p + buf_len(&one), *second = memchr(p, '\n', buf_len(&one));
	const char *third = memchr(second + 1, '\n', (size_t)(end - second - 1));
	assert_int_equal(buf_put(&two, p, (size_t)(second + 1 - p)), 0);
	assert_int_equal(buf_put(&two, third + 1, (size_t)(end - third - 1)), 0);
	s = fresh();
	assert_int_equal(load_all(s, &two, &r), E_FORMAT);
	assert_non_null(strstr(r.text, "documents are missing"));
	store_close(s);
	buf_release(&one);
	buf_release(&two);
}

#endif
