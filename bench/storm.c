/*
 * storm: N connectors in one process, each with its own tunnel, with the back-off and the liveness of the real one
 * (src/connector/link.c).
 *
 *   storm PORT CA-FILE TOKENS-FILE        one connection each to 127.0.0.1:PORT; a token a line
 *
 * Prints "all N", and "none" when the edge has gone, each time again, with milliseconds since the start. Ends when
 * standard input does.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "connector/private.h"
#include "core/clock.h"
#include "crypto/random.h"

#define LOOK_MS 20

struct storm {
	struct loop *loop;
	struct loop_timer look;
	struct connector *k;
	size_t n, was;
	int64_t t0;
};

static void
on_look(void *arg)
{
	struct storm *s = arg;
	struct pollfd in = {.fd = 0, .events = POLLIN};
	size_t up = 0;

	for (size_t i = 0; i < s->n; i++)
		up += s->k[i].registered;
	if (up != s->was && (up == s->n || up == 0)) {
		if (up)
			printf("all %zu %lld\n", up, (long long)(clock_mono_ms() - s->t0));
		else
			printf("none %lld\n", (long long)(clock_mono_ms() - s->t0));
		fflush(stdout);
	}
	s->was = up;
	if (poll(&in, 1, 0) == 1)
		loop_stop(s->loop);
}

static int
read_tokens(const char *path, struct credentials **ret_c, size_t *ret_n)
{
	static char line[4096];
	struct reason why = {0};
	struct credentials *all = NULL;
	FILE *f = fopen(path, "r");
	size_t n = 0;
	int e = f ? 0 : -1;

	while (e == 0 && fgets(line, sizeof line, f)) {
		struct credentials *more = realloc(all, (n + 1) * sizeof *all);
		if (!more) {
			e = -1;
			break;
		}
		all = more;
		line[strcspn(line, "\n")] = 0;
		e = credentials_from_token(line, &all[n], &why);
		n += e == 0;
	}
	if (f)
		fclose(f);
	if (e < 0 || !n)
		fprintf(stderr, "storm: %s: token %zu: %s\n", path, n + 1, why.text);
	*ret_c = all;
	*ret_n = n;
	return e < 0 || !n ? -1 : 0;
}

int
main(int argc, char **argv)
{
	struct credentials *creds;
	struct tls_ctx *tls;
	struct reason why = {0};
	struct storm s = {0};
	struct rlimit rl;

	if (argc != 4) {
		fputs("usage: storm PORT CA-FILE TOKENS-FILE\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (read_tokens(argv[3], &creds, &s.n) < 0 || loop_new(&s.loop) < 0)
		return 1;
	if (tls_client_new(argv[2], true, &tls, &why) < 0) {
		fprintf(stderr, "storm: %s\n", why.text);
		return 1;
	}
	s.k = calloc(s.n, sizeof *s.k);
	struct connector_options *o = calloc(s.n, sizeof *o);
	if (!s.k || !o)
		return 1;
	s.t0 = clock_mono_ms();
	for (size_t i = 0; i < s.n; i++) {
		struct connector *k = &s.k[i];
		o[i] = (struct connector_options){
		    .credentials = &creds[i], .connections = 1, .retries = 5, .version = "storm"};
		*k = (struct connector){
		    .loop = s.loop, .o = &o[i], .tls = tls, .version = -1, .nlinks = 1, .next_start = 1};
		map_init(&k->lanes, LANES_MAX, i, NULL);
		random_bytes(k->client_id, sizeof k->client_id);
		link_init(&k->links[0], k, 0);
		if (hostport_parse("127.0.0.1", (uint16_t)strtoul(argv[1], NULL, 10), &k->links[0].edge) < 0)
			return 1;
		link_start(&k->links[0], (int64_t)(i % 1000)); /* the first time within a second */
	}
	timer_repeat(s.loop, &s.look, LOOK_MS, on_look, &s);
	loop_run(s.loop);
	return 0;
}
