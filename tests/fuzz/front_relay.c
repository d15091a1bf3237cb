/* relay: any order of data, drains and ends keeps its promises: nothing is lost or invented, what is owed is given
   back, a held side is let go, an end is finished once and not written to afterwards. Input: pairs of bytes, operation
   and size. */
#include "edge/front/relay.h"
#include "fuzz.h"

#define MARK 1000u

struct end {
	size_t queue, given, taken, written;
	unsigned finished;
	bool held, fails;
};

static int
end_write(void *p, const uint8_t *d, size_t n)
{
	struct end *e = p;

	(void)d;
	MUST(e->finished == 0);
	if (e->fails)
		return -1;
	e->queue += n;
	e->written += n;
	return 0;
}

static size_t
end_queued(const void *p)
{
	return ((const struct end *)p)->queue;
}

static void
end_hold(void *p, bool on)
{
	struct end *e = p;

	MUST(e->held != on);
	e->held = on;
}

static void
end_taken(void *p, size_t n)
{
	struct end *e = p;

	e->taken += n;
	MUST(n > 0 && e->taken <= e->given);
}

static void
end_finish(void *p)
{
	((struct end *)p)->finished++;
}

static const struct relay_end ops = {end_write, end_queued, end_hold, end_taken, end_finish};

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t bytes[256 * 8];
	struct end e[2] = {0};
	bool ended[2] = {false, false};
	struct relay r;

	relay_init(&r, &ops, &e[0], MARK, &ops, &e[1], MARK);
	for (; n >= 2; p += 2, n -= 2) {
		unsigned side = p[0] & 1;
		size_t k = (size_t)p[1] * 8;
		int err;

		switch (p[0] >> 1 & 7) {
		case 0:
		case 1:
		case 2: /* bytes, which an end gives also while it is held: they were on their way */
			if (k == 0)
				break;
			e[side].given += ended[side] || e[!side].fails ? 0 : k;
			err = relay_data(&r, side, bytes, k);
			if (err < 0 && !ended[side])
				return 0; /* the owner ends it here */
			break;
		case 3:
		case 4: /* some leave */
			e[side].queue -= k < e[side].queue ? k : e[side].queue;
			relay_drained(&r, side);
			if (e[side].queue <= MARK)
				MUST(!e[!side].held && e[!side].taken == e[!side].given);
			break;
		case 5:
			MUST(relay_ended(&r, side) == ended[!side]);
			ended[side] = true;
			MUST(e[!side].finished == 1);
			break;
		case 6:
			e[side].fails = p[1] == 255;
			break;
		default:
			break;
		}
		for (int i = 0; i < 2; i++) {
			MUST(r.side[i].bytes == e[!i].written);
			MUST(e[i].taken + r.side[i].owed == e[i].given);
			MUST(e[i].held == r.side[i].held);
			MUST(!e[i].held || e[!i].queue > MARK || e[i].finished <= 1);
		}
	}
	return 0;
}
