/* Responses, cut in two at a place that the first byte names: both cuts must tell the same story. */
#include "fuzz.h"
#include "wire/http1.h"

#define ROLE HTTP1_CLIENT
#include "http1_play.h"
