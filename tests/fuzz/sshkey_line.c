/* Public key lines and private key files: what parses is canonical and makes a line again. */
#include "fuzz.h"
#include "ssh/sshkey.h"
#include "ssh/sshwire.h"

/* The primitives under all of them: what is read is bounded and written again to the same bytes. */
static void
wire(const uint8_t *p, size_t n)
{
	struct buf in, out;
	struct slice m;
	char text[32];

	buf_view(&in, p, n);
	buf_init(&out, 1u << 20);
	while (sshwire_get_cstr(&in, text, sizeof text) == 0)
		MUST(strlen(text) < sizeof text && sshwire_put_cstr(&out, text) == 0);
	MUST(buf_len(&out) + buf_len(&in) == n && (!buf_len(&out) || !memcmp(buf_ptr(&out), p, buf_len(&out))));
	buf_clear(&out);
	buf_view(&in, p, n);
	while (sshwire_get_mpint(&in, 64, &m) == 0)
		MUST(m.n <= 64 && sshwire_put_mpint(&out, m) == 0);
	MUST(buf_len(&out) + buf_len(&in) == n && (!buf_len(&out) || !memcmp(buf_ptr(&out), p, buf_len(&out))));
	buf_release(&out);
	if (n && n < 64) { /* any number, with its leading zeros, becomes canonical */
		buf_init(&out, 128);
		MUST(sshwire_put_mpint(&out, (struct slice){p, n}) == 0);
		buf_view(&in, buf_ptr(&out), buf_len(&out));
		MUST(sshwire_get_mpint(&in, 64, &m) == 0 && m.n <= n && !memcmp(m.p, p + n - m.n, m.n));
		buf_release(&out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sshkey k = {0}, again = {0};
	struct reason r = {0};
	struct key *key = NULL;
	struct buf line;
	buf_init(&line, SSHKEY_LINE_MAX);
	wire(p, n);
	if (sshkey_parse_line((const char *)p, n, &k, &r) == 0) {
		MUST(k.nblob && k.bits);
		MUST(sshkey_format_line(&k, &line) == 0);
		MUST(!memchr(buf_ptr(&line), '\n', buf_len(&line)));
		MUST(sshkey_parse_line((const char *)buf_ptr(&line), buf_len(&line), &again, NULL) == 0);
		MUST(slice_eq(sshkey_blob(&k), sshkey_blob(&again)));
		MUST(sshkey_to_key(&k, &key) == 0);
		(void)sshkey_verify(&k, slice_str("x"), (struct slice){p, n});
		key_free(key);
	} else {
		MUST(r.code == SP_KEY_REFUSED);
	}
	sshkey_release(&k);
	sshkey_release(&again);
	if (sshkey_parse_blob((struct slice){p, n}, &k, NULL) == 0) {
		MUST(slice_eq(sshkey_blob(&k), (struct slice){p, n}));
		sshkey_release(&k);
	}
	key = NULL;
	if (sshkey_parse_private((const char *)p, n, &key) == 0) {
		struct key *same = NULL;
		struct buf file;

		buf_init_secret(&file, 65536);
		MUST(sshkey_format_private(key, "a\nb", 7, &file) == 0);
		MUST(sshkey_parse_private((const char *)buf_ptr(&file), buf_len(&file), &same) == 0);
		key_free(same);
		buf_release(&file);
		key_free(key);
	}
	buf_release(&line);
	return 0;
}
