/* ipc_frame: a stream of frames; whatever parses must lie inside the input and obey the limits. */
#include "core/err.h"
#include "fuzz.h"
#include "io/ipc_frame.h"
#include "msg/msg.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	while (n > 0) {
		struct ipc_frame f, g;
		size_t used = 0, again;
		int e = ipc_frame_parse((struct slice){d, n}, &f, &used);

		if (e < 0)
			return 0;
		MUST(used >= IPC_HEAD && used <= n);
		MUST(f.payload.p == d + IPC_HEAD && f.payload.n == used - IPC_HEAD && f.payload.n <= MSG_BYTES_MAX);
		/* one byte less is never a frame */
		MUST(ipc_frame_parse((struct slice){d, used - 1}, &g, &again) == E_TRUNC);
		d += used;
		n -= used;
	}
	return 0;
}
