#include <stdlib.h>

#include "alloc_fail.h"
#include "core/err.h"
#include "core/str.h"
#include "t.h"

static void
copies_fit_or_fail(void **state)
{
	char d[4] = "old";
	char *s = NULL;

	assert_ok(str_copy(d, sizeof d, "abc"));
	assert_string_equal(d, "abc");
	assert_int_equal(str_copy(d, sizeof d, "abcd"), E_LIMIT);
	assert_string_equal(d, "");
	assert_int_equal(str_copy_n(d, sizeof d, "a\0b", 3), E_FORMAT);
	assert_string_equal(d, "");
	assert_ok(str_copy_n(d, sizeof d, NULL, 0));
	assert_null(str_dup(NULL));
	s = str_dup_n("hello", 4);
	assert_string_equal(s, "hell");
	free(s);
	s = str_fmt("%d-%s", 5, "x");
	assert_string_equal(s, "5-x");
	free(s);
	alloc_fail_at(0);
	assert_null(str_fmt("%d", 1));
	assert_true(alloc_fail_hit());
}

static void
small_questions(void **state)
{
	char s[] = "MiXed-09\xc3\x89";

	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc"));
	assert_false(str_ends("bc", "abc"));
	str_lower(s);
	assert_string_equal(s, "mixed-09\xc3\x89");
}

static void
numbers(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "99999999999999999999a"};
	uint64_t v = 7;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(str_u64(bad[i], UINT64_MAX, &v), E_FORMAT);
	assert_int_equal(str_u64("18446744073709551616", UINT64_MAX, &v), E_RANGE);
	assert_int_equal(str_u64("11", 10, &v), E_RANGE);
	assert_int_equal(v, 7);
	assert_ok(str_u64("18446744073709551615", UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_ok(str_u64("0", 10, &v));
	assert_int_equal(v, 0);
}

/* RFC 4648 section 10, and the url alphabet. */
static const struct {
	const char *raw;
	enum b64_kind kind;
	const char *text;
} vectors[] = {
    {"", B64_STD, ""},
    {"f", B64_STD, "Zg=="},
    {"fo", B64_STD, "Zm8="},
    {"foo", B64_STD, "Zm9v"},
    {"foob", B64_STD, "Zm9vYg=="},
    {"fooba", B64_STD, "Zm9vYmE="},
    {"foobar", B64_STD, "Zm9vYmFy"},
    {"f", B64_STD_NOPAD, "Zg"},
    {"fo", B64_STD_NOPAD, "Zm8"},
    {"\xfb\xff", B64_STD, "+/8="},
    {"\xfb\xff", B64_URL, "-_8"},
    {"\xfb\xff", B64_URL_PAD, "-_8="},
    {"foobar", B64_URL, "Zm9vYmFy"},
};

static void
base64_vectors(void **state)
{
	struct buf b;
	char text[16];

	buf_init(&b, 64);
	for (size_t i = 0; i < COUNT(vectors); i++) {
		assert_ok(b64_encode(&b, vectors[i].kind, vectors[i].raw, strlen(vectors[i].raw)));
		assert_slice(buf_slice(&b), vectors[i].text);
		buf_clear(&b);
		assert_ok(b64_decode(&b, vectors[i].kind, vectors[i].text, strlen(vectors[i].text)));
		assert_slice(buf_slice(&b), vectors[i].raw);
		buf_clear(&b);
		assert_ok(b64_encode_str(text, sizeof text, vectors[i].kind, vectors[i].raw, strlen(vectors[i].raw)));
		assert_string_equal(text, vectors[i].text);
	}
	assert_int_equal(b64_encode_str(text, 8, B64_STD, "foobar", 6), E_LIMIT);
	assert_string_equal(text, "");
	assert_ok(b64_encode_str(text, 9, B64_STD, "foobar", 6));
	buf_release(&b);
}

static void
base64_is_strict(void **state)
{
	static const struct {
		enum b64_kind kind;
		const char *text;
	} bad[] = {
	    {B64_STD, "Zg"},      {B64_STD, "Zg="},      {B64_STD, "Zg==="},    {B64_STD, "Zh=="},
	    {B64_STD, "Zm9="}, /* trailing bits */
	    {B64_STD, "Zm 8="},   {B64_STD, "Zm8=\n"},   {B64_STD, "-_8="},     {B64_STD, "===="},
	    {B64_STD, "Z==="},    {B64_STD, "Zg==Zg=="}, {B64_STD, "=Zg="},     {B64_STD_NOPAD, "Zg=="},
	    {B64_STD_NOPAD, "Z"}, {B64_STD_NOPAD, "Zh"}, {B64_URL, "+/8"},      {B64_URL, "-_8="},
	    {B64_URL, "-_9"},     {B64_URL_PAD, "-_8"},  {B64_URL_PAD, "+/8="}, {B64_URL, "Zg\xff\xff"},
	};
	struct buf b;

	buf_init(&b, 64);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(b64_decode(&b, bad[i].kind, bad[i].text, strlen(bad[i].text)), E_FORMAT);
		assert_int_equal(buf_len(&b), 0);
	}
	assert_int_equal(b64_decode(&b, B64_URL_PAD, "AA\0A", 4), E_FORMAT);
	buf_release(&b);
	buf_init(&b, 3);
	assert_int_equal(b64_decode(&b, B64_STD, "Zm9vYg==", 8), E_LIMIT);
	assert_ok(b64_decode(&b, B64_STD, "Zm9v", 4)); /* padding needs no room */
	buf_release(&b);
}

