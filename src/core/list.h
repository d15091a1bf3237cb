/* list: intrusive doubly linked ring. An element embeds struct list; the head is one too. */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

static inline void
list_init(struct list *l)
{
	l->prev = l->next = l;
}
static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void
list_insert_before(struct list *pos, struct list *e)
{
	e->prev = pos->prev;
	e->next = pos;
	pos->prev->next = e;
	pos->prev = e;
}
static inline void
list_push(struct list *head, struct list *e)
{
	list_insert_before(head, e);
} /* at the tail */
static inline void
list_remove(struct list *e)
{ /* idempotent once initialised */
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}
#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define list_foreach(it, head) \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

#endif
