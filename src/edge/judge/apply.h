/* apply: a whole document at once: validated, compared with what stands, committed in one transaction, or only shown.
 */
#ifndef JUDGE_APPLY_H
#define JUDGE_APPLY_H

#include "core/json.h"
#include "edge/judge/records.h"

/* The document's shape: known sections that are lists of objects. err's pointer is into the document. Engine, for
 * tests. */
int apply_shape(const json_t *doc, struct model_error *err);
/* What stands (old), overlaid with those members that the document names (given), as they were read (fresh). New
 * reference. */
json_t *apply_merge(const json_t *old, const json_t *fresh, const json_t *given);
/* Names of members in which two stored forms differ, without the edge's own (id, aud, times). New reference: array. */
json_t *apply_diff(const json_t *old, const json_t *now);

#endif
