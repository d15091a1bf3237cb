#include "crypto/random.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "crypto/crypto_int.h"

void
random_bytes(void *p, size_t n)
{
	uint8_t *d = p;
	while (n) {
		ssize_t got = getrandom(d, n, 0);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			crypto_die("getrandom");
		}
		d += got;
		n -= (size_t)got;
	}
}

uint64_t
random_u64(void)
{
	uint64_t v;
	random_bytes(&v, sizeof v);
	return v;
}
