#include "edge/session/host_int.h"

#include <libssh/server.h> /* ssh_send_keepalive */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"

#define STEPS_MAX 64 /* reads of libssh (4 KiB each) in one turn: the user's side must not starve */
#define CIPHERS "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
#define HOST_KEYS_DEFAULT \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"

static void host_drive(void *arg);

/* Nothing of it is used any more but its memory; told: ended() was or will be called by whoever calls this. */
static void
stop(struct host *h)
{
	watch_stop(&h->watch);
	timer_stop(&h->timer);
	timer_stop(&h->alive);
	defer_cancel(&h->kick);
	sws_free(h->ws);
	h->ws = NULL;
	if (h->pump) {
		conn_set_ops(h->pump, NULL, NULL);
		conn_close(h->pump);
		h->pump = NULL;
	}
}

static void
host_end(struct host *h, int code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (h->state == HOST_OVER)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 && *p != '\n')
			*p = '?';
	h->state = HOST_OVER;
	stop(h);
	chans_lost(h, text, true);
	h->ops->ended(h, code, text, h->arg);
}

/* --- the pump: H's WebSocket <-> libssh's socket ------------------------------------------------------------------ */

static void
hold_either(struct host *h)
{
	if (!h->ws || !h->pump)
		return;
	sws_hold(h->ws, conn_queued(h->pump) > CONN_MARK);
	if (sws_queued(h->ws) > CONN_MARK)
		conn_pause(h->pump);
	else if (h->state != HOST_DIALLING)
		conn_resume(h->pump);
}

static void
on_ws_open(struct sws *w, void *arg)
{
	struct host *h = arg;

	h->state = HOST_CONNECTING;
	conn_resume(h->pump);
	host_kick(h);
}

static void
on_ws_part(struct sws *w, const struct sws_part *d, void *arg)
{
	struct host *h = arg;

	h->heard = loop_now(h->loop);
	if (d->n && conn_write(h->pump, d->p, d->n) < 0)
		host_end(h, SP_HOST_LOST, "The host sent more than could be taken.");
	else
		hold_either(h);
}

static void
on_ws_drained(struct sws *w, void *arg)
{
	hold_either(arg);
}

static void
on_ws_closed(struct sws *w, enum sws_why why, unsigned code, const char *text, void *arg)
{
	struct host *h = arg;

	h->ws = NULL;
	sws_free(w);
	if (why == SWS_REFUSED) {
		host_end(h, SP_HOST_LOST, "The host %s cannot be reached through its tunnel: %s", h->where,
		         *text ? text : "no answer");
		return;
	}
	if (h->state < HOST_READY) {
		host_end(h, SP_HOST_LOST, "The host %s closed the connection before anybody was let in.", h->where);
		return;
	}
	if (h->pump)
		conn_shutdown(h->pump); /* libssh reads what there is, then sees the end */
	host_kick(h);
}

static const struct sws_ops ws_ops = {
    .open = on_ws_open, .part = on_ws_part, .drained = on_ws_drained, .closed = on_ws_closed};

static void
on_pump_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct host *h = arg;

	if (h->ws && sws_send(h->ws, WS_BINARY, d, n) < 0)
		host_end(h, SP_HOST_LOST, "The host does not take what is sent.");
	else
		hold_either(h);
}

static void
on_pump_drained(struct conn *c, void *arg)
{
	hold_either(arg);
}

static void
on_pump_closed(struct conn *c, enum conn_why why, void *arg)
{
	((struct host *)arg)->pump = NULL;
}

static const struct conn_ops pump_ops = {.data = on_pump_data, .drained = on_pump_drained, .closed = on_pump_closed};

int
host_pump(int ret_pump[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_pump) < 0 ? E_IO : 0;
}

/* --- who is there ------------------------------------------------------------------------------------------------- */

const char *
host_banner(const struct host *h)
{
	const char *b = h->ssh ? ssh_get_serverbanner(h->ssh) : NULL;

	return b ? b : "";
}

