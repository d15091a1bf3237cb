#include "cli/tunnel/tunnel.h"

#include <string.h>

#include "core/str.h"

static const struct {
	const char *name, *args, *help;
	int (*run)(struct cli *, struct tunnel_options *, const struct cli_list *);
} commands[] = {
    {"login", "[https://TEAM]", "get a cert.pem, confirmed by an administrator in a browser", tunnel_login},
    {"create", "NAME", "create a tunnel and write its credentials file", tunnel_create},
    {"list", "", "list the tunnels", tunnel_list},
    {"info", "TUNNEL", "show a tunnel and its live connectors", tunnel_info},
    {"run", "[TUNNEL]", "run a connector: --token, or a credentials file", tunnel_run},
    {"service", "install [TOKEN] | uninstall", "a systemd unit for the connector", tunnel_service},
    {"delete", "TUNNEL", "delete a tunnel (-f: also when connectors are live)", tunnel_delete},
    {"cleanup", "TUNNEL", "end the tunnel's live connections", tunnel_cleanup},
    {"token", "TUNNEL", "print the token that runs this tunnel", tunnel_token},
    {"route", "dns TUNNEL HOSTNAME", "send a hostname to a tunnel", tunnel_route},
    {"ingress", "validate | rule URL", "check the rules of a config.yml", tunnel_ingress},
};
#define NCOMMANDS (sizeof commands / sizeof *commands)

static int
print_commands(FILE *to, int status)
{
	fputs("usage: sallyport tunnel [OPTIONS] COMMAND ...\n", to);
	for (size_t i = 0; i < NCOMMANDS; i++) {
		char left[64];
		snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].args);
		fprintf(to, "  %-26s %s\n", left, commands[i].help);
	}
	fputs("'sallyport tunnel --help' lists the options.\n", to);
	return status;
}

static int
dispatch(struct cli *c, struct tunnel_options *o, struct cli_list *pos)
{
	const char *names[NCOMMANDS + 1] = {NULL};

	for (size_t i = 0; i < NCOMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(pos->v[0], commands[i].name))
			continue;
		struct cli_list rest = {.n = pos->n - 1};
		memcpy(rest.v, pos->v + 1, rest.n * sizeof *rest.v);
		return commands[i].run(c, o, &rest);
	}
	const char *near = str_nearest(pos->v[0], names);
	fprintf(stderr, "sallyport tunnel: unknown command \"%s\"%s%s%s\n", pos->v[0], near ? "; did you mean \"" : "",
	        near ? near : "", near ? "\"?" : "");
	return print_commands(stderr, 2);
}

