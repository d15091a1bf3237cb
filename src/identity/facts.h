/*
 * facts: what a provider answers about somebody beside or instead of an ID token: GitHub's API, and the group lists of
 * Okta, Google Workspace and Entra. fetch gathers them over verified TLS and hands them to the signer, whose evidence
 * they are; judge never holds them. No I/O.
 *
 * Groups are all or none: more than FACTS_GROUPS_MAX, one that is no plain text, or an answer of another form make them
 * unknown, since part of a list could hide the group that a rule excludes. Refusals carry SP_LOGIN_PROVIDER or
 * SP_EMAIL. May block: no.
 */
#ifndef IDENTITY_FACTS_H
#define IDENTITY_FACTS_H

#include "core/err.h"
#include "core/json.h"
#include "identity/email.h"
#include "identity/oidc.h"

#define FACTS_GROUPS_MAX OIDC_GROUPS_MAX
#define FACTS_NAME_MAX 254
#define FACTS_NEXT_MAX 1024
#define FACTS_TEXT_MAX (128u << 10) /* as facts_format writes them */
#define FACTS_ANSWER_MAX (256u << 10)
#define GITHUB_PAGE 100 /* rows asked for at once */

struct facts {
	char sub[OIDC_SUB_MAX + 1];
	char email[EMAIL_MAX + 1]; /* key form, verified; "" = not said */
	char login[FACTS_NAME_MAX + 1], name[FACTS_NAME_MAX + 1];
	char *groups[FACTS_GROUPS_MAX];
	size_t ngroups;
	bool groups_unknown;
};
void facts_release(struct facts *f);
void facts_groups_drop(struct facts *f); /* they are unknown from now on */

/* One answer read into f. ret_next: what names the next page, "" = there is none. */
typedef int facts_read_fn(struct facts *f, const void *p, size_t n, char ret_next[static FACTS_NEXT_MAX],
                          struct reason *r);
facts_read_fn facts_github_user, facts_github_emails, facts_github_orgs, facts_github_teams, facts_okta_groups,
    facts_google_groups, facts_azure_groups;

/* {"sub", "email", "login", "name", "groups", "groups_unknown"}: the form in which fetch tells the signer. */
int facts_format(const struct facts *f, struct buf *out);
int facts_parse(const void *p, size_t n, struct facts *ret_f); /* E_FORMAT, E_LIMIT, E_NOMEM */

/* base: https://github.com or an Enterprise server. */
int github_request_url(const char *base, const char *client_id, const char *redirect_uri, const char *scopes,
                       const char *state, const char *challenge, struct buf *out);
int github_token_url(const char *base, struct buf *out);
int github_api_url(const char *base, const char *path, struct buf *out);

#endif
