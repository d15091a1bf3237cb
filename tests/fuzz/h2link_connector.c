/* An edge's bytes, after the preface, against the connector's end of a tunnel link. */
#include "fuzz.h"
#include "wire/h2link.h"

#define ROLE H2_CONNECTOR
#include "h2link_play.h"
