/* A credentials file or a token: whatever is taken formats to what reads back the same. */
#include "connector/credentials.h"
#include "fuzz_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct credentials a = {0}, b = {0};
	struct reason why;
	char *text = fuzz_text(d, n);
	struct buf out;

	if (credentials_from_token(text, &a, &why) < 0 && credentials_parse((const char *)d, n, &a, &why) < 0) {
		free(text);
		return 0;
	}
	MUST(a.secret.n >= 32);
	buf_init_secret(&out, 1u << 20);
	MUST(credentials_format(&a, &out) == 0);
	MUST(credentials_parse((const char *)buf_ptr(&out), buf_len(&out), &b, &why) == 0);
	fuzz_file("c.json", buf_ptr(&out), buf_len(&out));
	credentials_release(&b);
	MUST(credentials_load(fuzz_path, &b, &why) == 0);
	MUST(!strcmp(a.account, b.account) && !strcmp(a.tunnel_text, b.tunnel_text));
	MUST(secret_eq(secret_slice(&a.secret), secret_slice(&b.secret)));
	buf_release(&out);
	credentials_release(&a);
	credentials_release(&b);
	free(text);
	return 0;
}
