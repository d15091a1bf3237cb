#include "cli/access/login.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/access/client_key.h"
#include "cli/common/transfer.h"
#include "core/clock.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "io/file.h"
#include "ssh/sshkey.h"

struct login {
	const struct cli *c;
	struct app *a;
	struct transfer t;
	struct key *key; /* the SSH key this login is for */
	struct sshkey sshpub;
	char cnf[44];
	int lock;
};

/* --- who signs in: one at a time
 * --------------------------------------------------------------------------------------- */

static void
on_alarm(int signo)
{
}

/* Waits for the lock at most `ms`: a person may need minutes at the provider. */
static int
lock_wait(int fd, int64_t ms)
{
	struct sigaction sa = {.sa_handler = on_alarm}, old; /* no SA_RESTART: flock returns */
	int64_t end = clock_mono_ms() + ms;
	int r;

	sigemptyset(&sa.sa_mask);
	sigaction(SIGALRM, &sa, &old);
	do {
		int64_t left = end - clock_mono_ms();
		alarm(left > 0 ? (unsigned)(left / 1000 + 1) : 1);
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR && clock_mono_ms() < end);
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	return r < 0 ? E_TIMEOUT : 0;
}

static int
lock_open(struct login *l)
{
	char path[4400];

	if (app_file(l->c, l->a, ".lock", path, sizeof path) < 0 || file_mkdirs(l->c->home, 0700) < 0)
		return cli_fail(SP_CLIENT_FILE, "cannot make the folder %s: %s", l->c->home, strerror(errno)), E_IO;
	l->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->lock < 0)
		return cli_fail(SP_CLIENT_FILE, "%s: %s", path, strerror(errno)), E_IO;
	return 0;
}

/* The lock file tells those who waited how the last login ended: its text is empty after a success. */
static void
lock_note(int fd, const char *text)
{
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, strlen(text), 0) < 0)
		return; /* they will sign in themselves */
}

static bool
lock_failed_since(int fd, int64_t since_ms, char *text, size_t n)
{
	char note[400];
	ssize_t k = pread(fd, note, sizeof note - 1, 0);
	uint64_t at;

	if (k <= 0)
		return false;
	note[k] = 0;
	char *sp = strchr(note, ' ');
	if (!sp)
		return false;
	*sp = 0;
	if (str_u64(note, INT64_MAX, &at) < 0 || (int64_t)at < since_ms)
		return false;
	return str_copy(text, n, sp + 1) == 0;
}

/* --- the link and the browser
 * --------------------------------------------------------------------------------------------- */

static bool
have_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static char *
login_url(const struct login *l)
{
	struct buf b;

	buf_init(&b, 16384);
	buf_putf(&b,
	         "https://%s/cdn-cgi/access/cli?edge_token_transfer=true&send_org_token=true&aud=%s&token=", l->a->name,
	         l->a->aud);
	url_escape(&b, l->t.pub64);
	buf_put_str(&b, "&cnf=");
	url_escape(&b, l->cnf);
	buf_put_str(&b, "&redirect_url=");
	char *back = str_fmt("https://%s/", l->a->name);
	if (back)
		url_escape(&b, back);
	free(back);
	return buf_take_str(&b);
}

/* --- the transfer
 * ----------------------------------------------------------------------------------------------------------- */

static int
refused(struct login *l, const json_t *error)
{
	const char *code = json_str_or(error, "code", "SP-1202"),
	           *text = json_str_or(error, "message", "access denied");
	char note[400];

	cli_fail(0, "%s refused by %s: %s", code, l->a->team.host, text);
	snprintf(note, sizeof note, "%lld %.8s refused by %.120s: %.200s", (long long)clock_wall_ms(), code,
	         l->a->team.host, text);
	lock_note(l->lock, note);
	return E_DENIED;
}

