/* log: the audit chain, a page after the other; --follow waits for more until it is interrupted. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin/admin.h"
#include "cli/admin/logline.h"
#include "core/clock.h"
#include "core/str.h"

#define FOLLOW_WAIT_SEC 25 /* the edge holds a request that long; below every proxy's idle limit */

static void
on_interrupt(int sig)
{
	(void)sig;
	_exit(0); /* every line was flushed when it was printed */
}

static int
print_record(const struct cli *c, const json_t *rec)
{
	struct buf line;
	int r;

	buf_init(&line, 4u << 20);
	if (c->json) { /* one object a line: a stream has no end to close a bracket at */
		r = json_dump(rec, &line);
		if (r == 0)
			r = buf_put_str(&line, "\n");
	} else {
		r = logline_format(rec, &line);
	}
	if (r == 0)
		fwrite(buf_ptr(&line), 1, buf_len(&line), stdout);
	buf_release(&line);
	return r;
}

/* One page after `since`, which becomes the number of its last record. ret_n = 0: nothing (yet). */
static int
page(struct cli *c, const struct cli_api *a, char *since, size_t size, bool wait, size_t *ret_n)
{
	json_t *list = NULL, *rec;
	size_t i;
	char wait_text[32] = "";

	if (wait)
		snprintf(wait_text, sizeof wait_text, "&wait=%d", FOLLOW_WAIT_SEC);
	char *path = admin_path("/accounts/%A/sallyport/audit?since=", since, wait_text);
	int r = path ? cli_api_call(c, a, "GET", path, NULL, &list, NULL) : E_NOMEM;
	json_array_foreach(list, i, rec)
	{
		if (r == 0)
			r = print_record(c, rec);
		if (r == 0)
			snprintf(since, size, "%lld", (long long)json_i64_or(rec, "seq", 0));
	}
	if (r == E_FORMAT)
		cli_fail(SP_CLIENT_PROTOCOL, "the edge sent a record that makes no sense");
	*ret_n = json_array_size(list);
	json_decref(list);
	free(path);
	if (fflush(stdout) == EOF && r == 0)
		r = E_CLOSED; /* the reader of our pipe has gone */
	return r;
}

int
admin_log(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct cli_api a = {0};
	int64_t at = clock_wall();
	char since[64] = "0";
	size_t n = 1;

	if (pos->n)
		return admin_usage("log [--since T] [--follow] [-o json]");
	if (o->since && logline_since(o->since, clock_wall(), &at) < 0)
		return cli_fail(SP_CLIENT_USAGE,
		                "--since %s: expected a duration such as 1h or a time such as 2026-11-22T10:00:00Z",
		                o->since),
		       2;
	if (o->since || o->follow)
		time_format(at < 0 ? 0 : at, since);
	int r = cli_api_open(c, &a);
	if (r == 0 && o->follow) {
		signal(SIGINT, on_interrupt);
		signal(SIGTERM, on_interrupt);
	}
	while (r == 0 && n)
		r = page(c, &a, since, sizeof since, false, &n);
	while (r == 0 && o->follow)
		r = page(c, &a, since, sizeof since, true, &n);
	cli_api_release(&a);
	return r == 0 || r == E_CLOSED ? 0 : 1;
}
