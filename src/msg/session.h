/*
 * judge <-> session: the control channel of one SSH session that the edge itself takes part in. The session sees what
 * hosts and users send, so it is the less trusted side: judge re-checks every field, signs nothing for it but the one
 * certificate of the person whose session it is, and never shows it a token. Phases of the session: 1 = before
 * se_start, 2 = running.
 */
#ifndef MSG_SESSION_H
#define MSG_SESSION_H

#include "msg/msg.h"

/* the tool never settles on a layout for field lists */
/* clang-format off */

#define SE_TEXT_MAX 1024 /* of what a person is told */

/* judge -> session, first and once. WEB: U carries the browser terminal's WebSocket (docs/protocol/terminal.md).
   SSH: U carries a stock client's, and the session is its SSH server. */
enum session_mode { SESSION_WEB, SESSION_SSH };
enum session_audit { SESSION_AUDIT_OFF, SESSION_AUDIT_COMMANDS, SESSION_AUDIT_RECORD };
#define SE_START(F, S)                                                                             \
	F(S, STR, session, 32)        /* its id, 32 hex */                                         \
	F(S, U32, mode, 1)            /* enum session_mode */                                      \
	F(S, U32, audit, 2)           /* enum session_audit; RECORD: no recorder, no session */    \
	F(S, BOOL, record_input, 1)                                                                \
	F(S, STR, app, 253)           /* host name of the application, as the user reached it */   \
	F(S, STR, destination, 300)   /* host:port, for texts; "" = the application's own host */  \
	F(S, STR, email, 254)                                                                      \
	F(S, STR, user, 64)           /* the Unix user */                                          \
	F(S, STR, ca, 2048)           /* the application's CA as sshd is told it: one line */      \
	F(S, STR, host_key_types, 512) /* those that are pinned first, comma-separated; "" = no matter */ \
	F(S, STRS, extensions, 64)    /* what the certificate will permit: "permit-pty", ... */    \
	F(S, I64, until, INT64_MAX)   /* wall-clock seconds at which it is cut; 0 = never */       \
	F(S, I64, idle_s, 31536000)   /* without a key pressed for so long it ends; 0 = never */   \
	F(S, I64, detached_s, 86400)  /* it waits so long for a browser that was lost */           \
	F(S, STR, seal_to, 2048)      /* record: public key that recordings are sealed to, "" = none */
MSG_DECLARE(se_start, SE_START)

/* session -> judge, request, once: a certificate for the throw-away key that it has just made. */
#define SE_CERT_ASK(F, S) F(S, STR, public_key, 1024)
MSG_DECLARE(se_cert_ask, SE_CERT_ASK)
/* code 0, else an sp_code with what the person is told. */
#define SE_CERT_IS(F, S) \
	F(S, U32, code, 9999) F(S, STR, text, SE_TEXT_MAX) F(S, STR, certificate, 32768) F(S, U64, serial, UINT64_MAX)
MSG_DECLARE(se_cert_is, SE_CERT_IS)

/* session -> judge, request: the host key that the key exchange proved, one line "ssh-ed25519 AAAA...". */
#define SE_HOST_KEY(F, S) F(S, STR, key, 16384)
MSG_DECLARE(se_host_key, SE_HOST_KEY)
#define SE_VERDICT(F, S) F(S, U32, code, 9999) F(S, STR, text, SE_TEXT_MAX)
MSG_DECLARE(se_verdict, SE_VERDICT) /* code 0 = go on */

/* session -> judge: something that the audit log shall know. kind: see model/event.h of the audited kinds; detail: JSON
   object, values are re-encoded by judge. */
#define SE_EVENT(F, S) F(S, STR, kind, 64) F(S, STR, detail, 65536)
MSG_DECLARE(se_event, SE_EVENT)
/* session -> judge, request: the same, answered by se_noted once the record is on disk. */
MSG_DECLARE(se_event_sync, SE_EVENT)
#define SE_NOTED(F, S) F(S, U32, code, 9999)
MSG_DECLARE(se_noted, SE_NOTED)
/* session -> judge: digest of a chunk of the recording (hex), to be chained into the audit log. */
#define SE_DIGEST(F, S) F(S, U64, chunk, UINT64_MAX) F(S, STR, sha256, 64) F(S, U64, bytes, UINT64_MAX)
MSG_DECLARE(se_digest, SE_DIGEST)

/* session -> judge: where it stands. BEGUN: the host let it in. DETACHED: the browser is gone, it waits. */
enum session_state_at { SESSION_BEGUN, SESSION_ATTACHED, SESSION_DETACHED };
#define SE_STATE(F, S) F(S, U32, state, 2) F(S, U64, bytes_in, UINT64_MAX) F(S, U64, bytes_out, UINT64_MAX)
MSG_DECLARE(se_state, SE_STATE)
/* session -> judge, last words. bytes_in: typed; bytes_out: shown. */
#define SE_ENDED(F, S)                                                                            \
	F(S, U32, code, 9999) /* 0 = in order */                                                  \
	F(S, STR, why, SE_TEXT_MAX)                                                               \
	F(S, BOOL, exited, 1) F(S, U32, status, UINT32_MAX) /* of the shell, when exited */       \
	F(S, U64, bytes_in, UINT64_MAX) F(S, U64, bytes_out, UINT64_MAX)
MSG_DECLARE(se_ended, SE_ENDED)

/* judge -> session */
#define SE_END(F, S) F(S, U32, code, 9999) F(S, STR, text, SE_TEXT_MAX)
MSG_DECLARE(se_end, SE_END)       /* say so to the person, then end */
MSG_DECLARE(se_notice, SE_END)    /* say so, go on; code 0 */
#define SE_LIMITS(F, S) F(S, I64, until, INT64_MAX)
MSG_DECLARE(se_limits, SE_LIMITS) /* the sign-in was prolonged or cut short */
/* clang-format on */

#endif
