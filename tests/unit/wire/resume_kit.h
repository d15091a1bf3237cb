/* resume_kit: two ends of a resumable session and legs between them that can be cut anywhere; what arrives is checked
 * byte by byte. */
#ifndef TEST_RESUME_KIT_H
#define TEST_RESUME_KIT_H

#include <stdint.h>

#include "wire/resume.h"

struct end {
	struct resume *r;
	struct resume_in in;
	struct buf wire;    /* written, not yet delivered */
	uint64_t sent, got; /* bytes of the application */
	bool ended, all_in, gone;
	unsigned opens, replays;
};
struct world {
	struct end c, s; /* client, connector */
	bool up;
	uint32_t next_id;
	struct reason why;
	int error; /* of the last record that was refused */
};

void world_begin(struct world *w);
void world_end(struct world *w);
/* Sends n bytes of the pattern, or as many as there is room for; gives how many. */
size_t end_send(struct end *e, bool client, size_t n);
void end_finish(struct end *e);
/* Moves at most n bytes each way; false when a record was refused (w->error). */
bool world_up(struct world *w); /* all that the client wrote, nothing back */
bool world_move(struct world *w, size_t n);
void world_cut(struct world *w);    /* what is on the way is lost */
bool world_rejoin(struct world *w); /* a new leg: BACK and AGAIN; false when refused */
uint8_t pattern(uint64_t at, bool client);

#endif