static void
ask_host_key(struct host *h)
{
	ssh_key k = NULL;
	char *b64 = NULL, line[16385];
	int n = -1;

	h->state = HOST_ASKING;
	timer_stop(&h->timer); /* judge has deadlines of its own */
	if (ssh_get_server_publickey(h->ssh, &k) == SSH_OK && ssh_pki_export_pubkey_base64(k, &b64) == SSH_OK) {
		const char *type =
		    ssh_key_type(k) == SSH_KEYTYPE_RSA ? "ssh-rsa" : ssh_key_type_to_char(ssh_key_type(k));
		n = snprintf(line, sizeof line, "%s %s", type ? type : "", b64);
	}
	ssh_key_free(k);
	ssh_string_free_char(b64);
	if (n > 0 && (size_t)n < sizeof line)
		h->ops->host_key(h, line, h->arg);
	else
		host_end(h, SP_HOST_KEY, "The key of host %s cannot be read.", h->where);
}

static void
go_on(struct host *h)
{
	if (h->state != HOST_ASKING || !h->key_good || !h->certified)
		return;
	h->state = HOST_AUTH;
	host_kick(h);
}

void
host_key_good(struct host *h)
{
	h->key_good = true;
	go_on(h);
}

void
host_certificate(struct host *h, const char *line)
{
	const char *space = strchr(line, ' ');
	char type[64] = "", *blob = NULL;
	ssh_key cert = NULL;
	int e = E_FORMAT;

	if (space && str_copy_n(type, sizeof type, line, (size_t)(space - line)) == 0)
		blob = str_dup_n(space + 1, strcspn(space + 1, " \r\n"));
	if (blob && ssh_pki_import_cert_base64(blob, ssh_key_type_from_name(type), &cert) == SSH_OK &&
	    ssh_pki_copy_cert_to_privkey(cert, h->key) == SSH_OK)
		e = 0;
	ssh_key_free(cert);
	free(blob);
	if (e < 0) {
		host_end(h, SP_INTERNAL, "The edge's certificate for this session cannot be used.");
		return;
	}
	h->certified = true;
	go_on(h);
}

/* --- being let in ------------------------------------------------------------------------------------------------- */

/* Servers that are known to have no certificates at all. */
static const char *
without_certificates(const char *banner)
{
	static const char *const names[] = {"dropbear", "tinyssh", "lancom", "cisco", "mikrotik", "rosssh"};
	static char low[128];
	size_t i = 0;

	for (; banner[i] && i + 1 < sizeof low; i++)
		low[i] = banner[i] >= 'A' && banner[i] <= 'Z' ? (char)(banner[i] + 32) : banner[i];
	low[i] = '\0';
	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		if (strstr(low, names[k]))
			return names[k];
	return NULL;
}

static void
not_let_in(struct host *h)
{
	const char *what = without_certificates(host_banner(h)), *why = ssh_get_error(h->ssh);

	log_info("host_refused", "user", h->user, "banner", host_banner(h), "why", why ? why : "", NULL);
	if (what || (why && strstr(why, "not allowed to be used"))) {
		host_end(h, SP_HOST_NO_CERTS,
		         "The SSH server of %s (%.60s) knows no certificates, so nobody can be let in by one. Install "
		         "OpenSSH (apt install openssh-server) there.",
		         h->where, host_banner(h));
		return;
	}
	host_end(h, SP_HOST_REFUSED,
	         "The SSH server of %s did not let user %s in. If it was not told about this application yet, its "
	         "administrator runs there:\n"
	         "echo '%.600s' >> /etc/ssh/sallyport_ca.pub\n"
	         "echo 'TrustedUserCAKeys /etc/ssh/sallyport_ca.pub' >> /etc/ssh/sshd_config\n"
	         "systemctl reload ssh\n"
	         "Otherwise user %s does not exist there, or sshd_config bars it.",
	         h->where, h->user, h->ca, h->user);
}

static void
on_alive(void *arg)
{
	struct host *h = arg;

	if (loop_now(h->loop) - h->heard > 3 * HOST_ALIVE_MS) {
		host_end(h, SP_HOST_LOST, "The host %s does not answer any more.", h->where);
		return;
	}
	ssh_send_keepalive(h->ssh);
	host_kick(h);
}

