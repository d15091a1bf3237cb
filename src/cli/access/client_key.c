#include "cli/access/client_key.h"

#include <unistd.h>

#include "crypto/random.h"
#include "io/file.h"

int
client_key_make(struct key **ret_key, struct sshkey *ret_pub, char cnf[static 44])
{
	int r = key_generate(KEY_ED25519, 0, ret_key);

	if (r == 0)
		r = sshkey_from_key(*ret_key, NULL, ret_pub);
	if (r == 0)
		sshkey_cnf(sshkey_blob(ret_pub), cnf);
	return r;
}

int
client_key_store(const struct cli *c, const struct app *a, struct key *key, const struct sshkey *pub)
{
	char path[4400], cert[4400];
	struct buf b;
	uint32_t check;
	int r;

	random_bytes(&check, sizeof check);
	buf_init_secret(&b, 16384);
	r = sshkey_format_private(key, a->at.host, check, &b);
	if (r == 0)
		r = app_file(c, a, "-cf_key", path, sizeof path);
	if (r == 0)
		r = app_store(c, path, 0600, buf_slice(&b));
	buf_clear(&b);
	if (r == 0)
		r = sshkey_format_line(pub, &b);
	if (r == 0)
		r = buf_put_u8(&b, '\n');
	if (r == 0)
		r = app_file(c, a, "-cf_key.pub", path, sizeof path);
	if (r == 0)
		r = app_store(c, path, 0600, buf_slice(&b));
	buf_release(&b);
	if (r == 0 && app_file(c, a, "-cf_key-cert.pub", cert, sizeof cert) == 0)
		unlink(cert); /* it certified the key before */
	return r;
}

int
client_key_cnf(const struct cli *c, const struct app *a, char cnf[static 44])
{
	struct reason why = {0};
	struct sshkey k = {0};
	char path[4400];
	struct buf b;

	buf_init(&b, SSHKEY_LINE_MAX);
	int r = app_file(c, a, "-cf_key.pub", path, sizeof path);
	if (r == 0)
		r = access(path, R_OK) == 0 ? file_read(path, &b) : E_NOENT;
	if (r == 0)
		r = sshkey_parse_line((const char *)buf_ptr(&b), buf_len(&b), &k, &why);
	if (r == 0)
		sshkey_cnf(sshkey_blob(&k), cnf);
	sshkey_release(&k);
	buf_release(&b);
	if (r == 0 && app_file(c, a, "-cf_key", path, sizeof path) == 0 && access(path, R_OK) < 0)
		r = E_NOENT;
	return r;
}
