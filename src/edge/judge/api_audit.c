/* Reading the audit chain: a page of it, or following it. */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/api.h"

#define LOG_PAGE 500
#define WAIT_MAX 55

struct page {
	json_t *v;
	uint64_t last;
};

static int
take(void *arg, const struct audit_record *rec)
{
	struct page *p = arg;

	p->last = rec->seq;
	json_array_append_new(p->v, audit_record_json(rec));
	return 0;
}

/* after: sequence number, or a time. */
static int
since(struct req *r, uint64_t *ret_after)
{
	const char *s = req_param(r, "since");
	int64_t at;

	*ret_after = 0;
	if (!*s)
		return 0;
	if (str_u64(s, INT64_MAX, ret_after) == 0)
		return 0;
	if (duration_parse(s, &at) == 0)
		return audit_seek_time(r->j->audit_fd, clock_wall_ms() - at, ret_after, NULL);
	if (time_parse(s, &at) == 0)
		return audit_seek_time(r->j->audit_fd, at * 1000, ret_after, NULL);
	return E_FORMAT;
}

static size_t
limit_of(struct req *r)
{
	uint64_t v;
	return str_u64(req_param(r, "limit"), LOG_PAGE, &v) == 0 && v ? (size_t)v : LOG_PAGE;
}

static void
answer(struct req *r, struct page *p)
{
	reply_json(r, 200,
	           json_pack("{s:b, s:[], s:[], s:o, s:{s:I, s:I}}", "success", 1, "errors", "messages", "result", p->v,
	                     "result_info", "count", (json_int_t)json_array_size(p->v), "next", (json_int_t)p->last));
}

static int
read_page(struct req *r, uint64_t after, struct page *p)
{
	struct reason why = {0};

	*p = (struct page){.v = json_array(), .last = after};
	int e = audit_read(r->j->audit_fd, after, limit_of(r), take, p, &why);
	if (e < 0) {
		log_error("audit_read", "why", why.text, NULL);
		json_decref(p->v);
		reply_refuse_text(r, SP_INTERNAL, why.text);
	}
	return e;
}

void
api_audit(struct req *r)
{
	uint64_t after, wait = 0;
	struct page p;

	if (since(r, &after) < 0 || (*req_param(r, "wait") && str_u64(req_param(r, "wait"), WAIT_MAX, &wait) < 0)) {
		reply_refuse_text(
		    r, SP_BAD_REQUEST,
		    "since is a sequence number, a time such as 2026-11-22T10:00:00Z or a duration such as 1h; wait is "
		    "0 to 55 seconds.");
		return;
	}
	if (read_page(r, after, &p) < 0)
		return;
	if (json_array_size(p.v) || !wait) {
		answer(r, &p);
		return;
	}
	json_decref(p.v);
	r->waits = true;
	r->wait_arg = after;
	r->wait_until = judge_now() + (int64_t)wait;
	list_push(&r->j->followers, &r->wait);
}

void
audit_followers_wake(struct judge *j)
{
	uint64_t head = j->audit ? audit_head_get(j->audit).seq : 0;
	struct page p;

	list_foreach (it, &j->followers) {
		struct req *r = list_entry(it, struct req, wait);
		if (head <= r->wait_arg && judge_now() < r->wait_until)
			continue;
		list_remove(&r->wait);
		r->waits = false;
		if (read_page(r, r->wait_arg, &p) == 0)
			answer(r, &p);
	}
}
