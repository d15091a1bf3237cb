/*
 * policy_try: verdicts about people who are not here: tests of the apply file, and who gains and who loses by a change.
 *
 * Asks the same evaluator as every door. May block: no; bounded by TRY_VERDICTS_MAX.
 */
#ifndef JUDGE_POLICY_TRY_H
#define JUDGE_POLICY_TRY_H

#include "edge/judge/change.h"

#define TRY_VERDICTS_MAX 200000 /* of one dry run: about a quarter of a second in which nobody else is served */
#define TRY_ROWS_MAX 500        /* gains and losses that are listed */

/* Replaces the stored tests by the document's list (scalars are texts). err's pointer begins with /tests/N. */
int tests_replace(struct change *c, const json_t *list);
/* All tests of s against s; before: but those that did not hold there either, NULL = none. E_FORMAT: the first that
   does not hold, pointer /tests/N. */
int tests_hold(const struct snapshot *s, const struct snapshot *before, struct model_error *err);
/* {"rows": [{email, app, name, change: "gains"|"loses"}], "left_out": N, "untried": N}: known users, that is who signed
   in once and the accounts of local providers, each with the groups of then and the address of the last live session.
   New reference. */
json_t *gains_and_losses(const struct judge *j, const struct snapshot *was, const struct snapshot *now);

#endif
