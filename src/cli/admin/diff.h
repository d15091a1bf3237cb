/*
 * diff: the answer of apply as lines for people: "+ app ssh", "~ policy staff: include", "- group old". Pure.
 */
#ifndef CLI_ADMIN_DIFF_H
#define CLI_ADMIN_DIFF_H

#include "core/buf.h"
#include "core/json.h"

/* One change {"kind", "name", "action": create|update|delete, "fields": list of names, or object by name}; with line
   end. Control characters become '?'. E_FORMAT when it is not an object. */
int diff_line(const json_t *change, struct buf *out);
/* All of them; "nothing to change" when there are none. */
int diff_text(const json_t *changes, struct buf *out);

#endif
