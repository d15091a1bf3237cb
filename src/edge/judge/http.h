/*
 * http: one request of front's, from its message to its answer.
 *
 * front is less trusted than judge, so every field is checked again here. A request lives until exactly one of the
 * reply_* functions (or req_drop) was called on it; that call frees it. Between, it may wait for the signer, for fetch
 * or for a timer: everything it points at is in its own arena, and it holds the snapshot that it began with. May block:
 * no.
 */
#ifndef JUDGE_HTTP_H
#define JUDGE_HTTP_H

#include "core/arena.h"
#include "core/err.h"
#include "core/json.h"
#include "core/list.h"
#include "core/url.h"
#include "edge/judge/snapshot.h"
#include "msg/front_judge.h"

struct judge;
struct front;
struct snapshot;
struct session;
struct app_view;

#define REQ_ARENA_MAX (8u << 20) /* one request, its answer included */
#define REQ_LIVE_MAX 20000u      /* requests in flight: a flood of held transfers must not eat the memory */
#define ROUTE_SEGS 6

enum route_flags {
	ROUTE_TEAM = 1,  /* on the team host */
	ROUTE_APP = 2,   /* on application hosts */
	ROUTE_READ = 4,  /* API: needs scope read */
	ROUTE_WRITE = 8, /* API: needs scope write */
	ROUTE_JSON = 16, /* refusals are {"status","message"} */
	ROUTE_FORM = 32, /* body is a form; Origin must be ours when given */
	ROUTE_ZONE = 64, /* API: accounts/{account}/... may be zones/{zone}/... as well */
	ROUTE_ANY = 128, /* API: any token that stands, whatever its scopes */
	ROUTE_ALL = 256, /* API: the scope read or write itself, not a part's */
	ROUTE_API = ROUTE_READ | ROUTE_WRITE,
};
#define ROUTE_PART_SHIFT 16
#define ROUTE_PART(part) ((unsigned)(part) << ROUTE_PART_SHIFT) /* enum scope_part; else SCOPE_ACCESS */

struct reply_header {
	const char *name, *value;
};

struct req {
	struct judge *j;
	struct list link;    /* in front->reqs */
	struct front *front; /* NULL once its channel is gone: the answer then goes nowhere */
	uint32_t id;
	struct arena arena;
	struct snapshot *snap; /* held */
	const char *method, *host, *target, *path, *query_text, *client_ip;
	uint32_t port;
	bool websocket, head, json; /* json: refusals as JSON envelope (API) */
	bool envelope;
	struct strs headers;
	struct slice body, cert;
	struct query query, form;
	bool form_ok;
	char rid[17]; /* shown on error pages and written to the audit log */
	const char *seg[ROUTE_SEGS];
	const struct app_view *app; /* on application hosts */
	struct reply_header out[32];
	size_t nout;
	/* who asks, once known. The session is named only: it may end while the request waits (req_asker). */
	struct asker who;
	char session[40];
	int64_t access_until;     /* when the approval ends that lets it in; 0 = it rests on none */
	uint32_t service_version; /* of the secret that was shown, with who.service_token */
	const char *cert_label;   /* who.cert_ca without a person: for log and audit */
	const char *cert_print;   /* with who.cert_ca: fingerprint of that authority */
	int64_t cert_until;
	const char *service_label, *service_jwt; /* client id; an app token minted for it */
	int64_t service_jwt_exp;
	const char *api_name, *api_token, *api_jti; /* API: subject of the token, the token, its id */
	struct strs api_scopes;
	/* a request that waits in a list of its own (transfer, audit follow) */
	bool waits; /* held: may be dropped at any time */
	struct list wait;
	int64_t wait_until;
	uint64_t wait_arg;
	/* held until the provider was asked (recheck.h) */
	void (*again)(struct req *r);
	struct snapshot *before;     /* held: the snapshot that it began with, once it goes on with another */
	void *ctx;                   /* of the step that runs; in the arena */
	void *held;                  /* what `done` releases */
	bool browser_over;           /* the CF_Session that came is deleted by this answer */
	const void *dest;            /* login: where it leads; in the arena */
	json_t *warnings;            /* API: texts for the envelope's messages; NULL = none */
	void (*done)(struct req *r); /* before it is freed; may be NULL */
};

