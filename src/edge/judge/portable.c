#include "edge/judge/portable.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"
#include "core/str.h"
#include "edge/judge/store_door.h"
#include "edge/role/role.h"
#include "io/file.h"
#include "store/dump.h"

#define OUT_BYTES (1u << 20) /* written at once */

struct portable {
	bool import;
	int state_fd, audit_fd, file_fd;
	char where[1025];
	struct store *store;
	struct buf out;
};

static int
start(struct role_run *run, const struct pr_start *m, void *arg)
{
	struct portable *p = arg;

	return str_copy(p->where, sizeof p->where, m->store);
}

static int
file(struct role_run *run, const char *name, int fd, void *arg)
{
	struct portable *p = arg;
	int *slot = !strcmp(name, "state")       ? &p->state_fd
	            : !strcmp(name, "audit")     ? &p->audit_fd
	            : !strcmp(name, "documents") ? &p->file_fd
	                                         : NULL;

	if (!slot || *slot >= 0) {
		close(fd);
		return E_STATE;
	}
	*slot = fd;
	return 0;
}

static int
peer(struct role_run *run, enum role who, unsigned index, int fd, void *arg)
{
	close(fd);
	return E_STATE;
}

static int
put_line(void *arg, const char *line, size_t n)
{
	struct portable *p = arg;
	int e = buf_put(&p->out, line, n);

	if (e == 0 && buf_len(&p->out) >= OUT_BYTES) {
		e = fd_write_all(p->file_fd, buf_ptr(&p->out), buf_len(&p->out));
		buf_clear(&p->out);
	}
	return e;
}

static int
export_all(struct portable *p, struct reason *why)
{
	int e;

	buf_init(&p->out, DUMP_LINE_MAX + OUT_BYTES + 1);
	e = store_dump(p->store, put_line, p, why);
	if (e == 0)
		e = fd_write_all(p->file_fd, buf_ptr(&p->out), buf_len(&p->out));
	if (e < 0 && !why->text[0])
		reason_set(why, e, 0, "the documents cannot be written: %s", e == E_IO ? strerror(errno) : err_str(e));
	buf_release(&p->out);
	return e;
}

/* Whole lines of what has come so far. */
static int
load_lines(struct dump_load *l, struct buf *in, struct reason *why)
{
	const uint8_t *nl;
	int e = 0;

	while (e == 0 && buf_len(in) && (nl = memchr(buf_ptr(in), '\n', buf_len(in)))) {
		struct slice line;
		size_t n = (size_t)(nl - buf_ptr(in));
		e = dump_load_line(l, (const char *)buf_ptr(in), n, why);
		if (e == 0)
			e = buf_get(in, n + 1, &line);
	}
	return e;
}

static int
import_all(struct portable *p, struct reason *why)
{
	struct dump_load l;
	struct buf in;
	int e = dump_load_begin(&l, p->store, why);

	buf_init(&in, DUMP_LINE_MAX + 65536);
	while (e == 0) {
		uint8_t *room;
		if ((e = buf_reserve(&in, 65536, &room)) < 0)
			break;
		ssize_t n = read(p->file_fd, room, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			e = reason_set(why, E_IO, 0, "the documents cannot be read: %s", strerror(errno));
		if (n <= 0)
			break;
		buf_commit(&in, (size_t)n);
		e = load_lines(&l, &in, why);
	}
	if (e == 0 && buf_len(&in))
		e = reason_set(why, E_FORMAT, 0, "the documents end in the middle of a line");
	if (e == 0)
		e = dump_load_end(&l, why);
	if (e < 0)
		dump_load_abort(&l);
	buf_release(&in);
	return e;
}

static int
go(struct role_run *run, void *arg)
{
	struct portable *p = arg;
	struct reason why = {0};
	char path[4096];

	if (p->state_fd < 0 || p->file_fd < 0)
		return role_fatal(run, "the parent gave no folder \"state\" or file \"documents\"");
	if (store_door_path(p->state_fd, path, sizeof path, &why) < 0 ||
	    store_door_open(p->where, path, &p->store, &why) < 0)
		return role_fatal(run, "%s", why.text);
	int e = store_door_confine(p->where, p->store, run);
	mem_wipe(p->where, sizeof p->where);
	if (e < 0)
		return e;
	e = p->import ? import_all(p, &why) : export_all(p, &why);
	if (e < 0)
		return role_fatal(run, "%s", why.text[0] ? why.text : err_str(e));
	store_close(p->store); /* before it is said: whoever hears it may open the store */
	p->store = NULL;
	return 0;
}

int
portable_main(bool import)
{
	static const struct role_ops ops = {.start = start, .file = file, .peer = peer, .go = go};
	struct portable p = {.import = import, .state_fd = -1, .audit_fd = -1, .file_fd = -1};
	int status = role_main("judge", &ops, &p);

	if (p.store)
		store_close(p.store);
	return status;
}
