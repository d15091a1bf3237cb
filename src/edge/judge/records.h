/* records: the headers of records, policy and store, which nearly every file of the judge needs. */
#ifndef JUDGE_RECORDS_H
#define JUDGE_RECORDS_H

#include "model/access_list.h"
#include "model/access_request.h"
#include "model/app.h"
#include "model/client_ca.h"
#include "model/event.h"
#include "model/group.h"
#include "model/host_key.h"
#include "model/idp.h"
#include "model/organization.h"
#include "model/person.h"
#include "model/policy_test.h"
#include "model/route.h"
#include "model/service_token.h"
#include "model/session.h"
#include "model/tunnel.h"
#include "audit/audit_file.h"
#include "policy/compile.h"
#include "policy/eval.h"
#include "policy/explain.h"
#include "policy/warn.h"
#include "store/store.h"

#endif
