/* An edge's control stream against our connector. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/control.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct control_client *c;
	struct control_register reg = {.account = "a", .secret = {(const uint8_t *)"secret", 6}};
	struct buf out;
	size_t at = 1;
	if (n < 1 || n > 100000 || control_client_new(&c) < 0)
		return 0;
	buf_init(&out, 1u << 22);
	control_client_register(c, &reg, &out);
	while (at < n) {
		enum control_answer a;
		struct reason why = {0};
		size_t used, k = n - at;
		if (d[0] & 1 && k > 1u + d[0])
			k = 1u + d[0];
		uint8_t *copy = malloc(k);
		if (!copy)
			break;
		memcpy(copy, d + at, k);
		int r = control_client_feed(c, copy, k, &used, &a, &out, &why);
		free(copy);
		if (r < 0 && !why.text[0])
			abort();
		if (r < 0 || used > k)
			break;
		at += used;
		if (a == CONTROL_REFUSED &&
		    strlen(control_client_error(c)->cause) >= sizeof control_client_error(c)->cause)
			abort();
		if (a == CONTROL_REGISTERED) {
			if (strlen(control_client_details(c)->location) >= sizeof control_client_details(c)->location)
				abort();
			control_client_local_config(c, "{}", 2, &out);
			control_client_unregister(c, &out);
		}
	}
	control_client_shutdown(c, &out);
	control_client_free(c);
	buf_release(&out);
	return 0;
}
