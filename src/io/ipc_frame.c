/* ipc_frame: see io/ipc_frame.h. */
#include "io/ipc_frame.h"

#include "core/err.h"
#include "msg/msg.h"

int
ipc_frame_parse(struct slice in, struct ipc_frame *ret_f, size_t *ret_used)
{
	struct ipc_frame f = {0};
	struct buf b;
	uint32_t len;

	buf_view(&b, in.p, in.n);
	if (buf_get_u32(&b, &len) < 0)
		return E_TRUNC;
	if (len < IPC_HEAD - 4)
		return E_FORMAT;
	if (len > MSG_BYTES_MAX + IPC_HEAD - 4)
		return E_LIMIT;
	if (buf_get_u16(&b, &f.type) < 0 || buf_get_u16(&b, &f.flags) < 0 || buf_get_u32(&b, &f.id) < 0)
		return E_TRUNC;
	if ((f.flags & ~(IPC_FLAG_FD | IPC_FLAG_REPLY)) != 0 || ((f.flags & IPC_FLAG_REPLY) && f.id == 0))
		return E_FORMAT;
	if (buf_get(&b, len - (IPC_HEAD - 4), &f.payload) < 0)
		return E_TRUNC;
	*ret_f = f;
	*ret_used = (size_t)len + 4;
	return 0;
}
