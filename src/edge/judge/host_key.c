#include "edge/judge/host_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/change.h"
#include "ssh/sshkey.h"

#define SWEEP_MAX 1000 /* one turn; the rest at the next */
#define PLACE "place"  /* unique key: application and destination */

static void
place_of(const struct app *a, const char *destination, char out[static 360])
{
	snprintf(out, 360, "%s %s", a->id, destination);
}

static bool
is_authority(const char *line)
{
	return str_starts(line, "@cert-authority ");
}

/* Type and blob decide; comments and spaces do not. */
static bool
same_key(const char *a, const char *b)
{
	struct sshkey ka = {0}, kb = {0};
	bool same = sshkey_parse_line(a, strlen(a), &ka, NULL) == 0 &&
	            sshkey_parse_line(b, strlen(b), &kb, NULL) == 0 && slice_eq(sshkey_blob(&ka), sshkey_blob(&kb));

	sshkey_release(&ka);
	sshkey_release(&kb);
	return same;
}

static int
pinned(struct judge *j, const struct app *a, const char *destination, struct host_key **ret_k, struct reason *why)
{
	struct store_doc d = {0};
	struct model_error bad = {0};
	json_t *doc = NULL;
	char place[360];

	place_of(a, destination, place);
	int e = store_find(j->store, HOST_KEY_KIND, PLACE, place, &d, why);
	if (e < 0)
		return e;
	e = json_load_strict(d.json, strlen(d.json), STORE_DOC_MAX, &doc);
	if (e == 0)
		e = host_key_from_json(doc, false, ret_k, &bad);
	if (e < 0)
		reason_set(why, e, SP_STORE, "the pinned host key of %s cannot be read: %s", a->domain, bad.text);
	json_decref(doc);
	store_doc_release(&d);
	return e;
}

static int
pin(struct judge *j, const struct host_key_case *c, const char *fingerprint, struct reason *why)
{
	char id[37], place[360];
	struct host_key k = {.id = id,
	                     .app = c->app->id,
	                     .destination = (char *)(uintptr_t)c->destination,
	                     .key = (char *)(uintptr_t)c->key,
	                     .fingerprint = (char *)(uintptr_t)fingerprint,
	                     .by = (char *)(uintptr_t)c->email,
	                     .first_seen = judge_now()};
	struct store_key key = {PLACE, place, true};

	uuid_new(id);
	place_of(c->app, c->destination, place);
	json_t *doc = host_key_to_json(&k, MODEL_STORE);
	char *json = doc ? json_dump_str(doc) : NULL;
	int e = json ? store_put(j->store, HOST_KEY_KIND, id, STORE_NEW, json, &key, 1, NULL, why) : E_NOMEM;
	free(json);
	json_decref(doc);
	return e;
}

static int
against_list(const struct host_key_case *c, const char *fingerprint, struct reason *why, char *text, size_t ntext)
{
	bool plain = false;

	for (size_t i = 0; i < c->app->ssh.host_keys.n; i++) {
		const char *line = c->app->ssh.host_keys.v[i];
		if (is_authority(line))
			continue;
		plain = true;
		if (same_key(line, c->key))
			return 0;
	}
	snprintf(text, ntext,
	         "The host shows the key %s, which is not among the keys that its administrator listed for this "
	         "application. Nothing was sent to it. %s",
	         fingerprint,
	         plain
	             ? "Tell the administrator."
	             : "(Only @cert-authority lines are listed: sessions of the edge need the host's own public key.)");
	reason_set(why, E_DENIED, SP_HOST_KEY, "host key %s is not listed", fingerprint);
	return SP_HOST_KEY;
}

static int
against_pin(struct judge *j, const struct host_key_case *c, const char *fingerprint, bool *ret_pinned,
            struct reason *why, char *text, size_t ntext)
{
	struct host_key *k = NULL;
	int code = 0, e = pinned(j, c->app, c->destination, &k, why);

