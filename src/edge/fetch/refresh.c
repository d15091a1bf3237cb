/* refresh: asking a provider again with what is kept of a sign-in (OpenID Connect Core section 12, RFC 6749 section 6).
 */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/fetch/fetch.h"

/* A day is more than any provider gives an access token, and keeps the sum far from the end of the type. */
#define ACCESS_SEC_MAX 86400

static int64_t
access_end(const json_t *answer)
{
	int64_t s = json_i64_or(answer, "expires_in", 0);
	return s <= 0 ? 0 : clock_wall() + (s < ACCESS_SEC_MAX ? s : ACCESS_SEC_MAX);
}

static void
handle_new(char out[static 33])
{
	uint8_t raw[16];

	random_bytes(raw, sizeof raw);
	hex_encode_str(out, 33, raw, sizeof raw);
}

static void
keep(struct job *j, const char *refresh, const char *access, int64_t access_until, int64_t until)
{
	int e = vault_put(&j->f->vault, j->handle, j->provider, refresh, access, access_until, until);

	j->kept = vault_get(&j->f->vault, j->handle) != NULL;
	if (e < 0)
		log_error("vault", "provider", j->provider, "kept", j->kept ? "in memory" : "no", "why", err_str(e),
		          NULL);
}

/* The first answer of a sign-in. */
static void
take_first(struct job *j, const struct provider *p, const json_t *answer)
{
	const char *refresh = json_str_or(answer, "refresh_token", "");
	const char *access = json_str_or(answer, "access_token", "");

	if (j->keep_until <= 0 || (!*refresh && (!*access || !p || !p->doc.userinfo)))
		return;
	handle_new(j->handle);
	keep(j, *refresh ? refresh : NULL, access, access_end(answer), j->keep_until);
}

void
refresh_keep_access(struct job *j, const char *access)
{
	if (j->keep_until <= 0)
		return;
	handle_new(j->handle);
	keep(j, NULL, access, 0, j->keep_until);
}

/* A later one: a new refresh token takes the old one's place before anybody hears of the answer. */
static void
take_again(struct job *j, json_t *answer)
{
	const struct vault_entry *was = vault_get(&j->f->vault, j->handle);
	const char *refresh = json_str_or(answer, "refresh_token", "");
	const char *access = json_str_or(answer, "access_token", "");
	char *old = was && was->refresh ? str_dup(was->refresh) : NULL;
	int64_t until = was && was->until > j->keep_until ? was->until : j->keep_until;

	if (was && (*refresh || old)) /* forgotten meanwhile: the answer is for nobody */
		keep(j, *refresh ? refresh : old, access, access_end(answer), until);
	if (old)
		mem_wipe(old, strlen(old));
	free(old);
}

void
refresh_take(struct job *j, const struct provider *p, json_t *answer)
{
	const char *key;
	json_t *v;
	void *tmp;

	if (j->kind == FETCH_TOKEN)
		take_first(j, p, answer);
	if (j->kind == FETCH_REFRESH) {
		take_again(j, answer);
		json_object_foreach_safe(answer, tmp, key, v) if (strcmp(key, "id_token") != 0)
		    json_object_del(answer, key);
	}
	json_object_del(answer, "refresh_token");
}

/* Errors of RFC 6749 5.2 and OpenID Connect Core 3.1.2.6 that say: not without the user. invalid_client and the like
   say that our own configuration is wrong, and are no word about anybody. */
static bool
says_no(struct slice body)
{
	static const char *const words[] = {"invalid_grant",        "access_denied",    "login_required",
	                                    "interaction_required", "consent_required", "account_selection_required"};
	json_t *o = NULL;
	bool no = false;

	if (json_load_strict(body.p, body.n, FETCH_BODY_MAX, &o) == 0)
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			no |= !strcmp(json_str_or(o, "error", ""), words[i]);
	json_decref(o);
	return no;
}

void
refresh_judge(struct job *j, int err, long status, struct slice body)
{
	struct vault_entry *e = *j->handle ? vault_get(&j->f->vault, j->handle) : NULL;
	bool no = false;

	if (!e)
		return;
	if (j->kind == FETCH_REFRESH) {
		no = err == 0 && status >= 400 && status <= 499 && says_no(body);
		j->lost = no && e->unanswered;
		j->gone = no && !e->unanswered;
		if (!no && err != E_AGAIN && (err < 0 || status >= 500))
			e->unanswered = true; /* it may have reached the provider and used the token up */
	}
	if (j->kind == FETCH_USERINFO && status == 401) {
		/* an access token that has run out of itself says nothing about its owner */
		j->spent = !e->refresh && (!e->access_until || clock_wall() >= e->access_until);
		j->gone = !j->spent;
	}
}

void
refresh_extend(struct job *j)
{
	const struct vault_entry *e = vault_get(&j->f->vault, j->handle);
	char *access;

	if (!e || e->refresh || j->keep_until <= e->until || !(access = str_dup(e->access)))
		return;
	keep(j, NULL, access, e->access_until, j->keep_until);
	mem_wipe(access, strlen(access));
	free(access);
}

struct vault_entry *
refresh_entry(struct job *j)
{
	struct vault_entry *e = vault_get(&j->f->vault, j->handle);

	if (!e || strcmp(e->provider, j->provider) != 0) {
		job_fail(j, "nothing is kept of this sign-in");
		return NULL;
	}
	if (e->asking) { /* one refresh token must not be used twice at once */
		job_end(j, SP_BUSY, 0, "asked already", "");
		return NULL;
	}
	return e;
}

void
refresh_sweep(void *arg)
{
	struct fetch *f = arg;

	vault_sweep(&f->vault, clock_wall());
}
