#include <qrencode.h>

#include "edge/judge/page.h"

#define QUIET 4 /* modules of white around it, as readers want it (ISO/IEC 18004) */

void
page_qr(struct req *r, struct buf *b, const char *text)
{
	QRcode *q = *text ? QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M) : NULL;

	if (!q)
		return;
	buf_putf(b, "<svg class=\"qr\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\"",
	         q->width + 2 * QUIET, q->width + 2 * QUIET);
	page_text(b, " aria-label=\"", page_words(r, T_SETUP_QR), "\"><path fill=\"#000\" d=\"");
	for (int y = 0; y < q->width; y++)
		for (int x = 0, n; x < q->width; x += n) { /* runs of black, a rectangle each */
			const unsigned char *p = q->data + y * q->width;
			for (n = 1; x + n < q->width && (p[x] & 1) == (p[x + n] & 1); n++)
				;
			if (p[x] & 1)
				buf_putf(b, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, n, n);
		}
	buf_put_str(b, "\"/></svg>\n");
	QRcode_free(q);
}