static void
on_deadline(void *arg)
{
	struct host *h = arg;

	host_end(h, SP_HOST_LOST,
	         h->state == HOST_AUTH ? "The SSH server of %s did not answer in time whether user %s may come in."
	                               : "The host %s did not answer in time.",
	         h->where, h->user);
}

static void
step_auth(struct host *h)
{
	if (!timer_active(&h->timer) && timer_start(h->loop, &h->timer, HOST_AUTH_MS, on_deadline, h) < 0) {
		host_end(h, SP_INTERNAL, "no timer");
		return;
	}
	switch (ssh_userauth_publickey(h->ssh, NULL, h->key)) {
	case SSH_AUTH_SUCCESS:
		timer_stop(&h->timer);
		h->state = HOST_READY;
		ssh_event_add_session(h->event, h->ssh);
		timer_repeat(h->loop, &h->alive, HOST_ALIVE_MS, on_alive, h);
		h->ops->ready(h, h->arg);
		return;
	case SSH_AUTH_AGAIN:
		return;
	case SSH_AUTH_PARTIAL:
		host_end(h, SP_HOST_REFUSED,
		         "The SSH server of %s wants more than a certificate (AuthenticationMethods in its "
		         "sshd_config); a session of the edge has nothing else to show.",
		         h->where);
		return;
	default:
		not_let_in(h);
	}
}

static void
step_connect(struct host *h)
{
	switch (ssh_connect(h->ssh)) {
	case SSH_OK:
		ask_host_key(h);
		return;
	case SSH_AGAIN:
		return;
	default:
		host_end(h, SP_HOST_LOST, "What answers at %s is no SSH server that can be talked to: %s.", h->where,
		         ssh_get_error(h->ssh));
	}
}

/* Reads and writes what there is; false: the connection is over. */
static bool
step_wire(struct host *h)
{
	struct loop_watch *w = &h->watch;

	for (int i = 0; i < STEPS_MAX; i++) {
		int r = ssh_event_dopoll(h->event, 0);
		if (r == SSH_ERROR)
			return false;
		if (r == SSH_AGAIN)
			break;
	}
	(void)w;
	return ssh_is_connected(h->ssh);
}

static void
step_ready(struct host *h)
{
	bool alive = step_wire(h);

	chans_drive(h);
	if (alive || h->state != HOST_READY)
		return;
	const char *bye = ssh_get_disconnect_message(h->ssh);
	host_end(h, SP_HOST_LOST, "The connection to %s ended%s%.200s.", h->where, bye && *bye ? ": " : "",
	         bye ? bye : "");
}

static void
on_readable(int fd, int events, void *arg)
{
	host_drive(arg);
}

static void
host_drive(void *arg)
{
	struct host *h = arg;

	if (h->driving || h->freed)
		return;
	h->driving = true;
	if (h->state == HOST_CONNECTING)
		step_connect(h);
	if (h->state == HOST_AUTH)
		step_auth(h);
	if (h->state == HOST_READY)
		step_ready(h);
	h->driving = false;
	if (h->freed) {
		h->freed = false;
		host_free(h);
		return;
	}
	if (h->state != HOST_OVER && h->state != HOST_DIALLING)
		watch_events(&h->watch, h->state == HOST_ASKING                          ? 0
		                        : ssh_get_poll_flags(h->ssh) & SSH_WRITE_PENDING ? LOOP_READ | LOOP_WRITE
		                                                                         : LOOP_READ);
}

void
host_kick(struct host *h)
{
	if (h->state != HOST_OVER && !h->freed)
		defer_arm(h->loop, &h->kick, host_drive, h);
}

bool
host_ready(const struct host *h)
{
	return h && h->state == HOST_READY;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static int
make_key(struct host *h)
{
	char *b64 = NULL, line[1024];
	int n = -1;

	if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &h->key) == SSH_OK &&
	    ssh_pki_export_pubkey_base64(h->key, &b64) == SSH_OK)
		n = snprintf(line, sizeof line, "ssh-ed25519 %s", b64);
	ssh_string_free_char(b64);
	if (n < 0 || (size_t)n >= sizeof line)
		return E_CRYPTO;
	h->ops->key_made(h, line, h->arg);
	return 0;
}

