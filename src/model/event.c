#include "model/event.h"

#include <string.h>

static const char *const kind_words[EVENT_KINDS + 1] = {
    [EVENT_EDGE_START] = "edge_start",
    [EVENT_EDGE_STOP] = "edge_stop",
    [EVENT_LOGIN] = "login",
    [EVENT_LOGIN_REFUSED] = "login_refused",
    [EVENT_LOGOUT] = "logout",
    [EVENT_ACCESS_ALLOWED] = "access_allowed",
    [EVENT_ACCESS_DENIED] = "access_denied",
    [EVENT_CERT_ISSUED] = "cert_issued",
    [EVENT_CERT_REFUSED] = "cert_refused",
    [EVENT_RELAY_BEGAN] = "relay_began",
    [EVENT_RELAY_ENDED] = "relay_ended",
    [EVENT_SESSION_REVOKED] = "session_revoked",
    [EVENT_USER_DISABLED] = "user_disabled",
    [EVENT_USER_ENABLED] = "user_enabled",
    [EVENT_CHANGE_INTENT] = "change_intent",
    [EVENT_CHANGE_DONE] = "change_done",
    [EVENT_CHANGE_FAILED] = "change_failed",
    [EVENT_PRINCIPAL_BOUND] = "principal_bound",
    [EVENT_PRINCIPAL_RELEASED] = "principal_released",
    [EVENT_PRINCIPAL_TAKEN] = "principal_taken",
    [EVENT_CA_CREATED] = "ca_created",
    [EVENT_CA_DELETED] = "ca_deleted",
    [EVENT_TUNNEL_UP] = "tunnel_up",
    [EVENT_TUNNEL_DOWN] = "tunnel_down",
    [EVENT_TUNNEL_REFUSED] = "tunnel_refused",
    [EVENT_SECRET_READ] = "secret_read",
    [EVENT_RECORDING_READ] = "recording_read",
    [EVENT_CHAIN_RECOVERED] = "chain_recovered",
    [EVENT_PURPOSE_GIVEN] = "purpose_given",
    [EVENT_REQUEST_MADE] = "request_made",
    [EVENT_REQUEST_APPROVED] = "request_approved",
    [EVENT_REQUEST_GRANTED] = "request_granted",
    [EVENT_REQUEST_REFUSED] = "request_refused",
    [EVENT_REQUEST_EXPIRED] = "request_expired",
    [EVENT_SSH_BEGAN] = "ssh_began",
    [EVENT_SSH_ENDED] = "ssh_ended",
    [EVENT_HOST_KEY_PINNED] = "host_key_pinned",
    [EVENT_HOST_KEY_REFUSED] = "host_key_refused",
    [EVENT_HOST_KEY_RELEASED] = "host_key_released",
};

const char *
event_kind_str(int k)
{
	return k >= 0 && k < EVENT_KINDS ? kind_words[k] : "?";
}

int
event_kind_parse(const char *s, int *ret_k)
{
	for (int k = 0; k < EVENT_KINDS; k++) {
		if (strcmp(s, kind_words[k]) == 0) {
			*ret_k = k;
			return E_OK;
		}
	}
	return E_NOENT;
}

#define AT(m) offsetof(struct event, m)
static const struct {
	const char *name;
	size_t offset;
} text_fields[] = {
    {"actor", AT(actor)},     {"subject", AT(subject)}, {"app", AT(app)}, {"domain", AT(domain)},   {"ip", AT(ip)},
    {"session", AT(session)}, {"request", AT(request)}, {"why", AT(why)}, {"country", AT(country)},
};
#undef AT
#define TEXT_FIELDS (sizeof text_fields / sizeof *text_fields)

/* Bytes that are not UTF-8 would make jansson refuse the whole event: a peer must not be able to go unrecorded. */
static json_t *
text_json(const char *s)
{
	json_t *v = json_string(s);
	char clean[1024];
	size_t n;

	if (v)
		return v;
	n = strnlen(s, sizeof clean - 1);
	for (size_t i = 0; i < n; i++)
		clean[i] = (s[i] & 0x80) ? '?' : s[i];
	clean[n] = '\0';
	return json_string(clean);
}

json_t *
event_to_json(const struct event *e)
{
	json_t *o = json_pack("{ss}", "kind", event_kind_str((int)e->kind));

	for (size_t i = 0; o && i < TEXT_FIELDS; i++) {
		const char *s;

		memcpy(&s, (const char *)e + text_fields[i].offset, sizeof s);
		if (s && s[0] && json_object_set_new(o, text_fields[i].name, text_json(s)) != 0)
			goto fail;
	}
	if (o && e->code && json_object_set_new(o, "code", json_integer(e->code)) != 0)
		goto fail;
	if (o && e->intent && json_object_set_new(o, "intent", json_integer((json_int_t)e->intent)) != 0)
		goto fail;
	if (o && e->details && json_object_set_new(o, "details", json_deep_copy(e->details)) != 0)
		goto fail;
	return o;
fail:
	json_decref(o);
	return NULL;
}

int
event_from_json(const json_t *j, struct event *ret_e)
{
	struct event e = {0};
	json_t *details = NULL;
	const char *kind;
	int64_t n;
	int k, ret;

	if (!json_is_object(j) || json_get_str(j, "kind", &kind) != 0)
		return E_FORMAT;
	e.kind = event_kind_parse(kind, &k) == 0 ? (enum event_kind)k : EVENT_KINDS;
	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		const char *s = NULL;

		ret = json_get_str(j, text_fields[i].name, &s);
		if (ret != 0 && ret != E_NOENT)
			return E_FORMAT;
		memcpy((char *)&e + text_fields[i].offset, &s, sizeof s);
	}
	n = json_i64_or(j, "code", 0);
	if (n < 0 || n > 9999)
		return E_FORMAT;
	e.code = (int)n;
	n = json_i64_or(j, "intent", 0);
	if (n < 0)
		return E_FORMAT;
	e.intent = (uint64_t)n;
	ret = json_get_object(j, "details", &details);
	if (ret != 0 && ret != E_NOENT)
		return E_FORMAT;
	e.details = details;
	*ret_e = e;
	return E_OK;
}
