#include "edge/judge/news.h"

#include "core/log.h"
#include "edge/judge/api_standing.h"
#include "edge/judge/judge.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"

/* One moment of the store, read whole; a record that cannot be read costs that record, not the rest. */
static void
reload(struct judge *j)
{
	struct reason why = {0};
	struct model_error bad = {0};
	struct snapshot *s = NULL;
	int e = store_begin_read(j->store, &why);

	if (e == 0) {
		e = snapshot_build(j, true, &s, &bad);
		if (e == 0)
			e = persons_reload(j, &why);
		if (e == 0)
			e = api_standing_load(j, &why);
		store_rollback(j->store);
	}
	j->stale = e < 0; /* asked again in a second */
	if (e < 0) {
		snapshot_drop(s);
		log_warn("store_reload", "why", why.text[0] ? why.text : bad.text, NULL);
		return;
	}
	snapshot_swap(j, s);
	log_info("store_changed", "apps", log_num((long long)j->snap->napps), NULL);
}

static void
look(struct judge *j)
{
	struct reason why = {0};
	bool changed = false;
	int e = store_poll(j->store, &changed, &why);

	if (e < 0 && !j->store_away)
		log_error("store_away", "why", why.text, NULL);
	if (e == 0 && j->store_away)
		log_info("store_back", NULL);
	j->store_away = e < 0;
	if (e < 0)
		j->stale |= changed;
	else if (judge_audit_settle(j) == 0 && (changed || j->stale))
		reload(j);
}

static void
readable(int fd, int events, void *arg)
{
	look(arg);
}

int
news_start(struct judge *j)
{
	int fd = store_fd(j->store);

	return fd < 0 ? 0 : watch_start(j->loop, &j->store_watch, fd, LOOP_READ, readable, j);
}

void
news_stop(struct judge *j)
{
	watch_stop(&j->store_watch);
}

void
news_tick(struct judge *j)
{
	look(j);
}
