/*
 * ipc_frame: the frame of a channel between our processes, apart from any socket.
 *
 * u32 length of what follows (at least 8), u16 type, u16 flags, u32 id, payload; big-endian. May block: no.
 */
#ifndef IO_IPC_FRAME_H
#define IO_IPC_FRAME_H

#include "core/buf.h"

#define IPC_HEAD 12u /* bytes before the payload */

enum { IPC_FLAG_FD = 1, IPC_FLAG_REPLY = 2 };

struct ipc_frame {
	uint16_t type, flags;
	uint32_t id;
	struct slice payload; /* borrows from the input */
};

/* One frame from the front of in; *ret_used is its whole size. E_TRUNC: more is needed; E_LIMIT: payload over
   MSG_BYTES_MAX; E_FORMAT: impossible length, unknown flag, a reply without id. Decided from the first 12 bytes. */
int ipc_frame_parse(struct slice in, struct ipc_frame *ret_f, size_t *ret_used);

#endif
