#include "alloc_fail.h"
#include "core/err.h"
#include "msg/msg.h"
#include "t.h"

#define T_ALL(F, S)                  \
	F(S, BOOL, flag, 1)          \
	F(S, U32, small, 3600)       \
	F(S, U64, large, UINT64_MAX) \
	F(S, I64, time, 100) F(S, STR, text, 5) F(S, DATA, bytes, 4) F(S, SECRET, secret, 4) F(S, STRS, list, 3)
MSG_DECLARE(t_all, T_ALL)
MSG_DEFINE(t_all, 0x7101, T_ALL)

#define T_EMPTY(F, S)
MSG_DECLARE(t_empty, T_EMPTY)
MSG_DEFINE(t_empty, 0x7102, T_EMPTY)

#define T_BIG(F, S) F(S, DATA, a, 4000000) F(S, DATA, b, 4000000)
MSG_DECLARE(t_big, T_BIG)
MSG_DEFINE(t_big, 0x7103, T_BIG)

#define T_LIST(F, S) F(S, STRS, list, 8)
MSG_DECLARE(t_list, T_LIST)
MSG_DEFINE(t_list, 0x7104, T_LIST)

static const char *words[] = {"one", "", NULL};

static struct t_all
sample(void)
{
	return (struct t_all){.flag = true,
	                      .small = 3600,
	                      .large = UINT64_MAX,
	                      .time = -100,
	                      .text = "hello",
	                      .bytes = {(const uint8_t *)"\0\1\2", 3},
	                      .secret = {(const uint8_t *)"key", 3},
	                      .list = {words, 3}};
}

/* The wire form of sample(). */
static const uint8_t wire[] = {1,    0,    0,    0x0e, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x9c, 0,    0,    0,    6,    'h',  'e',  'l',
                               'l',  'o',  0,    0,    0,    0,    3,    0,    1,    2,    0,    0,    0,    3,
                               'k',  'e',  'y',  0,    0,    0,    3,    0,    0,    0,    4,    'o',  'n',  'e',
                               0,    0,    0,    0,    1,    0,    0,    0,    0,    1,    0};

static void
every_kind_goes_and_comes(void **state)
{
	struct t_all m = sample(), got;
	struct arena a;
	struct buf b;

	buf_init(&b, 4096);
	arena_init(&a, 4096);
	assert_ok(buf_put_str(&b, "head"));
	assert_ok(msg_encode(&t_all_def, &m, &b));
	assert_ok(buf_skip(&b, 4));
	assert_int_equal(buf_len(&b), sizeof wire);
	assert_memory_equal(buf_ptr(&b), wire, sizeof wire);

	assert_ok(msg_decode(&t_all_def, buf_slice(&b), &a, &got));
	assert_true(got.flag);
	assert_int_equal(got.small, 3600);
	assert_true(got.large == UINT64_MAX);
	assert_int_equal(got.time, -100);
	assert_string_equal(got.text, "hello");
	assert_int_equal(got.bytes.n, 3);
	assert_memory_equal(got.bytes.p, "\0\1\2", 3);
	assert_slice(got.secret, "key");
	assert_int_equal(got.list.n, 3);
	assert_string_equal(got.list.v[0], "one");
	assert_string_equal(got.list.v[1], "");
	assert_string_equal(got.list.v[2], "");
	arena_release(&a);
	buf_release(&b);
}

static void
absent_text_is_empty_never_null(void **state)
{
	struct t_all m = {0}, got;
	struct arena a;
	struct buf b;

	buf_init(&b, 4096);
	arena_init(&a, 4096);
	assert_ok(msg_encode(&t_all_def, &m, &b));
	assert_ok(msg_decode(&t_all_def, buf_slice(&b), &a, &got));
	assert_string_equal(got.text, "");
	assert_int_equal(got.list.n, 0);
	buf_release(&b);
	arena_release(&a);
}

static void
a_message_without_fields(void **state)
{
	struct t_empty m = {0};
	struct arena a;
	struct buf b;

	buf_init(&b, 16);
	arena_init(&a, 64);
	assert_int_equal(t_empty_def.nf, 0);
	assert_ok(msg_encode(&t_empty_def, &m, &b));
	assert_int_equal(buf_len(&b), 0);
	assert_ok(msg_decode(&t_empty_def, (struct slice){0}, &a, &m));
	assert_int_equal(msg_decode(&t_empty_def, slice_str("x"), &a, &m), E_FORMAT);
	buf_release(&b);
	arena_release(&a);
}

static void
every_cut_and_every_surplus_is_refused(void **state)
{
	uint8_t more[sizeof wire + 1] = {0};
	struct t_all got, zero;
	struct arena a;

	memset(&zero, 0, sizeof zero);
	arena_init(&a, 1 << 20);
	for (size_t n = 0; n < sizeof wire; n++) {
		memset(&got, 0x55, sizeof got);
		assert_int_equal(msg_decode(&t_all_def, (struct slice){wire, n}, &a, &got), E_FORMAT);
		assert_memory_equal(&got, &zero, sizeof got); /* half a message is nobody's */
	}
	memcpy(more, wire, sizeof wire);
	assert_int_equal(msg_decode(&t_all_def, (struct slice){more, sizeof more}, &a, &got), E_FORMAT);
	arena_release(&a);
}

