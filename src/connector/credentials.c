#include "connector/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/str.h"
#include "io/file.h"

#define CREDENTIALS_MAX 65536
#define SECRET_MIN 32
#define TUNNEL_SECRET_MAX 1024 /* real ones have 32 bytes */

static int
fill(struct credentials *c, const char *account, const char *secret, const char *tunnel)
{
	struct buf raw;
	int r;

	buf_init_secret(&raw, TUNNEL_SECRET_MAX);
	r = str_copy(c->account, sizeof c->account, account);
	if (r == 0)
		r = uuid_parse(tunnel, c->tunnel);
	if (r == 0)
		r = b64_decode(&raw, B64_STD, secret, strlen(secret));
	if (r == 0 && buf_len(&raw) < SECRET_MIN)
		r = E_RANGE;
	if (r == 0)
		r = secret_set(&c->secret, buf_ptr(&raw), buf_len(&raw));
	if (r == 0)
		uuid_format(c->tunnel, c->tunnel_text);
	buf_release(&raw);
	return r;
}

/* Both forms are one JSON object with three texts; only the names differ. */
static int
parse_as(const char *json, size_t n, const char *ka, const char *ks, const char *kt, const char *kk,
         struct credentials *ret_c)
{
	const char *account, *secret, *tunnel;
	struct credentials c = {0};
	json_t *o = NULL;
	int r = json_load_strict(json, n, CREDENTIALS_MAX, &o);

	if (r == 0 && !json_is_object(o))
		r = E_FORMAT;
	if (r == 0)
		r = json_get_str(o, ka, &account);
	if (r == 0)
		r = json_get_str(o, ks, &secret);
	if (r == 0)
		r = json_get_str(o, kt, &tunnel);
	if (r == 0)
		r = fill(&c, account, secret, tunnel);
	if (r == 0)
		r = str_copy(c.name, sizeof c.name, json_str_or(o, "TunnelName", ""));
	if (r == 0 && json_object_get(o, kk) && !json_is_object(json_object_get(o, kk)))
		r = E_FORMAT; /* not to be taken for credentials without */
	if (r == 0) {
		c.keys = json_incref(json_object_get(o, kk));
		*ret_c = c;
		c = (struct credentials){0};
	}
	credentials_release(&c);
	json_decref(o);
	return r;
}

int
credentials_parse(const char *json, size_t n, struct credentials *ret_c, struct reason *why)
{
	int r = parse_as(json, n, "AccountTag", "TunnelSecret", "TunnelID", "TokenKeys", ret_c);

	if (r < 0)
		reason_set(why, r, SP_CONFIG,
		           "not tunnel credentials: expected a JSON object with AccountTag, TunnelSecret (base64, at "
		           "least 32 bytes) and TunnelID (UUID)");
	return r;
}

int
credentials_load(const char *path, struct credentials *ret_c, struct reason *why)
{
	return credentials_load_as(path, 077, ret_c, why);
}

int
credentials_load_as(const char *path, mode_t forbidden, struct credentials *ret_c, struct reason *why)
{
	struct reason inner = {0};
	struct buf b;

	buf_init_secret(&b, CREDENTIALS_MAX);
	int r = file_read_private(path, forbidden, &b, why);
	if (r == 0) {
		r = credentials_parse((const char *)buf_ptr(&b), buf_len(&b), ret_c, &inner);
		if (r < 0)
			reason_set(why, r, SP_CONFIG, "%s: %s", path, inner.text);
	}
	buf_release(&b);
	return r;
}

int
credentials_from_token(const char *token, struct credentials *ret_c, struct reason *why)
{
	struct buf b;
	int r;

	buf_init_secret(&b, CREDENTIALS_MAX);
	r = b64_decode(&b, B64_STD, token, strlen(token));
	if (r == 0)
		r = parse_as((const char *)buf_ptr(&b), buf_len(&b), "a", "s", "t", "k", ret_c);
	buf_release(&b);
	if (r < 0)
		reason_set(why, r, SP_CONFIG, "Provided Tunnel token is not valid.");
	return r;
}

int
credentials_format(const struct credentials *c, struct buf *out)
{
	struct buf b64;
	int r;

	buf_init_secret(&b64, (TUNNEL_SECRET_MAX + 2) / 3 * 4);
	r = b64_encode(&b64, B64_STD, c->secret.d, c->secret.n);
	json_t *o = r == 0 ? json_pack("{s:s,s:s%,s:s,s:s}", "AccountTag", c->account, "TunnelSecret",
	                               (const char *)buf_ptr(&b64), buf_len(&b64), "TunnelID", c->tunnel_text,
	                               "TunnelName", c->name)
	                   : NULL;
	if (o && c->keys && json_object_set(o, "TokenKeys", c->keys) < 0)
		r = E_NOMEM;
	if (r == 0)
		r = o ? json_dump(o, out) : E_NOMEM;
	json_decref(o);
	buf_release(&b64);
	return r;
}

void
credentials_release(struct credentials *c)
{
	secret_release(&c->secret);
	json_decref(c->keys);
	memset(c, 0, sizeof *c);
}
