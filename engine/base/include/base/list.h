/* list.h -- an intrusive doubly linked ring. The head is a link too; an empty list points to itself.
 * Whoever embeds the link owns the element. */
#ifndef LG_BASE_LIST_H
#define LG_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *previous;
};

#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))
#define list_for_each(link, head) for (link = (head)->next; link != (head); link = link->next)
/* Allows removing `link` inside the loop. */
#define list_for_each_safe(link, following, head)                         \
	for (link = (head)->next, following = link->next; link != (head); \
		link = following, following = link->next)

static inline void list_init(struct list *head)
{
	head->next = head->previous = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
	link->previous = head->previous;
	link->next = head;
	head->previous->next = link;
	head->previous = link;
}

/* Leaves the link pointing to itself, so that removing twice is harmless. */
static inline void list_remove(struct list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}

/* Takes the first link off, or returns NULL. */
static inline struct list *list_take_first(struct list *head)
{
	struct list *link = head->next;

	if (link == head)
		return NULL;
	list_remove(link);
	return link;
}

#endif
