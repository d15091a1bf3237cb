/*
 * How a waiting client gets its tokens (or its refusal): it polls under the name of a Curve25519 key that only it
 * holds; what is delivered is sealed for that key (facts/cloudflared-wire.md d.4), and once only. It is a row (once.h)
 * until it is asked for; here is only who waits.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/str.h"
#include "crypto/seal.h"
#include "edge/judge/login.h"
#include "edge/judge/once.h"

#define TRANSFER_MAX 16384u /* bytes of what is delivered, before it is sealed; two tokens are about 4,000 */

struct transfer {
	struct list age;
	char key[65];
	struct req *waiter;
	char from[64]; /* address of who asked last */
	int64_t expires;
};

static void
forget(struct judge *j, struct transfer *t)
{
	map_take(&j->transfers, t->key);
	list_remove(&t->age);
	free(t);
}

int
transfer_key_check(const char *key, uint8_t ret_pub[32])
{
	struct buf b;
	int e;

	if (strlen(key) > 64)
		return E_FORMAT;
	buf_init(&b, 64);
	e = b64_decode(&b, B64_URL_PAD, key, strlen(key));
	if (e == 0 && buf_len(&b) != 32)
		e = E_FORMAT;
	if (e == 0)
		memcpy(ret_pub, buf_ptr(&b), 32);
	buf_release(&b);
	return e;
}

static void
not_yet(struct transfer *t)
{
	struct req *w = t->waiter;

	t->waiter = NULL;
	if (w)
		reply_text(w, 404, "SP-1101 not yet\n");
}

/* The waiter's channel went away, or it is being answered. */
static void
waiter_gone(struct req *r)
{
	struct transfer *t = map_get(&r->j->transfers, r->held);
	if (t && t->waiter == r)
		t->waiter = NULL;
	r->j->nheld--;
}

static struct transfer *
row(struct judge *j, const char *key)
{
	struct transfer *t = map_get(&j->transfers, key);

	if (t)
		return t;
	if (map_len(&j->transfers) >= TRANSFERS_MAX) {
		struct transfer *old = list_entry(j->transfer_age.next, struct transfer, age);
		not_yet(old);
		forget(j, old);
	}
	if (!(t = calloc(1, sizeof *t)) || str_copy(t->key, sizeof t->key, key) < 0 ||
	    map_put(&j->transfers, key, t) < 0) {
		free(t);
		return NULL;
	}
	t->expires = judge_now() + TRANSFER_SEC;
	list_push(&j->transfer_age, &t->age);
	return t;
}

/* {"body": base64 of the box, "service": the edge's throw-away public key} */
static int
seal_for(const uint8_t pub[32], const json_t *what, json_t **ret_o)
{
	struct box_key mine;
	struct buf text, boxed, body;
	char service[48];
	int e;

	box_key_generate(&mine);
	buf_init_secret(&text, TRANSFER_MAX);
	buf_init(&boxed, TRANSFER_MAX);
	buf_init(&body, 2 * TRANSFER_MAX);
	e = json_dump(what, &text);
	if (e == 0)
		e = box(&mine, pub, buf_slice(&text), &boxed);
	if (e == 0)
		e = b64_encode(&body, B64_STD, buf_ptr(&boxed), buf_len(&boxed));
	if (e == 0)
		e = b64_encode_str(service, sizeof service, B64_URL_PAD, mine.pub, sizeof mine.pub);
	if (e == 0 && !(*ret_o = json_pack("{s:s, s:s}", "body", buf_cstr(&body), "service", service)))
		e = E_NOMEM;
	buf_release(&text);
	buf_release(&boxed);
	buf_release(&body);
	box_key_release(&mine);
	return e;
}

static void
deliver(struct req *r, const json_t *o)
{
	reply_header(r, "service-public-key", req_fmt(r, "%s", json_str_or(o, "service", "")));
	reply_text(r, 200, json_str_or(o, "body", ""));
}

/* A client that was told nothing yet asks once more; one that waits is told now. Filled once: a second browser cannot
   replace what the first one sent. */