	if (e == E_NOENT) {
		e = pin(j, c, fingerprint, why);
		*ret_pinned = e == 0;
		if (e == E_EXIST || e == E_CONFLICT) /* another session was first */
			e = pinned(j, c->app, c->destination, &k, why);
	}
	if (e < 0) {
		snprintf(text, ntext, "The edge cannot look up the host's key now. Try again in a moment.");
		return SP_STORE;
	}
	if (k && !same_key(k->key, c->key)) {
		snprintf(text, ntext,
		         "The host's key has changed: it was %.80s and is now %s. Either the host was installed anew, "
		         "or something else answers in its place. Nothing was sent to it. If the change is meant, an "
		         "administrator runs: sallyport admin host-keys forget %s",
		         k->fingerprint ? k->fingerprint : "?", fingerprint, k->id);
		reason_set(why, E_DENIED, SP_HOST_KEY, "host key changed from %.80s to %s",
		           k->fingerprint ? k->fingerprint : "?", fingerprint);
		code = SP_HOST_KEY;
	}
	host_key_free(k);
	return code;
}

int
host_key_judge(struct judge *j, const struct host_key_case *c, bool *ret_pinned, struct reason *why, char *text,
               size_t ntext)
{
	struct sshkey k = {0};
	char fingerprint[64];

	*ret_pinned = false;
	if (sshkey_parse_line(c->key, strlen(c->key), &k, why) < 0) {
		snprintf(text, ntext, "The host's key is of a kind or size that is not accepted.");
		return SP_HOST_KEY;
	}
	sshkey_fingerprint(sshkey_blob(&k), fingerprint);
	sshkey_release(&k);
	switch (c->app->ssh.host_keys_mode) {
	case HOST_KEYS_LIST:
		return against_list(c, fingerprint, why, text, ntext);
	case HOST_KEYS_REQUIRED:
		snprintf(
		    text, ntext,
		    "This application's host keys must be listed before anybody is let in. The host shows %s; "
		    "its administrator checks it (ssh-keygen -lf on the host) and adds under ssh.host_keys:\n%.400s",
		    fingerprint, c->key);
		reason_set(why, E_DENIED, SP_HOST_UNLISTED, "ssh.host_keys is required; the host shows %s",
		           fingerprint);
		return SP_HOST_UNLISTED;
	default:
		return against_pin(j, c, fingerprint, ret_pinned, why, text, ntext);
	}
}

/* --- which kinds are asked for ------------------------------------------------------------------------------------ */

static void
add_type(char *out, size_t n, const char *line)
{
	size_t len = strcspn(line, " \t"), have = strlen(out);
	bool rsa = len == 7 && !strncmp(line, "ssh-rsa", 7);
	const char *word = rsa ? "rsa-sha2-512,rsa-sha2-256" : line;
	size_t nword = rsa ? strlen(word) : len;

	if (have + nword + 2 > n || !nword)
		return;
	snprintf(out + have, n - have, "%s%.*s", have ? "," : "", (int)nword, word);
}

void
host_key_types(struct judge *j, const struct app *a, const char *destination, char *out, size_t n)
{
	struct host_key *k = NULL;

	out[0] = '\0';
	if (a->ssh.host_keys_mode == HOST_KEYS_LIST)
		for (size_t i = 0; i < a->ssh.host_keys.n; i++)
			if (!is_authority(a->ssh.host_keys.v[i]))
				add_type(out, n, a->ssh.host_keys.v[i]);
	if (a->ssh.host_keys_mode == HOST_KEYS_FIRST_SEEN && pinned(j, a, destination, &k, NULL) == 0)
		add_type(out, n, k->key);
	host_key_free(k);
}

struct stale {
	struct judge *j;
	char id[37];
};

static int
find_stale(void *arg, const struct store_doc *d)
{
	struct stale *s = arg;
	json_t *doc = NULL;
	int stop = 0;

	if (json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &doc) == 0 &&
	    !snapshot_app_by_id(s->j->snap, json_str_or(doc, "app", "")))
		stop = str_copy(s->id, sizeof s->id, d->id) == 0;
	json_decref(doc);
	return stop;
}

void
host_keys_sweep(struct judge *j)
{
	struct stale s = {.j = j};

	for (int i = 0; i < SWEEP_MAX; i++) {
		if (store_list(j->store, HOST_KEY_KIND, "", 0, find_stale, &s, NULL) != 1 ||
		    store_delete(j->store, HOST_KEY_KIND, s.id, STORE_ANY, NULL) < 0)
			return;
	}
}
