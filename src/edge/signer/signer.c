#include "edge/signer/signer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/limits.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"

/* An answer that waits for the journal, in its encoded form. */
struct held {
	struct held *next;
	uint32_t id;
	const struct msg_def *def;
	struct buf wire;
};

int64_t
signer_now(void)
{
	return clock_wall();
}

static void
on_line(const json_t *line, void *arg)
{
	certs_seen(arg, line);
}

/* Neither file may be older than the other: each remembers how far the other was. */
static int
files_agree(const struct signer *s, struct reason *r)
{
	if (s->jn.ks > s->ks.seq)
		return reason_set(r, E_CONFLICT, SP_CONFIG,
		                  "keys/store ends at record %" PRIu64 ", keys/journal knows %" PRIu64
		                  "; restore both from one backup",
		                  s->ks.seq, s->jn.ks);
	if (s->ks.seen_mark > s->jn.n)
		return reason_set(r, E_CONFLICT, SP_CONFIG,
		                  "keys/journal ends at line %" PRIu64 ", keys/store knows %" PRIu64
		                  "; restore both from one backup",
		                  s->jn.n, s->ks.seen_mark);
	return 0;
}

static void
tables_init(struct signer *s, uint64_t seed)
{
	map_init(&s->cas, 1000000, seed, NULL);
	map_init(&s->providers, 1000, seed, NULL);
	facts_init(s);
	pins_init(s, seed);
	recent_init(&s->serials, SIGNER_SERIALS_MAX, seed);
	recent_init(&s->user_keys, SIGNER_KEYS_MAX, seed);
	recent_init(&s->logouts, SIGNER_LOGOUTS_MAX, seed);
	rate_init(&s->login_account, 20, 15000, seed); /* guesses at one account: 20 at once, then one each 15 s */
	rate_init(&s->login_ip, 60, 2000, seed);
	/* A guess at 256 random bits does not succeed; this bounds its cost. A right secret always passes. */
	rate_init(&s->service_wrong, 20, 3000, seed);
	rate_init(&s->service_mint, 500, 20, seed);
	rate_init(&s->setup_tries, 20, 3000, seed);
	/* A token signs for one key only: this bounds load and journal, not reach. */
	rate_init(&s->cert_person, 10000, 50, seed);
	rate_init(&s->cert_ca, 20000, 0.2, seed);
	rate_init(&s->cert_all, 40000, 0.1, seed);
	rate_init(&s->leafs, 1024, 100, seed); /* all that an edge can have twice, then ten a second */
}

int
signer_load(struct signer *s, struct reason *r)
{
	uint64_t seed = random_u64();
	int e;

	s->held_end = &s->held;
	tables_init(s, seed);
	if (!s->have_key)
		return reason_set(
		    r, E_STATE, SP_CONFIG,
		    "no usable node key: expected 32 bytes or 64 hex digits, or a passphrase of 12 to 1024 characters");
	if (s->store_fd < 0 || s->journal_fd < 0)
		return reason_set(r, E_STATE, SP_CONFIG, "store and journal must be given before the start");
	hmac_sha256((struct slice){s->node_key, 32}, slice_str("sallyport fetch store"), s->fetch_key);
	e = keystore_open(&s->ks, s->store_fd, s->node_key, seed, r);
	s->store_fd = -1;
	mem_wipe(s->node_key, sizeof s->node_key);
	if (e < 0)
		return e;
	e = journal_open(&s->jn, s->journal_fd, on_line, s, r);
	s->journal_fd = -1;
	if (e < 0 || (e = files_agree(s, r)) < 0)
		return e;
	s->ks.mark = s->jn.durable;
	if (s->ks.torn)
		log_warn("store_torn", "cut_bytes", log_num((long long)s->ks.torn), "records",
		         log_num((long long)s->ks.seq), NULL);
	if (s->jn.torn)
		log_warn("journal_torn", "cut_bytes", log_num((long long)s->jn.torn), "lines",
		         log_num((long long)s->jn.n), NULL);
	if ((e = tokens_load(s, r)) < 0 || (e = providers_load(s, r)) < 0 || (e = certs_load(s, r)) < 0 ||
	    (e = leaf_load(s, r)) < 0)
		return e;
	return 0;
}

void
signer_release(struct signer *s)
{
	worker_stop(&s->worker);
	signer_held_drop(s);
	journal_release(&s->jn);
	keystore_release(&s->ks);
	timer_stop(&s->turn);
	keyring_release(&s->ring);
	map_release(&s->cas);
	map_release(&s->providers);
	map_release(&s->facts);
	pins_release(s);
	recent_release(&s->serials);
	recent_release(&s->user_keys);
	recent_release(&s->logouts);
	key_free(s->tls_key);
	free(s->tls_pem);
	mem_wipe(s->node_key, sizeof s->node_key);
	mem_wipe(s->fetch_key, sizeof s->fetch_key);
}

