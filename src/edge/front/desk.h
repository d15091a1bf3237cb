/*
 * desk: a user whose connection goes to a session process: from judge's SESSION to the last byte. front does not look
 * into what either side says.
 *
 *   WAITING (for the process's end) -> RELAYING -> ENDING
 *
 * Judge hears of the ticket's end exactly once; the process hears it as the end of its pair. Owner: the thread's list.
 * May block: no.
 */
#ifndef FRONT_DESK_H
#define FRONT_DESK_H

#include "edge/front/front.h"

/* Takes the connection out of s, with its bytes. a is judge's SESSION, borrowed. */
void desk_start(struct thread *t, struct http_server *s, const struct fj_answer *a);
void desks_announce(struct thread *t); /* fj_ticket_live for each */
void desks_stop(struct thread *t);

#endif
