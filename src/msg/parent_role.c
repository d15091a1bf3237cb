#include "msg/parent_role.h"

MSG_DEFINE(pr_start, 0x0101, PR_START)
MSG_DEFINE(pr_listener, 0x0102, PR_LISTENER)
MSG_DEFINE(pr_file, 0x0103, PR_FILE)
MSG_DEFINE(pr_peer, 0x0104, PR_PEER)
MSG_DEFINE(pr_go, 0x0105, PR_EMPTY)
MSG_DEFINE(pr_ready, 0x0106, PR_EMPTY)
MSG_DEFINE(pr_reload, 0x0107, PR_EMPTY)
MSG_DEFINE(pr_drain, 0x0108, PR_EMPTY)
MSG_DEFINE(pr_ping, 0x0109, PR_EMPTY)
MSG_DEFINE(pr_pong, 0x010a, PR_EMPTY)
MSG_DEFINE(pr_role_state, 0x010b, PR_ROLE_STATE)
MSG_DEFINE(pr_fatal, 0x010c, PR_FATAL)
MSG_DEFINE(pr_session_start, 0x0110, PR_SESSION_START)
MSG_DEFINE(pr_session_started, 0x0111, PR_SESSION_STARTED)
MSG_DEFINE(pr_session_attach, 0x0112, PR_SESSION_ATTACH)
MSG_DEFINE(pr_session_kill, 0x0113, PR_SESSION_ID)
MSG_DEFINE(pr_session_channel, 0x0114, PR_SESSION_ID)
MSG_DEFINE(pr_session_ended, 0x0115, PR_SESSION_ENDED)
MSG_DEFINE(pr_session_pair, 0x0116, PR_SESSION_PAIR)

const char *
role_name(enum role r)
{
	static const char *const names[ROLE_N] = {"parent", "front", "judge", "fetch", "signer", "session"};
	return (unsigned)r < ROLE_N ? names[r] : "?";
}
