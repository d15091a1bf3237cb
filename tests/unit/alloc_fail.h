/*
 * alloc_fail: makes the n-th allocation of the code under test fail. Link with the alloc_fail dependency: the linker
 * wraps malloc, calloc and realloc of our own objects (shared libraries keep theirs).
 *
 *   for (long n = 0;; n++) { alloc_fail_at(n); e = f(); if (!alloc_fail_hit()) break; assert_int_equal(e, E_NOMEM); }
 */
#ifndef UNIT_ALLOC_FAIL_H
#define UNIT_ALLOC_FAIL_H

#include <stdbool.h>

void alloc_fail_at(long n); /* the n-th from now, counted from 0, fails once; -1 = none */
bool alloc_fail_hit(void);  /* whether it did; switches off */

#endif
