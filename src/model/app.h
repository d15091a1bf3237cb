/*
 * app: an application: host names and paths, who may reach it (policies, in order) and what stands behind it.
 *
 * id and aud are NULL until the edge gives them. service, destinations and default_destination are only checked to be
 * plain text here: wire/ingress knows their syntax. Policies are listed in order of precedence (equal: as given).
 * Contract of the functions: model/model.h.
 */
#ifndef MODEL_APP_H
#define MODEL_APP_H

#include "model/policy.h"
#include "model/site.h"

#define APP_POLICIES_MAX 1000
#define APP_SITES_MAX 100 /* domains of one application */
#define APP_SESSION_DEFAULT_MS (24LL * 3600 * 1000)
#define APP_SESSION_MAX_MS (730LL * 3600 * 1000)
#define APP_CERT_TTL_DEFAULT_MS (3LL * 60 * 1000)
#define APP_CERT_TTL_MAX_MS (3600LL * 1000)

enum app_type { APP_SSH, APP_SELF_HOSTED }; /* words "ssh", "self_hosted" */
const char *app_type_str(int t);

enum source_address { SOURCE_OFF, SOURCE_AUTO, SOURCE_LIST };
enum host_keys { HOST_KEYS_FIRST_SEEN, HOST_KEYS_REQUIRED, HOST_KEYS_LIST };
enum ssh_audit { SSH_AUDIT_OFF };

struct app_ssh {
	int64_t certificate_ttl_ms; /* 3m, at most 1h */
	struct texts extensions;    /* default permit-pty permit-port-forwarding permit-user-rc */
	enum source_address source_mode;
	struct texts source_address; /* CIDRs when SOURCE_LIST */
	struct texts usernames;      /* templates; default "{email_prefix}" */
	enum host_keys host_keys_mode;
	struct texts host_keys; /* lines when HOST_KEYS_LIST */
	enum ssh_audit audit;
};

/* cors_headers: what the edge itself answers a preflight with. */
struct app_cors {
	bool set; /* the application has the member at all */
	bool allow_all_methods, allow_all_origins, allow_all_headers, allow_credentials;
	struct texts allowed_methods, allowed_origins, allowed_headers;
	int64_t max_age; /* seconds, -1..86400; -1 = not said */
};
enum same_site { SAME_SITE_NONE, SAME_SITE_LAX, SAME_SITE_STRICT }; /* words none lax strict */
const char *same_site_str(int s);                                   /* "None", "Lax", "Strict" as in Set-Cookie */

struct app {
	char *id, *aud, *name;
	char *domain;       /* the first of its domains: host and perhaps a path, in normal form (model/site.h) */
	struct site *sites; /* all of them, domain first, none twice; not written: made by app_from_json */
	size_t nsites;
	int type;                         /* enum app_type; default APP_SELF_HOSTED as in the API */
	int64_t session_duration_ms;      /* default 24h; 0 = only this request */
	char *tunnel;                     /* name or id, as written; judge resolves it. NULL = none */
	char *service;                    /* NULL = none given */
	char *default_destination;        /* NULL = none */
	struct texts destinations;        /* bastion: texts of the JSON list "destinations" */
	struct texts self_hosted_domains; /* more domains of the application; ignored when there are public ones */
	struct texts public_domains;      /* destinations {type: public, uri} */
	struct texts allowed_idps;        /* names or ids; empty = all */
	bool auto_redirect_to_identity;
	bool app_launcher_visible; /* default true */
	struct app_ssh ssh;        /* defaults filled for every type */
	struct policy **policies;
	size_t npolicies;
	char *custom_deny_message, *custom_deny_url, *custom_non_identity_deny_url;
	bool enable_binding_cookie, http_only_cookie_attribute /* default true */, path_cookie_attribute;
	int same_site_cookie_attribute; /* enum same_site; default none */
	bool service_auth_401_redirect, skip_interstitial, options_preflight_bypass;
	char *read_service_tokens_from_header; /* a header's name; NULL = the usual two headers only */
	struct app_cors cors;
	char *logo_url; /* a picture (picture.h), which pages show, or https, which is kept for others to read */
	struct texts tags;
	struct texts custom_pages; /* ids */
	int64_t created_at, updated_at;
};
int app_from_json(const json_t *j, bool text_scalars, struct app **ret_a, struct model_error *err);
json_t *app_to_json(const struct app *a, enum model_form form);
void app_free(struct app *a);
/* service: warp-routing: its users reach addresses in `destinations` by streams of raw TCP, past the connector's rules.
 */
bool app_is_private(const struct app *a);
/* Puts policies in order of precedence and numbers them 1.. ; called by app_from_json. */
void app_sort_policies(struct app *a);
/* Where site i was said, for a JSON pointer: "/domain", "/self_hosted_domains" or "/destinations". */
const char *app_site_member(const struct app *a, size_t i);

#endif
