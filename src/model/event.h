/*
 * event: one fact for the audit chain. All texts are borrowed from the caller: an event lives on the stack while it is
 * appended.
 *
 * Changes come in two: an intent (before and after, appended and synced before the store commits) and an outcome that
 * names the intent's sequence number. An intent without an outcome is settled from the store at start. May block: no.
 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include "model/model.h"

enum event_kind {
	EVENT_EDGE_START,
	EVENT_EDGE_STOP,
	EVENT_LOGIN,
	EVENT_LOGIN_REFUSED,
	EVENT_LOGOUT,
	EVENT_ACCESS_ALLOWED,
	EVENT_ACCESS_DENIED,
	EVENT_CERT_ISSUED,
	EVENT_CERT_REFUSED,
	EVENT_RELAY_BEGAN,
	EVENT_RELAY_ENDED,
	EVENT_SESSION_REVOKED,
	EVENT_USER_DISABLED,
	EVENT_USER_ENABLED,
	EVENT_CHANGE_INTENT,
	EVENT_CHANGE_DONE,
	EVENT_CHANGE_FAILED,
	EVENT_PRINCIPAL_BOUND,
	EVENT_PRINCIPAL_RELEASED,
	EVENT_PRINCIPAL_TAKEN,
	EVENT_CA_CREATED,
	EVENT_CA_DELETED,
	EVENT_TUNNEL_UP,
	EVENT_TUNNEL_DOWN,
	EVENT_TUNNEL_REFUSED,
	EVENT_SECRET_READ, /* somebody fetched a tunnel token */
	EVENT_RECORDING_READ,
	EVENT_CHAIN_RECOVERED, /* a torn last line was cut at open */
	EVENT_PURPOSE_GIVEN,   /* why somebody needs an application, in their own words */
	EVENT_REQUEST_MADE,    /* temporary access: asked for, approved by one, granted, refused, over */
	EVENT_REQUEST_APPROVED,
	EVENT_REQUEST_GRANTED,
	EVENT_REQUEST_REFUSED,
	EVENT_REQUEST_EXPIRED,
	EVENT_SSH_BEGAN, /* a session that the edge takes part in: the host let it in; it is over */
	EVENT_SSH_ENDED,
	EVENT_HOST_KEY_PINNED, /* of an SSH server, first seen; refused since it changed or is not listed; released */
	EVENT_HOST_KEY_REFUSED,
	EVENT_HOST_KEY_RELEASED,
	EVENT_KINDS,
};
const char *event_kind_str(int k); /* "login", "access_denied", ... */
int event_kind_parse(const char *s, int *ret_k);

struct event {
	enum event_kind kind;
	const char *actor;     /* who did it: e-mail, "api:<name>", "tunnel:<id>", "edge" */
	const char *subject;   /* to whom or what it was done: e-mail, object name */
	const char *app;       /* application id, NULL if none */
	const char *domain;    /* its host name */
	const char *ip;        /* client address */
	const char *country;   /* of that address; NULL = unknown */
	const char *session;   /* session id */
	const char *request;   /* request id (cf-ray) */
	int code;              /* sp_code; 0 = fine */
	const char *why;       /* text for the administrator */
	uint64_t intent;       /* CHANGE_DONE, CHANGE_FAILED: sequence number of the intent; else 0 */
	const json_t *details; /* object, borrowed; NULL if none. Never secrets */
};
/* Members that are NULL or 0 are left out. New reference; NULL when out of memory. Without time, seq and hashes:
 * audit/chain adds them. */
json_t *event_to_json(const struct event *e);
/* Borrows from j, which must outlive e. Unknown members are ignored: newer edges may have written them. E_FORMAT. */
int event_from_json(const json_t *j, struct event *ret_e);

#endif
