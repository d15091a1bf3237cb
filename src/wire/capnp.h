/*
 * capnp: Cap'n Proto messages (encoding specification, unpacked stream framing): pointers read with bounds, messages
 * built in one segment.
 *
 * Reading copies nothing: views point into the frame, which must outlive them. Limits: CAPNP_SEGMENTS, CAPNP_DEPTH, and
 * a traversal budget of four times the frame's own words, so that pointers that share or repeat objects cost the sender
 * what they cost us. A null pointer reads as empty; fields beyond a struct's end read as zero (older peers). E_FORMAT
 * for everything else. May block: no.
 */
#ifndef WIRE_CAPNP_H
#define WIRE_CAPNP_H

#include "core/buf.h"
#include "core/err.h"

#define CAPNP_SEGMENTS 4u
#define CAPNP_DEPTH 16u

struct capnp_msg {
	const uint8_t *seg[CAPNP_SEGMENTS];
	uint32_t words[CAPNP_SEGMENTS];
	uint32_t nseg;
	int64_t budget;
};
struct capnp_struct { /* a view; zeroed = empty */
	struct capnp_msg *m;
	const uint8_t *data;
	uint32_t seg, ptrs; /* word index of the pointer section */
	uint16_t nd, np;
	unsigned depth;
};
struct capnp_list {                /* of structs or of pointers */
	struct capnp_struct first; /* element 0, for composites */
	struct capnp_struct ptrs;  /* a view whose pointers are the elements, for pointer lists */
	uint32_t n, step;
};

/* Size of the frame that begins here. E_TRUNC: more bytes are needed to tell; *ret_size is then how many. E_LIMIT over
 * max. */
int capnp_frame_size(const uint8_t *p, size_t n, size_t max, size_t *ret_size);
int capnp_open(struct capnp_msg *m, const uint8_t *p, size_t n, struct capnp_struct *ret_root); /* exactly one frame */

uint8_t capnp_u8(const struct capnp_struct *s, unsigned byte);
uint16_t capnp_u16(const struct capnp_struct *s, unsigned byte);
uint32_t capnp_u32(const struct capnp_struct *s, unsigned byte);
uint64_t capnp_u64(const struct capnp_struct *s, unsigned byte);
bool capnp_bit(const struct capnp_struct *s, unsigned bit);

bool capnp_has(const struct capnp_struct *s, unsigned i); /* pointer i is not null */
int capnp_get_struct(const struct capnp_struct *s, unsigned i, struct capnp_struct *ret_s);
int capnp_get_data(const struct capnp_struct *s, unsigned i, struct slice *ret_d);
int capnp_get_text(const struct capnp_struct *s, unsigned i, const char **ret_t); /* "" when null; no NUL inside */
int capnp_get_cap(const struct capnp_struct *s, unsigned i, uint32_t *ret_index); /* E_NOENT when null */
int capnp_get_structs(const struct capnp_struct *s, unsigned i, struct capnp_list *ret_l);
int capnp_get_texts(const struct capnp_struct *s, unsigned i, struct capnp_list *ret_l);
struct capnp_struct capnp_at(const struct capnp_list *l, uint32_t k);
int capnp_text_at(const struct capnp_list *l, uint32_t k, const char **ret_t);

/* --- building: objects are laid out in the order of the calls. Word numbers name places in the segment. */
struct capnp_out {
	struct buf b; /* the segment */
	int err;      /* first failure; checked once, by capnp_finish */
};
void capnp_begin(struct capnp_out *o, size_t max, uint16_t nd, uint16_t np); /* root struct: data at word 1 */
/* Allocates and makes the pointer at word ptr point at it; gives its first word. nd = np = 0: the empty struct, no
 * words. */
uint32_t capnp_new_struct(struct capnp_out *o, uint32_t ptr, uint16_t nd, uint16_t np);
uint32_t capnp_new_structs(struct capnp_out *o, uint32_t ptr, uint32_t n, uint16_t nd,
                           uint16_t np);                                    /* composite list */
uint32_t capnp_new_pointers(struct capnp_out *o, uint32_t ptr, uint32_t n); /* list of pointers */
void capnp_put_data(struct capnp_out *o, uint32_t ptr, const void *p, size_t n);
void capnp_put_text(struct capnp_out *o, uint32_t ptr, const char *s);
void capnp_put_cap(struct capnp_out *o, uint32_t ptr, uint32_t index);
void capnp_set(struct capnp_out *o, uint32_t word, unsigned byte, uint64_t v, unsigned bytes);
int capnp_finish(struct capnp_out *o, struct buf *out); /* appends the frame; releases o either way */

#endif
