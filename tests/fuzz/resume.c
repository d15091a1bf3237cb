/* Two ends, and whoever carries their bytes: the input says what is sent, how far it gets, when the leg is cut, and
 * what is put among the records. Whatever happens, no byte of the application is altered, doubled or lost (the kit
 * aborts), and what is put in by others takes nobody's session. */
#include "../unit/wire/resume_kit.h"
#include "core/buf.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct world w;
	struct resume_in in = {0};
	struct resume_record rec;
	uint8_t *copy = malloc(n + 1);
	size_t used, at = 0;

	MUST(copy);
	memcpy(copy, p, n);
	while (at < n && resume_in_feed(&in, copy + at, n - at, &used, &rec) == 0 && used)
		at += used;
	free(copy);
	world_begin(&w);
	for (size_t i = 0; i + 2 < n; i += 3) {
		size_t k = (size_t)p[i + 1] << 8 | p[i + 2];
		bool fine = true;
		switch (p[i] % 8) {
		case 0:
			end_send(&w.c, true, k * 7);
			break;
		case 1:
			end_send(&w.s, false, k * 7);
			break;
		case 2:
		case 3:
			fine = !w.up || world_move(&w, k + 1);
			MUST(fine); /* nobody has interfered */
			break;
		case 4:
			world_cut(&w);
			if (w.c.r && w.s.r && resume_state(w.c.r) == RESUME_LOST)
				MUST(world_rejoin(&w));
			else
				goto out; /* cut before it was opened: over */
			break;
		case 5: { /* somebody's bytes towards the client, at the end of what is on its way */
			uint8_t raw[48];
			for (size_t b = 0; b < sizeof raw; b++)
				raw[b] = i + b < n ? p[i + b] : (uint8_t)b;
			if (raw[0] == RESUME_DATA || raw[0] == RESUME_END || raw[0] == RESUME_ACK ||
			    raw[0] == RESUME_WELCOME)
				break; /* who carries the bytes can alter them and begin sessions of his own: SSH inside
				          answers for that */
			buf_put(&w.s.wire, raw, sizeof raw);
			while (fine && buf_len(&w.s.wire))
				fine = world_move(&w, 1000);
			goto out;
		}
		case 6: { /* and a forged return towards the connector */
			uint8_t raw[65] = {RESUME_BACK, 0, 0, 61, 1};
			if (!w.s.r)
				break;
			memcpy(raw + 5, resume_id(w.s.r), RESUME_ID_LEN);
			for (size_t b = 21; b < sizeof raw; b++)
				raw[b] = i + b < n ? p[i + b] : (uint8_t)b;
			enum resume_state before = resume_state(w.s.r);
			struct resume_in one = {0};
			struct resume_record back;
			struct reason why;
			struct buf none;
			buf_init(&none, 1000);
			MUST(resume_in_feed(&one, raw, sizeof raw, &used, &back) == 0);
			MUST(resume_rejoin(w.s.r, &back, &none, &why) < 0 && buf_len(&none) == 0);
			MUST(resume_state(w.s.r) == before);
			buf_release(&none);
			break;
		}
		default:
			if (!w.c.ended)
				end_finish(&w.c);
		}
	}
out:
	world_end(&w);
	return 0;
}
