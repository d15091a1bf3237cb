/* hash: a password as the apply file's password_hash. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/admin/admin.h"
#include "core/secret.h"
#include "crypto/password.h"
#include "io/file.h"

/* One line from fd into out (a secret buf of PASSWORD_MAX), without its end. */
static int
read_line(int fd, struct buf *out)
{
	char ch = 0;
	ssize_t n;

	while ((n = read(fd, &ch, 1)) == 1 && ch != '\n') {
		int r = buf_put(out, &ch, 1);
		if (r < 0)
			return r;
	}
	mem_wipe(&ch, 1);
	return n < 0 ? E_IO : 0;
}

static int
ask(int tty, const char *prompt, struct buf *out)
{
	struct termios old, quiet;

	if (tcgetattr(tty, &old) < 0 || fd_write_all(tty, prompt, strlen(prompt)) < 0)
		return E_IO;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
		return E_IO;
	int r = read_line(tty, out);
	tcsetattr(tty, TCSAFLUSH, &old);
	fd_write_all(tty, "\n", 1);
	return r;
}

static int
ask_twice(struct buf *first)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), r = tty < 0 ? E_IO : 0;
	struct buf second;

	buf_init_secret(&second, PASSWORD_MAX);
	if (r == 0)
		r = ask(tty, "Password: ", first);
	if (r == 0)
		r = ask(tty, "Again: ", &second);
	if (r == 0 && !secret_eq(buf_slice(first), buf_slice(&second))) {
		cli_fail(0, "the two differ");
		r = E_DENIED;
	}
	buf_release(&second);
	if (tty >= 0)
		close(tty);
	return r;
}

int
admin_hash(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	char hash[PASSWORD_HASH_MAX];
	struct buf password;

	if (pos->n)
		return admin_usage("hash    (reads the password from the terminal, or one line of standard input)");
	buf_init_secret(&password, PASSWORD_MAX);
	int r = isatty(STDIN_FILENO) ? ask_twice(&password) : read_line(STDIN_FILENO, &password);
	if (r == 0 && !buf_len(&password)) {
		cli_fail(0, "found no password");
		r = E_DENIED;
	}
	if (r == 0)
		r = password_hash(buf_slice(&password), hash);
	if (r == 0)
		puts(hash);
	else if (r != E_DENIED)
		cli_fail(0, "cannot hash it: %s",
		         r == E_IO      ? strerror(errno)
		         : r == E_LIMIT ? "a password has at most 1024 bytes"
		                        : err_str(r));
	buf_release(&password);
	return r == 0 ? 0 : 1;
}