static void
hex(void **state)
{
	static const char *const bad[] = {"0", "0g", "0x00", " 00", "00 ", "-1", "\xff\xff"};
	struct buf b;
	char text[8];

	buf_init(&b, 64);
	assert_ok(hex_encode(&b, "\x00\xab\xff", 3));
	assert_slice(buf_slice(&b), "00abff");
	buf_clear(&b);
	assert_ok(hex_decode(&b, "00ABff", 6));
	assert_memory_equal(buf_ptr(&b), "\x00\xab\xff", 3);
	buf_clear(&b);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(hex_decode(&b, bad[i], strlen(bad[i])), E_FORMAT);
		assert_int_equal(buf_len(&b), 0);
	}
	assert_ok(hex_encode_str(text, 7, "\x01\x02\x03", 3));
	assert_string_equal(text, "010203");
	assert_int_equal(hex_encode_str(text, 6, "\x01\x02\x03", 3), E_LIMIT);
	buf_release(&b);
}

static void
nearest(void **state)
{
	static const char *const names[] = {"listen", "session_duration", "tls", "log", NULL};
	char longer[200];

	assert_string_equal(str_nearest("listne", names), "listen");
	assert_string_equal(str_nearest("sesion_duraton", names), "session_duration");
	assert_string_equal(str_nearest("tsl1", (const char *const[]){"tsl", NULL}), "tsl");
	assert_string_equal(str_nearest("tsl", (const char *const[]){"log", "tls", NULL}),
	                    "tls"); /* two letters swapped: one slip */
	assert_string_equal(str_nearest("emial", (const char *const[]){"everyone", "email", NULL}), "email");
	assert_null(str_nearest("tcp", (const char *const[]){"tls", "log", NULL}));
	assert_null(str_nearest("zzz", names));
	assert_null(str_nearest("", names));
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_null(str_nearest(longer, names));
	assert_string_equal(str_nearest("tls", (const char *const[]){longer, "tls", NULL}), "tls");
}

static void
uuids(void **state)
{
	static const char *const bad[] = {"",
	                                  "00112233-4455-6677-8899-aabbccddeef",
	                                  "00112233-4455-6677-8899-aabbccddeeff0",
	                                  "00112233-4455-6677-8899-AABBCCDDEEFF",
	                                  "00112233445566778899aabbccddeeff",
	                                  "0011223-34455-6677-8899-aabbccddeeff",
	                                  "00112233-4455-6677-8899-aabbccddeegg",
	                                  "{0112233-4455-6677-8899-aabbccddeef}"};
	uint8_t u[16] = {0}, all[16];
	char text[37];

	assert_ok(uuid_parse("00112233-4455-6677-8899-aabbccddeeff", u));
	assert_int_equal(u[15], 0xff);
	uuid_format(u, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(uuid_parse(bad[i], u), E_FORMAT);
	memset(all, 0xff, sizeof all);
	uuid_v4_bits(all);
	uuid_format(all, text);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(copies_fit_or_fail),
	    cmocka_unit_test(small_questions),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(base64_vectors),
	    cmocka_unit_test(base64_is_strict),
	    cmocka_unit_test(hex),
	    cmocka_unit_test(nearest),
	    cmocka_unit_test(uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