static int
store_tokens(struct login *l, const json_t *o, struct secret *ret_token)
{
	const char *app = json_str_or(o, "app_token", ""), *org = json_str_or(o, "org_token", "");
	char path[4400];

	if (!token_ok(slice_str(app)) || (*org && !token_ok(slice_str(org))))
		return cli_fail(SP_CLIENT_PROTOCOL, "%s sent something that is no token", l->a->team.host), E_FORMAT;
	int r =
	    client_key_store(l->c, l->a, l->key, &l->sshpub); /* key first: a token without its key would be useless */

	if (r == 0)
		r = app_token_file(l->c, l->a, path, sizeof path);
	if (r == 0)
		r = app_store(l->c, path, 0600, slice_str(app));
	if (r == 0 && *org) {
		snprintf(path, sizeof path, "%s/%s-org-token", l->c->home, l->a->team.host);
		r = app_store(l->c, path, 0600, slice_str(org));
	}
	if (r == 0)
		r = secret_set_str(ret_token, app);
	return r;
}

static int
await(struct login *l, struct secret *ret_token)
{
	json_t *o = NULL, *error;
	int r = transfer_wait(l->c, &l->t, &l->a->team, &o);

	if (r == E_TIMEOUT)
		cli_fail(
		    SP_LOGIN_TIMEOUT,
		    "nobody finished the sign-in for %s in time; run 'sallyport access login https://%s' to try again",
		    l->a->name, l->a->name);
	else if (r == 0 && json_get_object(o, "error", &error) == 0)
		r = refused(l, error);
	else if (r == 0)
		r = store_tokens(l, o, ret_token);
	json_decref(o);
	return r;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------------------------- */

static int
make_keys(struct login *l)
{
	int r = client_key_make(&l->key, &l->sshpub, l->cnf);

	if (r < 0)
		return r;
	return transfer_begin(&l->t);
}

static int
sign_in(struct login *l, const struct login_options *o, struct secret *ret_token)
{
	int r = make_keys(l);
	char *url = r == 0 ? login_url(l) : NULL;

	if (!url)
		return cli_fail(0, "out of memory"), E_NOMEM;
	transfer_show(&l->t, url, o->no_browser);
	free(url);
	r = await(l, ret_token);
	if (r == 0)
		lock_note(l->lock, "");
	return r;
}

static bool
may_ask(const struct login_options *o)
{
	const char *no = getenv("SALLYPORT_NO_LOGIN");

	return o->explicit_ || (!(no && !strcmp(no, "1")) && (have_terminal() || transfer_have_browser()));
}

static int
not_signed_in(const struct app *a)
{
	fprintf(stderr, "SP-%d not signed in to %s: run 'sallyport access login https://%s'\n", SP_NOT_SIGNED_IN,
	        a->name, a->name);
	return E_DENIED;
}

/* What is on disk, unless it is the very token that the edge refused. */
static int
stored_token(const struct cli *c, const struct app *a, const struct login_options *o, struct secret *ret_token)
{
	int r = app_token_load(c, a, ret_token);

	if (r == 0 && o->refused && secret_eq(secret_slice(ret_token), secret_slice(o->refused))) {
		secret_release(ret_token);
		app_token_drop(c, a);
		r = E_NOENT;
	}
	return r;
}

static int
locked_login(struct login *l, const struct login_options *o, struct secret *ret_token)
{
	char text[400];
	int64_t since = clock_wall_ms();
	int r = lock_open(l);

	if (r < 0)
		return r;
	if (flock(l->lock, LOCK_EX | LOCK_NB) == 0) {
		/* free: but it may have been freed this very moment, by somebody whose login we then use */
		if (stored_token(l->c, l->a, o, ret_token) == 0)
			return 0;
		return sign_in(l, o, ret_token);
	}
	fprintf(stderr, "Another sallyport is signing in to %s; waiting for it.\n", l->a->name);
	if (lock_wait(l->lock, transfer_timeout()) < 0)
		return cli_fail(SP_LOGIN_TIMEOUT, "the other sign-in to %s did not end in time", l->a->name), E_TIMEOUT;
	if (stored_token(l->c, l->a, o, ret_token) == 0)
		return 0;
	if (lock_failed_since(l->lock, since, text, sizeof text))
		return cli_fail(0, "%s", text), E_DENIED;
	return sign_in(l, o, ret_token);
}

int
login_token(const struct cli *c, struct app *a, const struct login_options *o, struct secret *ret_token)
{
	struct login l = {.c = c, .a = a, .lock = -1};
	int r;

	/* What is stored answers without any network. */
	if (app_cached(c, a) == 0 && stored_token(c, a, o, ret_token) == 0)
		return 0;
	if (!may_ask(o))
		return not_signed_in(a);
	r = app_discover(c, a);
	if (r < 0)
		return r;
	r = locked_login(&l, o, ret_token);
	if (l.lock >= 0)
		close(l.lock);
	key_free(l.key);
	sshkey_release(&l.sshpub);
	transfer_release(&l.t);
	return r;
}

/* --- once for one ssh --------------------------------------------------------------------------------------------- */

#define FAILED_NOTE_MS 60000 /* between ssh's Match exec and its ProxyCommand lie milliseconds */

/* The parent of a process, from the fourth field of its stat; 0 = not known. */
static uint64_t
parent_of(pid_t pid)
{
	char path[64], *end;
	struct buf b;
	uint64_t ppid = 0;

	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	buf_init(&b, 4096);
	char *text = file_read(path, &b) == 0 ? str_dup_n(buf_ptr(&b), buf_len(&b)) : NULL;
	if (text && (end = strrchr(text, ')')) && strlen(end) > 4) {
		end += 4; /* ") S " */
		end[strcspn(end, " ")] = 0;
		if (str_u64(end, INT32_MAX, &ppid) < 0)
			ppid = 0;
	}
	free(text);
	buf_release(&b);
	return ppid;
}

/* ssh runs `exec` through a shell, which may or may not stand between: both who may be that ssh are noted. */
void
login_failed_note(const struct cli *c, const struct app *a)
{
	char path[4400], note[96];
	int n = snprintf(note, sizeof note, "%lld %llu %lld", (long long)getppid(),
	                 (unsigned long long)parent_of(getppid()), (long long)clock_wall_ms());

	if (app_file(c, a, ".failed", path, sizeof path) == 0 && file_mkdirs(c->home, 0700) == 0 &&
	    file_write_atomic(path, 0600, note, (size_t)n) < 0)
		return; /* then it is said twice */
}

/* ssh makes its ProxyCommand replace the shell, so it is the parent itself. Anybody else, such as a script that calls
   the two halves one after the other, is told each time. */
static bool
parent_is_ssh(void)
{
	char path[64];
	struct buf b;

	snprintf(path, sizeof path, "/proc/%lld/comm", (long long)getppid());
	buf_init(&b, 256);
	bool yes = file_read(path, &b) == 0 && buf_len(&b) == 4 && !memcmp(buf_ptr(&b), "ssh\n", 4);
	buf_release(&b);
	return yes;
}

bool
login_failed_before(const struct cli *c, const struct app *a)
{
	char path[4400];
	uint64_t v[3] = {0};
	struct buf b;
	bool ours = false;

	if (!parent_is_ssh())
		return false;
	buf_init(&b, 256);
	if (app_file(c, a, ".failed", path, sizeof path) == 0 && access(path, F_OK) == 0 && file_read(path, &b) == 0) {
		char *text = str_dup_n(buf_ptr(&b), buf_len(&b)), *save = text, *word;
		size_t n = 0;
		while (text && n < 3 && (word = strsep(&save, " ")) && str_u64(word, INT64_MAX, &v[n]) == 0)
			n++;
		ours = n == 3 && ((uint64_t)getppid() == v[0] || (uint64_t)getppid() == v[1]) &&
		       clock_wall_ms() - (int64_t)v[2] < FAILED_NOTE_MS;
		free(text);
		if (ours)
			unlink(path);
	}
	buf_release(&b);
	return ours;
}