static void
what_no_writer_of_ours_sends_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *why;
	} bad[] = {
	    {0, 2, "a bool of 2"},
	    {4, 0x11, "u32 over its maximum"},
	    {20, 0x9b, "i64 below its minimum"},
	    {13, 0x7f, "i64 over its maximum"},
	    {27, 0, "NUL inside text"},
	    {30, 'x', "text without its NUL"},
	    {24, 0, "text of length 0"},
	    {24, 7, "text over its maximum"},
	    {34, 5, "data over its maximum"},
	    {45, 0xff, "a huge count"},
	    {48, 4, "a count that lies"},
	    {49, 0xff, "an element over its maximum"},
	};
	uint8_t w[sizeof wire];
	struct t_all got;
	struct arena a;

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(bad); i++) {
		memcpy(w, wire, sizeof w);
		w[bad[i].at] = bad[i].value;
		if (msg_decode(&t_all_def, (struct slice){w, sizeof w}, &a, &got) != E_FORMAT)
			fail_msg("accepted %s", bad[i].why);
	}
	arena_release(&a);
}

static void
the_writer_keeps_the_maxima_too(void **state)
{
	static const char *many[MSG_STRS_MAX + 1];
	static uint8_t zeros[MSG_BYTES_MAX];
	struct t_all m[7] = {sample(), sample(), sample(), sample(), sample(), sample(), sample()};
	struct t_big big = {.a = {zeros, MSG_BYTES_MAX - 8}};
	struct t_list list = {.list = {many, MSG_STRS_MAX}};
	struct buf b;

	m[0].small = 3601;
	m[1].time = 101;
	m[2].time = INT64_MIN;
	m[3].text = "hello!";
	m[4].bytes.n = 5;
	m[5].list = (struct strs){(const char *[]){"four"}, 1};
	m[6].secret.n = 5;
	buf_init(&b, 4 * MSG_BYTES_MAX);
	assert_ok(buf_put_str(&b, "kept"));
	for (size_t i = 0; i < COUNT(m); i++) {
		assert_int_equal(msg_encode(&t_all_def, &m[i], &b), E_LIMIT);
		assert_slice(buf_slice(&b), "kept");
	}
	assert_ok(msg_encode(&t_big_def, &big, &b));
	buf_clear(&b);
	big.b = (struct slice){zeros, 1};
	assert_int_equal(msg_encode(&t_big_def, &big, &b), E_LIMIT);
	assert_int_equal(buf_len(&b), 0);
	assert_ok(msg_encode(&t_list_def, &list, &b));
	buf_clear(&b);
	list.list.n++;
	assert_int_equal(msg_encode(&t_list_def, &list, &b), E_LIMIT);
	buf_release(&b);
}

static void
a_huge_wire_is_refused_unread(void **state)
{
	struct t_empty m;
	struct arena a;

	arena_init(&a, 64);
	assert_int_equal(msg_decode(&t_empty_def, (struct slice){wire, (size_t)MSG_BYTES_MAX + 1}, &a, &m), E_FORMAT);
	arena_release(&a);
}

static void
every_failing_allocation_is_clean(void **state)
{
	struct t_all m = sample(), got;
	long n = 0;

	for (bool hit = true; hit; n++) {
		struct arena a;
		struct buf b;
		int e = 0;
		buf_init(&b, 4096);
		arena_init(&a, 4096);
		alloc_fail_at(n);
		e = msg_encode(&t_all_def, &m, &b);
		assert_int_equal(buf_len(&b), e ? 0 : sizeof wire);
		if (!e)
			e = msg_decode(&t_all_def, buf_slice(&b), &a, &got);
		hit = alloc_fail_hit();
		assert_int_equal(e, hit ? E_NOMEM : 0);
		arena_release(&a);
		buf_release(&b);
	}
	assert_true(n > 2);
}

static void
an_arena_too_small_is_no_memory(void **state)
{
	struct t_all got;
	struct arena a;

	arena_init(&a, 8);
	assert_int_equal(msg_decode(&t_all_def, (struct slice){wire, sizeof wire}, &a, &got), E_NOMEM);
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind_goes_and_comes),
	    cmocka_unit_test(absent_text_is_empty_never_null),
	    cmocka_unit_test(a_message_without_fields),
	    cmocka_unit_test(every_cut_and_every_surplus_is_refused),
	    cmocka_unit_test(what_no_writer_of_ours_sends_is_refused),
	    cmocka_unit_test(the_writer_keeps_the_maxima_too),
	    cmocka_unit_test(a_huge_wire_is_refused_unread),
	    cmocka_unit_test(every_failing_allocation_is_clean),
	    cmocka_unit_test(an_arena_too_small_is_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
