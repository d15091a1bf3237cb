/*
 * snapshot: everything an administrator configured, immutable and compiled, so that a verdict touches no database.
 *
 * Built whole from the store (inside an open transaction too: that is how a change is checked before it is committed),
 * swapped whole, reference counted: a request keeps the one it began with. May block: snapshot_build, on the store.
 */
#ifndef JUDGE_SNAPSHOT_H
#define JUDGE_SNAPSHOT_H

#include "edge/judge/records.h"

struct judge;
struct session;

/* Who asks for a verdict: as much as is known and verified by now. All members are borrowed, NULL = not there. */
struct asker {
	const struct session *session;
	const char *ip, *country;
	const char *service_token; /* id; its secret was verified */
	const char *cert_ca;       /* id of the mTLS record whose CA verified the client's certificate */
	const char *common_name;   /* of that certificate */
	/* Evaluation URLs that said yes, or no, for this session and application; in neither: no answer that counts. */
	const char *const *external, *const *external_no;
	size_t nexternal, nexternal_no;
	const char *app_uid_of_linked_token; /* application whose token was shown and verified */
	bool elsewhere;  /* the request did not come to the application's own name: no client certificate could be shown
	                  */
	bool could;      /* is a token worth minting? (policy/eval.h) */
	bool unapproved; /* what policies say of somebody, without asking whether it was approved: opens nothing */
};

struct app_view {
	const struct app *app;
	const struct policy_app *policy;
	const struct tunnel *tunnel; /* NULL = none */
	int64_t version;             /* of the stored document */
};

struct held_app;

struct snapshot {
	unsigned refs;
	struct held_app **held; /* one an app: what shares the record with other snapshots */
	uint64_t epoch;
	struct app **apps;
	struct group **groups;
	struct access_list **lists;
	struct policy **policies; /* the reusable ones */
	struct policy_test **tests;
	size_t ntests;
	int64_t *policy_test_versions;
	struct idp **idps;
	struct tunnel **tunnels;
	struct route **routes;
	struct admin **admins;
	struct service_token **service_tokens;
	struct client_ca **client_cas;
	struct policy_ref *service_refs; /* what policies know of them */
	size_t napps, ngroups, nlists, npolicies, nidps, ntunnels, nroutes, nadmins, nservice_tokens, norganizations,
	    nclient_cas;
	int64_t *app_versions, *group_versions, *access_list_versions, *policy_versions, *idp_versions,
	    *tunnel_versions, *route_versions, *admin_versions, *service_token_versions, *organization_versions,
	    *client_ca_versions;
	struct organization **organizations; /* one, or none */
	struct policy_set *set;
	struct app_view *views; /* one an app */
};

/* keep_broken as in struct policy_source. err's pointer: /apps/N, index into apps. */
int snapshot_build(struct judge *j, bool keep_broken, struct snapshot **ret_s, struct model_error *err);
struct snapshot *snapshot_hold(struct snapshot *s);
void snapshot_drop(struct snapshot *s); /* NULL is fine */
/* Makes it the current one, pushes changed tunnel configuration, cuts tickets whose verdict changed. Takes s. */
void snapshot_swap(struct judge *j, struct snapshot *s);

/* The application of a request. E_NOENT, or E_FORMAT: its path has several readings where paths count. */
int snapshot_app_find(const struct snapshot *s, const char *host, const char *path, const struct app_view **ret_a);
/* The same; NULL for both. */
const struct app_view *snapshot_app_by_host(const struct snapshot *s, const char *host, const char *path);
/* For the edge's own paths on an application's host: the one of this audience, if it has the host; without an audience
   the one of "/", else some one that has the host. */
const struct app_view *snapshot_app_of_host(const struct snapshot *s, const char *host, const char *aud);
const struct app_view *snapshot_app_by_id(const struct snapshot *s, const char *id);
const struct app_view *snapshot_app_by_aud(const struct snapshot *s, const char *aud);
const struct app_view *snapshot_app_by_ref(const struct snapshot *s, const char *id_or_domain_or_name);
const struct idp *snapshot_idp(const struct snapshot *s, const char *id_or_name);
const struct service_token *snapshot_service_token(const struct snapshot *s, const char *id_or_client_id_or_name);
const struct tunnel *snapshot_tunnel(const struct snapshot *s, const char *id_or_name); /* deleted ones are not found */
/* {"ingress": [...]} that the edge pushes to this tunnel; NULL = the connector's own configuration counts. New
 * reference. */
json_t *snapshot_tunnel_config(const struct snapshot *s, const struct tunnel *t);

/* The one place where a verdict is asked for: page, WebSocket, certificate, explain all come here. An allow policy that
   wants an approval passes only while the session has one; else SP_APPROVAL, with the policy that wants it. */
void snapshot_verdict(const struct snapshot *s, const struct app_view *a, const struct asker *who,
                      struct policy_verdict *ret_v);
/* The same before sign-in, as policy_eval_pre: is the login page worth offering? */
void snapshot_verdict_pre(const struct snapshot *s, const struct app_view *a, const struct asker *who,
                          struct policy_verdict *ret_v);
/* The record of the policy that decided; NULL when none did. Lives as long as s. */
const struct policy *snapshot_policy(const struct snapshot *s, const struct app_view *a,
                                     const struct policy_verdict *v);
/* What a policy says, in 64 hexadecimal digits: another print, another policy. "" when out of memory. */
void policy_print(const struct policy *p, char out[static 65]);

#endif
