/*
 * resume: a byte session between our client and our connector that outlives the loss of what carries it
 * (docs/protocol/resume.md). Engine: no I/O, no clock; keys and ids are arguments.
 *
 * Either end keeps what it sent until the other says that it has it. When the leg is lost, the client comes back over a
 * new one, both say how much they have, and each sends again from there. The session is known by an id and a key that
 * the two agreed on when it began; whoever carries the bytes holds neither. Records are type, 24-bit length, payload,
 * and ride on any byte stream (today the payload of WebSocket frames). The edge does not look into them.
 *
 * Limits: RESUME_BUFFER_MAX bytes kept a side, in pieces of RESUME_CHUNK that are taken on demand, so that an idle
 * session holds none; records of RESUME_DATA_MAX. May block: no.
 */
#ifndef WIRE_RESUME_H
#define WIRE_RESUME_H

#include "core/err.h"
#include "crypto/seal.h"

/* In Sec-WebSocket-Protocol: a new session, and the return to one, for which nothing is dialled. */
#define RESUME_PROTOCOL "sallyport-resume.1"
#define RESUME_PROTOCOL_BACK "sallyport-resume.1.back"
#define RESUME_CONNECTOR "sallyport-connector" /* header: the connector's id, in its 101 and in the client's return */
#define RESUME_ID_LEN 16
#define RESUME_HEAD 4
#define RESUME_CHUNK 65536u
#define RESUME_BUFFER_MAX (4u << 20)
#define RESUME_DATA_MAX (1u << 20)    /* one DATA record */
#define RESUME_ACK_EVERY (512u << 10) /* received bytes after which we say so: one small record, 2 % at most */
#define RESUME_CONTROL_MAX 128

enum resume_type {
	RESUME_HELLO = 1,   /* client: version, public key */
	RESUME_WELCOME = 2, /* connector: id, public key, grace in seconds */
	RESUME_BACK = 3,    /* client, first on a new leg: version, id, attempt, received, MAC */
	RESUME_AGAIN = 4,   /* connector: received, MAC. Both send again from what the other has */
	RESUME_GONE = 5,    /* connector: no such session, or not for you */
	RESUME_DATA = 16,
	RESUME_ACK = 17, /* received */
	RESUME_END = 18, /* no more data this way; the total that was sent */
};

/* --- records ---------------------------------------------------------------------------------------------------- */

struct resume_record {
	uint8_t type;
	uint8_t *p; /* DATA: some of it, in place, as it comes; control records: whole */
	size_t n;
};
struct resume_in { /* of one leg; zero to begin */
	uint8_t head[RESUME_HEAD], control[RESUME_CONTROL_MAX];
	size_t nhead, ncontrol, left;
	bool in_record;
};
/* Takes bytes until one record (or a piece of DATA) or the end; ret_r->type 0 = more bytes are needed. E_FORMAT:
   unknown type, or a length that the type does not have. */
int resume_in_feed(struct resume_in *in, uint8_t *d, size_t n, size_t *ret_used, struct resume_record *ret_r);
/* Header of a DATA record of n bytes, 1..RESUME_DATA_MAX. */
void resume_data_head(uint8_t head[static RESUME_HEAD], size_t n);

/* --- the session ------------------------------------------------------------------------------------------------- */

struct resume; /* either end */

enum resume_state {
	RESUME_OPENING, /* client: HELLO was sent. Bytes flow already; a leg lost now cannot be resumed */
	RESUME_LIVE,
	RESUME_LOST,    /* no leg */
	RESUME_JOINING, /* client: BACK was sent */
};

/* Client: begins with HELLO in out. eph is taken (and wiped). */
int resume_client_new(struct box_key *eph, struct resume **ret_r, struct buf *out);
/* Connector: the answer to HELLO; id is 16 fresh random bytes. E_FORMAT, E_CRYPTO. */
int resume_connector_new(const struct resume_record *hello, struct box_key *eph, const uint8_t id[static RESUME_ID_LEN],
                         uint32_t grace_s, struct resume **ret_r, struct buf *out);
void resume_free(struct resume *r); /* NULL is fine */

enum resume_state resume_state(const struct resume *r);
const uint8_t *resume_id(const struct resume *r); /* connector: RESUME_ID_LEN bytes */
uint32_t resume_grace_s(const struct resume *r);  /* how long the connector keeps it without a leg */

/* A copy of what goes out now as one DATA record (after resume_data_head). E_LIMIT: more than resume_room. */
int resume_sent(struct resume *r, const void *p, size_t n);
/* How much more may be sent before the other end has said that it has some of it. */
size_t resume_room(const struct resume *r);
/* n bytes of DATA were handed on. True: an ACK is due (resume_ack). */
bool resume_received(struct resume *r, size_t n);
int resume_ack(struct resume *r, struct buf *out);
/* Our side has no more data; said again after each return. */
int resume_end(struct resume *r, struct buf *out);

enum resume_event {
	RESUME_EV_NONE,
	RESUME_EV_ROOM,   /* an ACK: there may be room again */
	RESUME_EV_OPEN,   /* client: WELCOME came, from here on a lost leg can be replaced */
	RESUME_EV_REPLAY, /* both are joined again: send from resume_unseen on */
	RESUME_EV_END,    /* all of the other side's data has come */
	RESUME_EV_GONE,   /* the connector no longer has the session, or will not have us */
};
/* A control record (type below DATA's or above it). E_FORMAT, E_STATE, E_CRYPTO (and why): the leg must be closed. */
int resume_control(struct resume *r, const struct resume_record *rec, enum resume_event *ret_ev, struct reason *why);

/* The leg is gone. E_STATE: it had not been opened, there is nothing to come back to. */
int resume_lost(struct resume *r);
/* Client: first record of a new leg. */
int resume_back(struct resume *r, struct buf *out);
/* Connector: the id that a BACK asks for; then, for the session of that id: checks MAC, attempt and numbers, answers
   with AGAIN in out; the caller closes an older leg and replays. E_CRYPTO, E_FORMAT, E_RANGE with why: nothing has
   changed. */
int resume_back_id(const struct resume_record *back, uint8_t ret_id[static RESUME_ID_LEN]);
int resume_rejoin(struct resume *r, const struct resume_record *back, struct buf *out, struct reason *why);
int resume_gone(struct buf *out);

/* What must be sent again, piece by piece: *at begins as 0; 0 bytes = all of it. The bytes stay until the next call of
   resume_control or resume_free. */
size_t resume_unseen(struct resume *r, uint64_t *at, const uint8_t **ret_p);

#endif
