#include "connector/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "io/file.h"

#define FILE_MAX (KEYCHAIN_CHAIN_MAX * (STATEMENT_MAX + 8u))

/* --- keys that came later -------------------------------------------------------------------------------------------
 */

static void
save(const struct access *a)
{
	struct buf b;
	json_t *o = a->file ? json_pack("{s:O}", "keys", a->announced) : NULL;

	buf_init(&b, FILE_MAX);
	if (o && (json_dump(o, &b) < 0 || file_write_atomic(a->file, 0600, buf_ptr(&b), buf_len(&b)) < 0))
		log_info("token_keys_unsaved", "file", a->file, NULL); /* the edge will say it again */
	json_decref(o);
	buf_release(&b);
}

/* How many were new. */
static size_t
take(struct access *a, const json_t *said)
{
	const json_t *all = json_object_get(said, "keys");
	size_t new = 0;

	for (size_t i = 0; i < json_array_size(all) && i < KEYCHAIN_CHAIN_MAX; i++) {
		const char *text = json_string_value(json_array_get(all, i));
		struct reason why = {0};
		int e = text ? keychain_announce(&a->keys, text, &why) : E_FORMAT;
		if (e < 0 && e != E_NOENT) /* of keys before ours we need not know */
			log_warn("token_key_refused", "why", why.text, NULL);
		if (e != 1)
			continue;
		log_info("token_key", "kid", a->keys.keys.v[a->keys.keys.n - 1].kid, NULL);
		while (json_array_size(a->announced) >= KEYCHAIN_CHAIN_MAX)
			json_array_remove(a->announced, 0);
		json_array_append_new(a->announced, json_string(text));
		new ++;
	}
	return new;
}

static void
load(struct access *a)
{
	struct buf b;
	json_t *o = NULL;

	buf_init(&b, FILE_MAX);
	if (file_read(a->file, &b) == 0) {
		if (json_load_strict(buf_ptr(&b), buf_len(&b), FILE_MAX, &o) < 0)
			log_warn("token_keys_unread", "file", a->file, NULL);
		else
			take(a, o);
	}
	json_decref(o);
	buf_release(&b);
}

void
access_keys(struct access *a, const json_t *said)
{
	if (a->keys.keys.n && take(a, said))
		save(a);
}

/* --- begin and end
 * ---------------------------------------------------------------------------------------------------- */

int
access_init(struct access *a, const json_t *pins, enum connector_access mode, const char *tunnel, const char *file,
            struct reason *why)
{
	*a = (struct access){.tunnel = tunnel, .file = file, .announced = json_array()};
	if (!a->announced)
		return reason_set(why, E_NOMEM, SP_INTERNAL, "out of memory");
	if (pins && keychain_init(&a->keys, pins) < 0)
		return reason_set(why, E_FORMAT, SP_CONFIG,
		                  "the tunnel's credentials carry token keys that cannot be read; fetch them anew with "
		                  "'sallyport tunnel token'");
	if (!pins && mode == CONNECTOR_REQUIRE)
		return reason_set(
		    why, E_NOENT, SP_CONFIG,
		    "--access-required on: the tunnel's credentials carry no token keys; fetch them anew with "
		    "'sallyport tunnel token'");
	a->required = a->sealed = pins && mode != CONNECTOR_TRUST;
	if (pins && file)
		load(a);
	return 0;
}

void
access_release(struct access *a)
{
	keychain_release(&a->keys);
	json_decref(a->announced);
	*a = (struct access){0};
}

/* --- decisions
 * -------------------------------------------------------------------------------------------------------- */

int
access_check(const struct access *a, const struct ingress_rule *rule, const char *token, int64_t now,
             char ret_who[static KEYCHAIN_SUBJECT_MAX], struct reason *why)
{
	bool asked = rule->access == ACCESS_DEFAULT ? a->required : rule->access == ACCESS_ON;
	size_t n = 0;

	ret_who[0] = '\0';
	if (!asked)
		return 0;
	if (!a->keys.keys.n)
		return reason_set(why, E_NOENT, SP_TOKEN, "the tunnel's credentials carry no token keys");
	while (rule->aud_tags && rule->aud_tags[n])
		n++;
	return keychain_admit(&a->keys, token, (const char *const *)rule->aud_tags, n, now, ret_who, why);
}

int
access_config(const struct access *a, const char *seal, int64_t version, const json_t *config, int64_t now,
              struct reason *why)
{
	if (!a->sealed)
		return 0;
	if (!*seal)
		return reason_set(why, E_DENIED, SP_TOKEN, "configuration is not sealed by the edge's signer");
	return keychain_config(&a->keys, seal, a->tunnel, version, config, now, why);
}