static int
cmd_tunnel(struct cli *c, int argc, char **argv)
{
	struct tunnel_options o = {0};
	const char *out = NULL;
	const struct cli_option table[] = {
	    {"edge", NULL, "TUNNEL_EDGE", "HOST:PORT", "address of the edge; repeat for several connections", &o.edge,
	     true},
	    {"cacert", NULL, "TUNNEL_CACERT", "FILE", "trust only these roots for the edge", &o.cacert, false},
	    {"config", NULL, NULL, "FILE", "config.yml", &o.config, false},
	    {"credentials-file", "cred-file", "TUNNEL_CRED_FILE", "FILE", "tunnel credentials", &o.credentials_file,
	     false},
	    {"credentials-contents", NULL, "TUNNEL_CRED_CONTENTS", "JSON", "the same, inline", &o.credentials_contents,
	     false},
	    {"token", NULL, "TUNNEL_TOKEN", "TOKEN", "run with a tunnel token alone", &o.token, false},
	    {"token-file", NULL, "TUNNEL_TOKEN_FILE", "FILE", "the same, from a file", &o.token_file, false},
	    {"ha-connections", NULL, NULL, "N", "connections to the edge (4)", &o.ha_connections, false},
	    {"grace-period", NULL, "TUNNEL_GRACE_PERIOD", "DURATION", "wait for live streams at the end (30s)",
	     &o.grace_period, false},
	    {"retries", NULL, "TUNNEL_RETRIES", "N", "cap of the back-off exponent (5)", &o.retries, false},
	    {"metrics", NULL, "TUNNEL_METRICS", "ADDR:PORT", "run: /metrics, /ready, /healthcheck, /config there",
	     &o.metrics, false},
	    {"pidfile", NULL, "TUNNEL_PIDFILE", "FILE", "run: our process id, once registered", &o.pidfile, false},
	    {"access-required", NULL, "TUNNEL_ACCESS_REQUIRED", "auto|on|off",
	     "run: ask each stream for a user's token (auto: when the credentials carry token keys)",
	     &o.access_required, false},
	    {"loglevel", NULL, "TUNNEL_LOGLEVEL", "LEVEL", "debug, info, warn, error", &o.loglevel, false},
	    {"logfile", NULL, "TUNNEL_LOGFILE", "FILE", "log there instead of standard error", &o.logfile, false},
	    {"log-directory", NULL, "TUNNEL_LOGDIRECTORY", "DIR",
	     "log to DIR/sallyport.log, five old ones of 1 MiB kept", &o.log_directory, false},
	    {"no-browser", NULL, NULL, NULL, "login: print the link only", &o.no_browser, false},
	    {"loginURL", NULL, NULL, "URL", "login: the edge's team host", &o.login_url, false},
	    {"root", NULL, NULL, "DIR", "service: write below this folder, start nothing", &o.root, false},
	    {"secret", NULL, "TUNNEL_CREATE_SECRET", "BASE64", "create: use this secret (at least 32 bytes)", &o.secret,
	     false},
	    {"connector-id", "c", NULL, "UUID", "cleanup: only this connector", &o.connector_id, false},
	    {"force", "f", "TUNNEL_RUN_FORCE_OVERWRITE", NULL, "delete or overwrite although it is in use", &o.force,
	     false},
	    {"overwrite-dns", NULL, "TUNNEL_FORCE_PROVISIONING_DNS", NULL, "route dns: replace an existing route",
	     &o.overwrite_dns, false},
	    {"url", NULL, "TUNNEL_URL", "URL", "run: this one service, when no rules are given", &o.url, false},
	    {"hello-world", NULL, "TUNNEL_HELLO_WORLD", NULL, "run: a page that says that it works", &o.hello, false},
	    {"bastion", NULL, "TUNNEL_BASTION", NULL, "run: the destinations that clients name", &o.bastion, false},
	    {"socks5", NULL, "TUNNEL_SOCKS", NULL, "run: a SOCKS5 proxy", &o.socks, false},
	    {"protocol", "p", "TUNNEL_TRANSPORT_PROTOCOL", "NAME", "auto or http2", &o.protocol, false},
	    {"output", "o", NULL, "FORMAT", "json or yaml (JSON is YAML too: what is printed is the same)", &out,
	     false},
	    {"name", "n", "TUNNEL_LIST_NAME", "NAME", "list: only this name", &o.name, false},
	    {"name-prefix", "np", "TUNNEL_LIST_NAME_PREFIX", "P", "list: names that begin so", &o.name_prefix, false},
	    {"exclude-name-prefix", "enp", "TUNNEL_LIST_EXCLUDE_NAME_PREFIX", "P", "list: names that do not",
	     &o.exclude_prefix, false},
	    {"id", "i", "TUNNEL_LIST_ID", "UUID", "list: only this tunnel", &o.id, false},
	    {"when", "w", "TUNNEL_LIST_WHEN", "TIME", "list: those that existed then", &o.when, false},
	    {"show-deleted", "d", "TUNNEL_LIST_SHOW_DELETED", NULL, "list: deleted ones too", &o.show_deleted, false},
	    {"show-recently-disconnected", "rd", "TUNNEL_LIST_SHOW_RECENTLY_DISCONNECTED", NULL,
	     "list: count connections that are about to come back", &o.recently_disconnected, false},
	    {"sort-by", NULL, "TUNNEL_LIST_SORT_BY", "KEY", "list: name, id, createdAt, deletedAt, numConnections",
	     &o.sort_by, false},
	    {"invert-sort", NULL, "TUNNEL_LIST_INVERT_SORT", NULL, "list: the other way round", &o.invert_sort, false},
	    CLI_API_OPTIONS(c),
	    /* taken for the sake of scripts written for cloudflared; they change nothing here */
	    {"no-autoupdate", NULL, "NO_AUTOUPDATE", NULL, NULL, &o.ignored_flag, false},
	    {"edge-ip-version", NULL, "TUNNEL_EDGE_IP_VERSION", "4|6|auto", NULL, &o.ignored, false},
	    {"no-prechecks", NULL, NULL, NULL, NULL, &o.ignored_flag, false},
	    {"post-quantum", "pq", NULL, NULL, NULL, &o.ignored_flag, false},
	    {"autoupdate-freq", NULL, "AUTOUPDATE_FREQ", "DURATION", NULL, &o.ignored, false},
	    {"transport-loglevel", NULL, "TUNNEL_TRANSPORT_LOGLEVEL", "LEVEL", NULL, &o.ignored, false},
	    {"region", NULL, "TUNNEL_REGION", "NAME", NULL, &o.ignored, false},
	    {"rpc-timeout", NULL, NULL, "DURATION", NULL, &o.ignored, false},
	    {"max-edge-addr-retries", NULL, NULL, "N", NULL, &o.ignored, false},
	    {"label", NULL, NULL, "TEXT", NULL, &o.ignored, false},
	    {"tag", NULL, "TUNNEL_TAG", "KEY=VALUE", NULL, &o.ignored_list, true},
	    {"features", "F", NULL, "NAME", NULL, &o.ignored_list, true},
	};
	struct cli_list pos = {0};

	int r = cli_options(c, argc, argv, "sallyport tunnel [OPTIONS] COMMAND ...", table,
	                    sizeof table / sizeof *table, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (out && strcmp(out, "json") && strcmp(out, "yaml"))
		return cli_fail(SP_CLIENT_USAGE, "-o %s: expected json or yaml", out), 2;
	c->json = out != NULL;
	if (!pos.n)
		return print_commands(stderr, 2);
	return dispatch(c, &o, &pos);
}

const struct cli_command tunnel_command = {"tunnel", NULL, "run and manage connectors", cmd_tunnel};
