/* What every unit test includes: cmocka and its preconditions, and short forms. */
#ifndef UNIT_T_H
#define UNIT_T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define assert_ok(x) assert_int_equal((x), 0)
#define assert_slice(s, text)                                  \
	do {                                                   \
		struct slice s_ = (s);                         \
		assert_int_equal(s_.n, strlen(text));          \
		if (s_.n)                                      \
			assert_memory_equal(s_.p, text, s_.n); \
	} while (0)
#define COUNT(a) (sizeof(a) / sizeof *(a))

#endif
