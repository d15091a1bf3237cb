/* A connector's bytes against the edge's end of a tunnel link. */
#include "fuzz.h"
#include "wire/h2link.h"

#define ROLE H2_EDGE
#include "h2link_play.h"
