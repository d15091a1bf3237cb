/*
 * parent -> `sallyport-signer --init`: makes a new keystore. Runs once, from `sallyportd init`; phases as in
 * parent_role.h: pr_start and pr_file("store", "journal", "node-key") come first, then si_init instead of pr_go, then
 * the process exits.
 */
#ifndef MSG_SIGNER_INIT_H
#define MSG_SIGNER_INIT_H

#include "msg/msg.h"

#define SI_INIT(F, S) F(S, STR, admin_email, 254) F(S, STR, local_idp, 36) F(S, I64, setup_ttl, 604800)
MSG_DECLARE(si_init, SI_INIT)
/* code 0 = done. The texts are written to 0600 files by the caller and wiped. */
#define SI_INITED(F, S)                  \
	F(S, U32, code, 9999)            \
	F(S, STR, why, 256)              \
	F(S, SECRET, admin_token, 16384) \
	F(S, SECRET, cert_token, 16384) F(S, SECRET, setup_code, 128) F(S, STR, tls_ca, 16384)
MSG_DECLARE(si_inited, SI_INITED)

#endif