static int
make_session(struct host *h, int fd)
{
	int off = 0;
	char host_keys[1024];
	const struct {
		enum ssh_options_e o;
		const void *v;
	} opt[] = {{SSH_OPTIONS_PROCESS_CONFIG, &(bool){false}},
	           {SSH_OPTIONS_SSH_DIR, "/"},
	           {SSH_OPTIONS_HOST, "host"},
	           {SSH_OPTIONS_KNOWNHOSTS, "/dev/null"},
	           {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"},
	           {SSH_OPTIONS_USER, h->user},
	           {SSH_OPTIONS_CIPHERS_C_S, CIPHERS},
	           {SSH_OPTIONS_CIPHERS_S_C, CIPHERS},
	           {SSH_OPTIONS_HOSTKEYS, host_keys},
	           {SSH_OPTIONS_GSSAPI_AUTH, &off},
	           {SSH_OPTIONS_FD, &fd}};

	/* First those that are pinned; after them any, so that a host whose key changed its kind is told so. */
	snprintf(host_keys, sizeof host_keys, "%s%s" HOST_KEYS_DEFAULT, h->host_key_types,
	         *h->host_key_types ? "," : "");
	if (!(h->ssh = ssh_new()) || !(h->event = ssh_event_new()))
		return E_NOMEM;
	for (size_t i = 0; i < sizeof opt / sizeof *opt; i++)
		if (ssh_options_set(h->ssh, opt[i].o, opt[i].v) < 0) {
			log_error("libssh_option", "option", log_num(opt[i].o), "why", ssh_get_error(h->ssh), NULL);
			return E_STATE;
		}
	ssh_set_blocking(h->ssh, 0);
	return 0;
}

int
host_new(const struct host_conf *c, const struct host_ops *ops, void *arg, struct host **ret_h)
{
	struct host *h = calloc(1, sizeof *h);
	int e = E_NOMEM, fd = c->fd, far = c->pump[0], near = c->pump[1];

	if (!h)
		goto fail;
	h->loop = c->loop;
	h->ops = ops;
	h->arg = arg;
	h->heard = loop_now(c->loop);
	list_init(&h->chans);
	h->user = str_dup(c->user);
	h->ca = str_dup(c->ca);
	h->where = str_dup(c->where);
	h->host_key_types = str_dup(c->host_key_types ? c->host_key_types : "");
	if (!h->user || !h->ca || !h->where || !h->host_key_types)
		goto fail;
	if ((e = make_session(h, far)) < 0)
		goto fail;
	if ((e = conn_new_fd(h->loop, near, near, &pump_ops, h, &h->pump)) < 0)
		goto fail;
	near = -1;
	conn_pause(h->pump);
	if ((e = sws_new(h->loop, fd, WS_CLIENT, &ws_ops, h, &h->ws)) < 0) {
		fd = -1;
		goto fail;
	}
	fd = -1;
	if ((e = watch_start(h->loop, &h->watch, far, 0, on_readable, h)) < 0 ||
	    (e = timer_start(h->loop, &h->timer, HOST_CONNECT_MS, on_deadline, h)) < 0 || (e = make_key(h)) < 0)
		goto fail;
	*ret_h = h;
	return 0;
fail:
	if (fd >= 0)
		close(fd);
	if (near >= 0)
		close(near);
	if (h && !h->ssh)
		close(far);
	host_free(h);
	return e;
}

void
host_free(struct host *h)
{
	if (!h || h->freed)
		return;
	stop(h);
	h->state = HOST_OVER;
	if (h->driving) { /* the driver frees it */
		h->freed = true;
		return;
	}
	chans_lost(h, "", false);
	if (h->event)
		ssh_event_free(h->event);
	if (h->ssh)
		ssh_free(h->ssh); /* closes libssh's end */
	ssh_key_free(h->key);
	free(h->user);
	free(h->ca);
	free(h->where);
	free(h->host_key_types);
	free(h);
}
