/* records: the records' headers beside the messages' (both call their list of texts "strs": here the records' is
 * model_strs). */
#ifndef JUDGE_RECORDS_H
#define JUDGE_RECORDS_H

#include "msg/msg.h"

#define strs model_strs
#include "model/app.h"
#include "model/event.h"
#include "model/group.h"
#include "model/idp.h"
#include "model/person.h"
#include "model/route.h"
#include "model/session.h"
#include "model/tunnel.h"
#include "audit/audit_file.h"
#include "policy/compile.h"
#include "policy/eval.h"
#include "policy/explain.h"
#include "store/store.h"
#undef strs

#endif
