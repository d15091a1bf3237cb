/* tunnel: what the subcommands share: one option table for all of them, as cloudflared has it. */
#ifndef CLI_TUNNEL_TUNNEL_H
#define CLI_TUNNEL_TUNNEL_H

#include "cli/common/cli.h"
#include "connector/credentials.h"
#include "core/conf.h"
#include "core/json.h"
#include "wire/ingress.h"

#define LIST_PER_PAGE 1000
#define LIST_PAGES_MAX 200 /* an edge that never ends its list must not keep us */

struct tunnel_options {
	struct cli_list edge;
	const char *cacert, *config, *credentials_file, *credentials_contents, *token, *token_file;
	const char *ha_connections, *grace_period, *retries, *loglevel, *logfile, *log_directory, *secret;
	const char *protocol, *metrics, *connector_id, *access_required, *url, *pidfile, *login_url, *root;
	/* list */
	const char *name, *name_prefix, *exclude_prefix, *id, *when, *sort_by;
	bool show_deleted, recently_disconnected, invert_sort;
	bool hello, bastion, socks, no_browser;
	bool force, overwrite_dns, ignored_flag;
	struct cli_list ignored_list;
	const char *ignored;
};

/* A config.yml, read with the keys of cloudflared; options of the command line win. */
struct tunnel_config {
	char file[4096];
	struct conf_node *root;
	const char *tunnel, *credentials_file;    /* borrowed from root; NULL */
	const struct conf_node *ingress, *origin; /* origin: originRequest, the defaults of all rules */
	const struct conf_node *private;          /* warp-routing */
};
/* --config, else the first that exists of HOME/config.yml, ~/.cloudflared, /etc/sallyport, /etc/cloudflared. E_NOENT
   when there is none. Prints errors. Merges scalar keys into o where the command line said nothing. */
int tunnel_config_load(const struct cli *c, struct tunnel_options *o, struct tunnel_config *ret_t);
/* The same from a text; file is its name in errors. Texts in o are borrowed from ret_t, also after an error. */
int tunnel_config_parse(const char *file, const void *p, size_t n, struct tunnel_options *o,
                        struct tunnel_config *ret_t);
void tunnel_config_release(struct tunnel_config *t);

int tunnel_login(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_service(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_run(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_create(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_list(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_info(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_delete(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_cleanup(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_token(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_route(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);
int tunnel_ingress(struct cli *c, struct tunnel_options *o, const struct cli_list *pos);

struct cli_api;
/* E_FORMAT, and the usage printed, unless there are n arguments. */
int tunnel_want(const struct cli_list *pos, size_t n, const char *usage);
/* Opens the API, resolves the tunnel's name, calls fn; gives the exit status. */
int tunnel_with(struct cli *c, const char *name, int (*fn)(struct cli *, struct cli_api *, const char *id, void *arg),
                void *arg);
void tunnel_print_json(const json_t *j);
/* NAME or UUID to a UUID by the API; prints why when it fails. */
int tunnel_resolve(const struct cli *c, const struct cli_api *a, const char *name, char ret_id[static 37]);

#endif
