#include "edge/signer/signer.h"
#include "msg/fetch.h"

#include "core/log.h"

#define ROW(m)                                   \
	{                                        \
		&m##_def, 1, IPC_REQUEST, on_##m \
	}

static const struct ipc_row judge_rows[] = {
    ROW(js_ping),           ROW(js_jwks),
    ROW(js_login_local),    ROW(js_login_oidc),
    ROW(js_app_token),      ROW(js_ca_create),
    ROW(js_ca_get),         ROW(js_ca_delete),
    ROW(js_cert_sign),      ROW(js_principals),
    ROW(js_principal_bind), ROW(js_principal_release),
    ROW(js_provider_put),   ROW(js_provider_delete),
    ROW(js_account_put),    ROW(js_account_delete),
    ROW(js_setup_begin),    ROW(js_setup_finish),
    ROW(js_api_mint),       ROW(js_leaf),
    ROW(js_login_facts),    ROW(js_keys_get),
    ROW(js_keys_put),       ROW(js_keys_rotate),
    ROW(js_service_put),    ROW(js_service_delete),
    ROW(js_service_token),  ROW(js_evaluate),
    ROW(js_pin_begin),      ROW(js_pin_check),
    ROW(js_recheck),        ROW(js_logout_oidc),
    ROW(js_api_tokens),     ROW(js_api_revoke),
    ROW(js_tunnel_token),   ROW(js_config_seal),
};
static const struct ipc_row fetch_rows[] = {ROW(sf_jwks), ROW(sf_facts)};

static void
on_judge_closed(struct ipc *c, const char *why, void *arg)
{
	struct signer *s = arg;

	log_warn("judge_gone", "why", why, NULL);
	if (s->judge != c)
		return;
	s->judge = NULL;
	s->judge_gen++;
	signer_held_drop(s);
}

static void
on_fetch_closed(struct ipc *c, const char *why, void *arg)
{
	struct signer *s = arg;

	log_warn("fetch_gone", "why", why, NULL);
	if (s->fetch == c)
		s->fetch = NULL;
}

const struct ipc_ops signer_judge_ops = {judge_rows, sizeof judge_rows / sizeof *judge_rows, on_judge_closed};
const struct ipc_ops signer_fetch_ops = {fetch_rows, sizeof fetch_rows / sizeof *fetch_rows, on_fetch_closed};
