/*
 * random: bytes from the kernel. Only programs call it: engines take random bytes as arguments.
 *
 * random_bytes never fails: without entropy no key, nonce or code may be made, so the process aborts instead.
 * May block: at early boot only.
 */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *p, size_t n);
uint64_t random_u64(void);

#endif
