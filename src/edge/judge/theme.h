/*
 * theme: what an organisation may change about the pages: colours and pictures, each made harmless. Engine. May block:
 * no.
 *
 * Colours are #rgb or #rrggbb and reach a style sheet only as numbers that were read. They are for the ground behind
 * the card, where brand and footer stand; text that could not be read on it (WCAG AA, 4.5:1) is replaced by black or
 * white.
 */
#ifndef JUDGE_THEME_H
#define JUDGE_THEME_H

#include "core/buf.h"

int theme_colour(const char *s, uint32_t *ret_rgb); /* E_FORMAT */
double theme_contrast(uint32_t a, uint32_t b);      /* 1 to 21 */
/* Rules to follow the style sheet; nothing when neither is a colour. NULL = not set. */
void theme_css(struct buf *out, const char *background, const char *text);
#endif
