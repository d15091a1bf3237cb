/*
 * admin: what the subcommands share: one option table for all of them, and the API's small change.
 *
 * Every function of the table gets the arguments after its own name and returns an exit status: 0 done, 1 failed, 2
 * used wrongly. May block: yes, on the API.
 */
#ifndef CLI_ADMIN_ADMIN_H
#define CLI_ADMIN_ADMIN_H

#include "cli/common/http.h"

struct admin_options {
	bool dry_run, follow;
	const char *type, *app, *email, *ip, *country, *idp, *session, *since, *service_token, *common_name;
	const char *ttl, *period;
	struct cli_list groups, amr, scopes;
};

int admin_apply(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_get(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_ca(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_explain(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_revoke(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_users(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_principals(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_ssh_sessions(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_host_keys(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_sessions(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_log(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_tokens(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_requests(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_idps(struct cli *c, struct admin_options *o, const struct cli_list *pos);
int admin_hash(struct cli *c, struct admin_options *o, const struct cli_list *pos);

/* Prints "usage: sallyport admin ..." and returns 2. */
int admin_usage(const char *usage);
/* printf, with control characters of what came from the network replaced. */
void admin_say(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void admin_put(FILE *to, const char *text);
void admin_print_json(const json_t *j);
/* "prefix" + the percent-encoded text + "suffix"; malloc'ed, NULL when out of memory. */
char *admin_path(const char *prefix, const char *text, const char *suffix);
/* All pages of a list; path has no page parameter yet. ret_all: new reference. Prints errors. */
int admin_list(const struct cli *c, const struct cli_api *a, const char *path, json_t **ret_all);
/* The application of a host name (or of a name that only one has), as the API has it. Prints errors. */
int admin_find_app(const struct cli *c, const struct cli_api *a, const char *host, json_t **ret_app);
/* The provider's id of a name or id. Prints errors. */
int admin_find_idp(const struct cli *c, const struct cli_api *a, const char *name, char *ret_id, size_t n);
/* One object kind ("apps") as `get` shows it; exit status. */
int admin_show(struct cli *c, const char *kind);

#endif