int
transfer_fill(struct judge *j, const char *key, const json_t *what)
{
	uint8_t pub[32];
	json_t *o = NULL;
	int e = transfer_key_check(key, pub);

	if (e == 0)
		e = seal_for(pub, what, &o);
	if (e == 0)
		e = once_put(j, ONCE_TRANSFER, key, o, TRANSFER_SEC);
	struct transfer *t = map_get(&j->transfers, key);
	if (e == 0 && t && t->waiter) {
		json_t *mine = NULL;
		if (once_take(j, ONCE_TRANSFER, key, &mine) == 0) {
			struct req *w = t->waiter;
			t->waiter = NULL;
			forget(j, t);
			deliver(w, mine);
		}
		json_decref(mine);
	}
	json_decref(o);
	return e;
}

void
transfer_refuse(struct judge *j, const char *key, int code, const char *text)
{
	char name[16];
	json_t *o;

	snprintf(name, sizeof name, "SP-%d", code);
	o = json_pack("{s:{s:s, s:s}}", "error", "code", name, "message", text);
	if (o)
		transfer_fill(j, key, o);
	json_decref(o);
}

void
login_dest_transfer(const struct login_dest *d, char ret_key[static 65])
{
	static const char prefix[] = "/cdn-cgi/access/cli?";
	struct query q = {0};
	uint8_t pub[32];

	ret_key[0] = '\0';
	if (!str_starts(d->redirect, prefix) ||
	    query_parse(d->redirect + sizeof prefix - 1, strlen(d->redirect) - sizeof prefix + 1, &q) < 0)
		return;
	const char *k = query_get(&q, "token");
	if (k && transfer_key_check(k, pub) == 0)
		str_copy(ret_key, 65, k);
	query_release(&q);
}

const char *
transfer_from(const struct judge *j, const char *key)
{
	const struct transfer *t = map_get(&j->transfers, key);
	return t ? t->from : "";
}

static bool
may_wait(const struct req *r)
{
	const struct judge *j = r->j;
	size_t n = 0;

	if (j->nheld < TRANSFER_HELD_MANY)
		return true;
	list_foreach (it, &j->transfer_age) {
		const struct transfer *t = list_entry(it, struct transfer, age);
		n += t->waiter && !strcmp(t->waiter->client_ip, r->client_ip);
	}
	return j->nheld < TRANSFER_HELD_MAX && n < TRANSFER_HELD_IP_MAX;
}

void
transfer_get(struct req *r)
{
	uint8_t pub[32];
	struct transfer *t;
	json_t *o = NULL;

	if (transfer_key_check(r->seg[0], pub) < 0) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	int e = once_take(r->j, ONCE_TRANSFER, r->seg[0], &o);
	if (e == 0) {
		if ((t = map_get(&r->j->transfers, r->seg[0]))) {
			not_yet(t);
			forget(r->j, t);
		}
		deliver(r, o);
		json_decref(o);
		return;
	}
	if (e != E_NOENT) { /* the store is away: what there is to get waits there */
		reply_refuse(r, SP_STORE);
		return;
	}
	if (!(t = row(r->j, r->seg[0]))) {
		reply_refuse(r, SP_BUSY);
		return;
	}
	str_copy(t->from, sizeof t->from, r->client_ip);
	not_yet(t); /* an older poll of the same client */
	if (!may_wait(r)) {
		reply_refuse(r, SP_BUSY);
		return;
	}
	t->waiter = r;
	r->j->nheld++;
	r->held = req_fmt(r, "%s", t->key);
	r->done = waiter_gone;
	r->waits = true;
	r->wait_until = judge_now() + TRANSFER_HOLD_SEC;
}

void
login_sweep(struct judge *j)
{
	int64_t now = judge_now();

	list_foreach (it, &j->transfer_age) {
		struct transfer *t = list_entry(it, struct transfer, age);
		if (now >= t->expires) {
			not_yet(t);
			forget(j, t);
		} else if (t->waiter && now >= t->waiter->wait_until) {
			not_yet(t);
		}
	}
}
