/* fetch's store as somebody with the disk could leave it, in two ways: the input as the file, and its lines as the
   content of records that are sealed as they must be. What is read is well formed, and what counts of a file counts
   again. */
#include "crypto/seal.h"
#include "edge/fetch/vault.h"
#include "fuzz.h"

static const uint8_t key[VAULT_KEY_LEN] = {7};

static void
look(struct slice file)
{
	struct map m, again;
	struct vault_seen s, t;
	struct map_iter it = {0};

	map_init(&m, 100, 1, vault_entry_drop);
	map_init(&again, 100, 1, vault_entry_drop);
	vault_read(file, key, &m, &s);
	MUST(s.good <= file.n && s.changes <= s.n);
	while (map_next(&m, &it)) {
		const struct vault_entry *e = it.value;
		MUST(strlen(e->handle) == 32 && !strcmp(e->handle, it.key));
		MUST(e->refresh || e->access);
		MUST(!e->refresh || strlen(e->refresh) <= VAULT_TOKEN_MAX);
	}
	vault_read((struct slice){file.p, s.good}, key, &again, &t);
	MUST(t.n == s.n && t.good == s.good && t.whole == s.whole && map_len(&again) == map_len(&m));
	map_release(&m);
	map_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf file, one;
	const uint8_t *end = p + n;

	look((struct slice){p, n});
	buf_init(&file, 4u << 20);
	buf_put_str(&file, "sallyport vault\n");
	for (const uint8_t *at = p; at < end && buf_len(&file) < 1u << 20;) {
		const uint8_t *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl ? nl : end) - at);
		buf_init(&one, 4u << 20);
		MUST(seal(key, (struct slice){at, len}, &one) == 0);
		buf_put_u32(&file, (uint32_t)buf_len(&one));
		buf_put_slice(&file, buf_slice(&one));
		buf_release(&one);
		at += len + 1;
	}
	look(buf_slice(&file));
	buf_release(&file);
	return 0;
}
