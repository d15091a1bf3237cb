/* ssh and tcp: the ProxyCommand of ssh, and a local listener (--url) that opens one session a connection. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/access/access.h"
#include "cli/access/login.h"
#include "cli/access/pipe.h"
#include "cli/access/service.h"
#include "core/log.h"
#include "core/str.h"
#include "io/net_listen.h"

struct run {
	struct loop *loop;
	const struct cli *c;
	struct app app;
	struct pipe_options o;
	struct tls_ctx *tls;
	struct secret token;
	enum pipe_result result;
	struct pipe *pipe; /* over standard input and output */
	struct loop_signal hup, term, intr;
	struct listener listener;
	size_t live;
};

static void
on_done(enum pipe_result r, void *arg)
{
	struct run *run = arg;

	run->result = r;
	run->pipe = NULL;
	loop_stop(run->loop);
}

/* ssh hangs up on its ProxyCommand when it is done with it. */
static void
on_signal(int signo, void *arg)
{
	struct run *run = arg;

	(void)signo;
	if (run->pipe)
		pipe_hangup(run->pipe);
}

/* One session over standard input and output, the loop run until it ends. */
static enum pipe_result
attempt(struct run *run)
{
	if (pipe_start(run->loop, run->c, &run->app, &run->o, run->tls, secret_slice(&run->token), 0, 1, on_done, run,
	               &run->pipe) < 0)
		return PIPE_FAILED;
	if (signal_start(run->loop, &run->hup, SIGHUP, on_signal, run) < 0 ||
	    signal_start(run->loop, &run->term, SIGTERM, on_signal, run) < 0 ||
	    signal_start(run->loop, &run->intr, SIGINT, on_signal, run) < 0)
		pipe_hangup(run->pipe);
	else
		loop_run(run->loop);
	signal_stop(&run->hup);
	signal_stop(&run->term);
	signal_stop(&run->intr);
	return run->result;
}

/* A stored token first; when the edge refuses it, one more sign-in, once. */
static int
run_stdio(struct run *run)
{
	struct login_options lo = {0};
	struct secret refused = {0};
	bool anonymous = run->o.service_id || run->o.headers.n;
	enum pipe_result r;

	if (!anonymous && login_failed_before(run->c, &run->app))
		return 1; /* ssh-gen has said why, to the same ssh */
	if (!anonymous && login_token(run->c, &run->app, &lo, &run->token) < 0)
		return 1;
	r = attempt(run);
	if (r == PIPE_LOGIN && run->o.service_id)
		return cli_fail(SP_TOKEN, "%s does not accept this service token", run->app.name);
	if (r == PIPE_LOGIN) {
		if (run->token.n)
			secret_set(&refused, run->token.d, run->token.n);
		lo.refused = refused.n ? &refused : NULL;
		secret_release(&run->token);
		int e = login_token(run->c, &run->app, &lo, &run->token);
		secret_release(&refused);
		if (e < 0)
			return 1;
		r = attempt(run);
		if (r == PIPE_LOGIN)
			cli_fail(SP_TOKEN,
			         "%s refuses the token of a sign-in just made; is this machine's clock right?",
			         run->app.name);
	}
	return r == PIPE_OK ? 0 : 1;
}

/* --- listener --------------------------------------------------------------------------------------------------------
 */

static void
on_one_done(enum pipe_result r, void *arg)
{
	struct run *run = arg;

	run->live--;
	if (r == PIPE_LOGIN)
		cli_fail(SP_TOKEN, "%s no longer accepts the stored token: run 'sallyport access login https://%s'",
		         run->app.name, run->app.name);
}

static void
on_accept(int fd, void *arg)
{
	struct run *run = arg;

	if (pipe_start(run->loop, run->c, &run->app, &run->o, run->tls, secret_slice(&run->token), fd, fd, on_one_done,
	               run, NULL) < 0)
		close(fd);
	else
		run->live++;
}

