/* A connector's control stream. Whatever is handed out is read to its last byte, then answered. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/control.h"

static volatile size_t sink;

static void
read_all(const struct control_register *r)
{
	size_t n = strlen(r->account) + strlen(r->version) + strlen(r->arch);
	for (size_t i = 0; i < r->nfeatures; i++)
		n += strlen(r->features[i]);
	for (size_t i = 0; i < r->secret.n; i++)
		n += r->secret.p[i];
	for (size_t i = 0; i < r->origin_ip.n; i++)
		n += r->origin_ip.p[i];
	sink = n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct control_edge *c;
	struct buf out;
	const struct control_details ok = {.location = "here", .remote = true};
	const struct control_error no = {.cause = "no", .retry = true};
	size_t at = 1;
	if (n < 1 || n > 100000 || control_edge_new(&c) < 0)
		return 0;
	buf_init(&out, 1u << 22);
	while (at < n) {
		enum control_call call;
		struct reason why = {0};
		size_t used, k = n - at;
		if (d[0] & 1 && k > 1u + d[0])
			k = 1u + d[0];
		uint8_t *copy = malloc(k);
		if (!copy)
			break;
		memcpy(copy, d + at, k);
		int r = control_edge_feed(c, copy, k, &used, &call, &out, &why);
		free(copy);
		if (r < 0 && !why.text[0])
			abort();
		if (r < 0 || used > k)
			break;
		at += used;
		if (call == CONTROL_REGISTER) {
			read_all(control_edge_register(c));
			if (d[0] & 2)
				control_edge_accept(c, &ok, &out);
			else
				control_edge_refuse(c, &no, &out);
		} else if (call == CONTROL_LOCAL_CONFIG) {
			struct slice s = control_edge_local_config(c);
			for (size_t i = 0; i < s.n; i++)
				sink += s.p[i];
			control_edge_done(c, call, &out);
		} else if (call == CONTROL_UNREGISTER && d[0] & 4) {
			control_edge_done(c, call, &out);
		}
	}
	control_edge_free(c);
	buf_release(&out);
	return 0;
}
