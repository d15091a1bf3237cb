/*
 * tunnel_config: what a tunnel's connectors are told: the configuration of snapshot_tunnel_config, the signer's seal on
 * it, and the announcements of token keys (identity/keychain.h, docs/protocol/keys.md). Stock connectors read the first
 * and pass over the others; ours takes only what is sealed.
 *
 * A seal is kept with the live tunnel until configuration or keys change. A connector that registers meanwhile waits
 * for the signer's answer; without one it gets the configuration unsealed. May block: no.
 */
#ifndef JUDGE_TUNNEL_CONFIG_H
#define JUDGE_TUNNEL_CONFIG_H

#include "edge/judge/tunnel_link.h"

/* text: {"version", "config", "sallyport"}; NULL: there is nothing to push. Called at once or later, once; the tunnel
   may be gone then (text NULL). ours: the connector is of our kind, which wants keys even where it has a configuration
   of its own. */
typedef void tunnel_config_fn(const char *text, uint32_t version, bool remote, void *arg);
void tunnel_config_text(struct judge *j, const char *tunnel, bool ours, tunnel_config_fn *fn, void *arg);
/* To every live link of the tunnel. */
void tunnel_config_push(struct judge *j, const char *tunnel);
void tunnels_keys_changed(struct judge *j); /* the signer's keys are others: seals anew, everybody is told */
bool tunnel_link_ours(const char *version); /* of a registration: does our own program speak? */

#endif