static int
run_listener(struct run *run, const char *url)
{
	const char *at = strstr(url, "://") ? strstr(url, "://") + 3 : url;
	struct login_options lo = {0};
	struct reason why = {0};
	char bound[64];
	int fd;

	if (!run->o.service_id && !run->o.headers.n && login_token(run->c, &run->app, &lo, &run->token) < 0)
		return 1;
	char *addr = str_starts(at, "localhost:") ? str_fmt("127.0.0.1:%s", at + 10) : str_dup(at);
	if (!addr || listen_open(addr, &fd, bound, &why) < 0) {
		free(addr);
		return cli_fail(SP_CLIENT_NET, "cannot listen on %s: %s", url, why.text);
	}
	free(addr);
	fprintf(stderr, "Start Websocket listener host=%s\n", bound);
	if (listener_start(run->loop, &run->listener, fd, on_accept, run) < 0)
		return cli_fail(SP_CLIENT_NET, "cannot listen on %s", url);
	loop_run(run->loop);
	return 0;
}

static int
open_run(struct run *run, struct cli *c, const char *hostname)
{
	struct reason why = {0};

	run->c = c;
	if (!hostname)
		return cli_fail(SP_CLIENT_USAGE, "which application? give --hostname HOST[:PORT]"), E_FORMAT;
	if (app_parse(hostname, &run->app) < 0)
		return E_FORMAT;
	app_cached(c, &run->app);
	if (loop_new(&run->loop) < 0)
		return E_NOMEM;
	if (tls_client_new(c->ca_file, false, &run->tls, &why) < 0)
		return cli_fail(SP_CLIENT_FILE, "%s", why.text), E_FORMAT;
	return tls_client_alpn(run->tls, "http/1.1");
}

int
access_ssh(struct cli *c, int argc, char **argv)
{
	struct run run = {0};
	struct service service = {0};
	const char *hostname = NULL, *url = NULL, *log_level = NULL, *ignored = NULL;
	const struct cli_option table[] = {
	    {"hostname", "T", "TUNNEL_SERVICE_HOSTNAME", "HOST[:PORT]", "the application", &hostname, false},
	    {"tunnel-host", NULL, NULL, "HOST", NULL, &hostname, false},
	    {"destination", NULL, "TUNNEL_SERVICE_DESTINATION", "HOST:PORT", "behind a bastion: where to",
	     &run.o.destination, false},
	    {"url", "L", "TUNNEL_SERVICE_URL", "ADDR:PORT", "listen there, one session a connection", &url, false},
	    {"listener", NULL, NULL, "ADDR:PORT", NULL, &url, false},
	    {"header", "H", NULL, "K:V", "send this header too", &run.o.headers, true},
	    {"no-resume", NULL, "SALLYPORT_NO_RESUME", NULL, "end with the connection, as cloudflared does",
	     &run.o.one_leg, false},
	    SERVICE_OPTIONS(&service),
	    {"log-level", NULL, NULL, "LEVEL", "debug, info, warn, error", &log_level, false},
	    {"logfile", NULL, NULL, "FILE", NULL, &ignored, false},
	    {"log-directory", NULL, NULL, "DIR", NULL, &ignored, false},
	};
	struct cli_list pos = {0};
	int status = 1;

	int r = cli_options(c, argc, argv, "sallyport access ssh --hostname HOST[:PORT] [OPTIONS]", table,
	                    sizeof table / sizeof *table, false, &pos);
	if (r < 0)
		return cli_options_exit(r);
	if (pos.n)
		url = pos.v[0];
	if (service_check(&service) < 0)
		return 2;
	run.o.service_id = service.id;
	run.o.service_secret = service.secret;
	if (open_run(&run, c, hostname) == 0)
		status = url ? run_listener(&run, url) : run_stdio(&run);
	secret_release(&run.token);
	tls_ctx_unref(run.tls);
	if (run.loop)
		loop_free(run.loop);
	return status;
}