void
signer_held_drop(struct signer *s)
{
	while (s->held) {
		struct held *h = s->held;
		s->held = h->next;
		buf_release(&h->wire);
		free(h);
	}
	s->held_end = &s->held;
	s->nheld = 0;
}

/* Decodes the answer again and gives it to the channel. */
static void
held_send(struct signer *s, struct held *h)
{
	struct arena a;

	arena_init(&a, 4u * MSG_BYTES_MAX);
	void *m = arena_alloc(&a, h->def->size);
	if (m && msg_decode(h->def, buf_slice(&h->wire), &a, m) == 0 && ipc_reply(s->judge, h->id, h->def, m) < 0)
		log_warn("reply_lost", "message", h->def->name, NULL);
	arena_release(&a);
}

int
signer_commit(struct signer *s)
{
	if (s->dead)
		return E_STATE;
	if (journal_commit(&s->jn) < 0) {
		s->dead = true;
		signer_held_drop(s);
		s->fatal(s->fatal_arg,
		         "keys/journal cannot be written; is the disk full? nothing unrecorded was given out");
		return E_IO;
	}
	s->ks.mark = s->jn.durable;
	for (struct held *h = s->held; h; h = h->next)
		held_send(s, h);
	signer_held_drop(s);
	return 0;
}

static void
on_commit(void *arg)
{
	signer_commit(arg);
}

void
signer_commit_soon(struct signer *s)
{
	defer_arm(s->loop, &s->commit, on_commit, s);
}

void
signer_reply(struct signer *s, uint32_t gen, uint32_t id, const struct msg_def *d, const void *m)
{
	struct held *h;

	if (journal_dirty(&s->jn))
		signer_commit_soon(s); /* also when nobody waits any more */
	if (gen != s->judge_gen || !s->judge || s->dead)
		return;
	if (!journal_dirty(&s->jn)) {
		if (ipc_reply(s->judge, id, d, m) < 0)
			log_warn("reply_lost", "message", d->name, NULL);
		return;
	}
	h = calloc(1, sizeof *h);
	if (!h)
		return; /* judge's deadline answers for us */
	h->id = id;
	h->def = d;
	buf_init_secret(&h->wire, MSG_BYTES_MAX);
	if (msg_encode(d, m, &h->wire) < 0) {
		log_error("reply_encode", "message", d->name, NULL);
		buf_release(&h->wire);
		free(h);
		return;
	}
	*s->held_end = h;
	s->held_end = &h->next;
	if (++s->nheld >= SIGNER_HELD_MAX)
		signer_commit(s);
}

void
signer_result(int e, const struct reason *r, uint32_t *ret_code, const char **ret_why)
{
	*ret_code = 0;
	*ret_why = "";
	if (e >= 0)
		return;
	*ret_code = r->code ? (uint32_t)r->code : SP_INTERNAL;
	*ret_why = r->text[0] ? r->text : err_str(e);
}

void
signer_log(const char *verb, const struct reason *r, int e, const char *key, const char *val)
{
	char code[16];

	if (e >= 0) {
		log_info(verb, key, val, NULL);
		return;
	}
	snprintf(code, sizeof code, "SP-%04d", r->code ? r->code : SP_INTERNAL);
	log_warn(verb, key, val, "code", code, "why", r->text[0] ? r->text : err_str(e), NULL);
}

void
signer_done(struct signer *s, uint32_t id, const char *verb, const char *key, const char *val, int e,
            const struct reason *r)
{
	struct js_done a = {0};

	signer_log(verb, r, e, key, val);
	signer_result(e, r, &a.code, &a.why);
	signer_reply(s, s->judge_gen, id, &js_done_def, &a);
}

void
signer_text(struct signer *s, uint32_t id, int e, const struct reason *r, struct buf *text)
{
	struct js_text a = {0};

	signer_result(e, r, &a.code, &a.why);
	a.text = e < 0 ? "" : buf_cstr(text);
	signer_reply(s, s->judge_gen, id, &js_text_def, &a);
}

int
signer_note(struct signer *s, struct reason *r, const char *event, ...)
{
	va_list ap;

	journal_begin(&s->jn, signer_now(), s->ks.seq, event);
	va_start(ap, event);
	for (const char *k; (k = va_arg(ap, const char *));)
		journal_str(&s->jn, k, va_arg(ap, const char *));
	va_end(ap);
	return journal_end(&s->jn) < 0 ? reason_set(r, E_LIMIT, SP_BUSY, "the journal is full") : 0;
}

int
signer_clock_check(const struct signer *s, int64_t now, struct reason *r)
{
	if (now < CA_CLOCK_MIN || now > CA_CLOCK_MAX)
		return reason_set(r, E_RANGE, SP_INTERNAL,
		                  "the clock cannot be right (%" PRId64 "); set it, then try again", now);
	if (now < s->jn.last_t - SIGNER_CLOCK_SLACK)
		return reason_set(r, E_RANGE, SP_INTERNAL,
		                  "the clock is %" PRId64 " s behind the last journal line; set it, then try again",
		                  s->jn.last_t - now);
	return 0;
}