struct http_route {
	const char *method, *path;
	unsigned flags;
	void (*handler)(struct req *r);
};

/* --- http_req.c */
/* Who asks for a verdict, with this session (NULL = nobody signed in). */
static inline struct asker
req_asker(const struct req *r, const struct session *s)
{
	struct asker a = r->who;

	a.session = s;
	return a;
}
int req_new(struct judge *j, struct front *f, uint32_t id, const struct fj_request *m, struct req **ret_r);
void req_drop(struct req *r);                                  /* without an answer: its channel is gone */
const char *req_header(const struct req *r, const char *name); /* NULL when absent; "" when given twice */
/* E_NOENT, or E_FORMAT when the cookie stands there twice: a planted second one must not decide (security.md 3.3). */
int req_cookie(struct req *r, const char *name, const char **ret_v);
int req_json(struct req *r, json_t **ret_j); /* new reference */
const char *req_json_why(struct req *r);     /* why it was refused; in the arena */
char *req_fmt(struct req *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));                    /* in the arena; "" when out of memory */
char *req_escape(struct req *r, const char *s);               /* percent-encoded, in the arena */
const char *req_param(const struct req *r, const char *name); /* of the query; "" when absent */
const char *req_field(const struct req *r, const char *name); /* of the form; "" when absent */
bool req_wants_html(const struct req *r);
bool req_is(const struct req *r, const char *method);
/* "https://host[:port]" of the team host or an application, with the port that this request came by. */
const char *req_team_origin(struct req *r);
const char *req_origin_of(struct req *r, const char *host);

/* --- http_cookie.c: engine */
int cookie_find(const char *header, const char *name, struct slice *ret_v);
/* --- http_route.c */
void route_dispatch(struct req *r);
/* Scope that a row of the API needs; NULL = any token will do. */
const char *route_scope(unsigned flags);
/* The API's rows, one after the other: false at the end. */
bool route_at(size_t i, const struct http_route **ret_t);
/* Matches the path of a pattern such as "/a/:x/b"; captures are slices of path. Engine, for tests. */
bool route_match(const char *pattern, const char *path, struct slice seg[ROUTE_SEGS], size_t *ret_n);

/* --- http_reply.c */
void reply_header(struct req *r, const char *name, const char *value); /* value must live as long as the request */
void reply_cookie(struct req *r, const char *name, const char *value,
                  int64_t expires); /* expires 0 = delete, -1 = with the browser */
/* The same for an application's cookie, as its administrator wants it. */
struct cookie_form {
	const char *path, *same_site;
	bool http_only;
};
void reply_cookie_form(struct req *r, const char *name, const char *value, int64_t expires,
                       const struct cookie_form *f);
void reply_bytes(struct req *r, unsigned status, const char *type, const void *p, size_t n);
void reply_text(struct req *r, unsigned status, const char *text);
void reply_html(struct req *r, unsigned status, struct buf *html); /* takes html's content */
void reply_json(struct req *r, unsigned status, json_t *j);        /* takes j */
void reply_redirect(struct req *r, const char *location);
void reply_result(struct req *r, json_t *result);                         /* API envelope, 200; takes result */
void reply_result_status(struct req *r, unsigned status, json_t *result); /* the same with another status */
void reply_list(struct req *r, json_t *all); /* API envelope with paging by ?page= and ?per_page=; takes all */
void reply_refuse(struct req *r, int code);  /* as the peer understands: page, JSON or one line */
void reply_refuse_text(struct req *r, int code, const char *more); /* with a sentence for an administrator: API only */
void reply_refuse_at(struct req *r, int code, const char *more, const char *pointer);
void reply_relay(struct req *r, const struct fj_answer *a);
unsigned sp_status(int code);
const char *sp_text(int code); /* the one short text per code */

#endif
