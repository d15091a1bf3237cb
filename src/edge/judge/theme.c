#include "edge/judge/theme.h"

#include <math.h>
#include <string.h>

#include "core/err.h"

#define CONTRAST_MIN 4.5
#define BLACK 0x000000u
#define WHITE 0xffffffu

static int
digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

int
theme_colour(const char *s, uint32_t *ret_rgb)
{
	size_t n = s ? strlen(s) : 0;
	uint32_t v = 0;

	if ((n != 4 && n != 7) || *s != '#')
		return E_FORMAT;
	for (size_t i = 1; i < n; i++) {
		int d = digit(s[i]);
		if (d < 0)
			return E_FORMAT;
		v = v << 4 | (uint32_t)d;
		if (n == 4)
			v = v << 4 | (uint32_t)d;
	}
	*ret_rgb = v;
	return E_OK;
}

/* WCAG 2.2, "relative luminance". */
static double
luminance(uint32_t rgb)
{
	static const double weight[] = {0.2126, 0.7152, 0.0722};
	double sum = 0;

	for (int i = 0; i < 3; i++) {
		double c = (rgb >> (16 - 8 * i) & 0xff) / 255.0;
		sum += weight[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
	}
	return sum;
}

double
theme_contrast(uint32_t a, uint32_t b)
{
	double x = luminance(a), y = luminance(b);
	return x > y ? (x + 0.05) / (y + 0.05) : (y + 0.05) / (x + 0.05);
}

void
theme_css(struct buf *out, const char *background, const char *text)
{
	uint32_t back, front;

	if (theme_colour(background, &back) < 0)
		return; /* a text alone cannot be judged: the ground is light for some readers and dark for others */
	if (theme_colour(text, &front) < 0 || theme_contrast(front, back) < CONTRAST_MIN)
		front = theme_contrast(BLACK, back) > theme_contrast(WHITE, back) ? BLACK : WHITE;
	buf_putf(out,
	         "body { --ground: #%06x; --on-ground: #%06x; --on-ground-dim: #%06x; --on-ground-link: #%06x; }\n",
	         (unsigned)back, (unsigned)front, (unsigned)front, (unsigned)front);
}
