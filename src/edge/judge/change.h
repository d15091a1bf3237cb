/*
 * change: one administrator's change: validated whole, announced in the audit chain, committed, told again, swapped in.
 *
 *   change_begin .. change_put / change_delete .. change_commit      (or change_abort)
 *
 * The candidate snapshot is built inside the transaction, so that what would not compile is never committed. The intent
 * is on disk before the commit and its number is committed with it: after a crash the store says which of the two
 * happened. May block: yes.
 */
#ifndef JUDGE_CHANGE_H
#define JUDGE_CHANGE_H

#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/snapshot.h"

struct change {
	struct judge *j;
	struct req *r;
	bool open;
	int code;         /* sp_code of what went wrong */
	json_t *list;     /* [{kind, name, action, fields}] */
	bool tested;      /* all stored tests must hold, also those that are broken already */
	json_t *touched;  /* {"kind id": true}: what warnings are about */
	json_t *warnings; /* [text], once change_check or change_commit has looked; NULL before */
	json_t *records;  /* [{kind, id, before, after}]: what the audit chain keeps; secrets as "***" */
	bool begun;       /* a record was touched: If-Match was looked at */
	bool deletes;     /* one of them is to go */
	struct reason why;
	struct model_error err; /* pointer /apps/N: index into snap->apps of the candidate */
	char *apps_of_pointer;  /* id of the application, group or provider that err is about; NULL = none */
	char policy_of_pointer[37];
	const char *own, *own_policy; /* ids of what the request's body is: err's pointer is made relative to it */
};

int change_begin(struct change *c, struct req *r);
/* Takes doc. Kinds: app group idp tunnel route admin. expected as in store_put. The record's unique keys follow from
 * its kind. */
int change_put(struct change *c, const char *kind, const char *id, int64_t expected, json_t *doc);
int change_delete(struct change *c, const char *kind, const char *id);
/* What the audit and the caller of apply see; fields may be NULL, is taken. */
void change_note(struct change *c, const char *kind, const char *name, const char *action, json_t *fields);
/* Would it compile? The candidate is the caller's to drop. Tunnels whose pushed configuration changes get their next
 * version. */
int change_check(struct change *c, struct snapshot **ret_s);
int change_commit(struct change *c);
/* The usual end. e 0: commit. When that, or what came before it, failed, the request has been answered; released either
 * way. */
int change_finish(struct change *c, int e);
void change_abort(struct change *c); /* and release */
/* Answers the request with what went wrong, and releases. */
void change_refuse(struct change *c, int e);

void uuid_new(char out[static 37]);

#endif
