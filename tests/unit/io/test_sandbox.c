/* sandbox: a child enters a role and tries something; the kernel's verdict is what counts. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <netdb.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/conn.h"
#include "io/sandbox.h"

#define KILLED 1000

/* Exit code of the child, or KILLED for SIGSYS. */
static int
try_as(enum sandbox_role role, int (*what)(void *arg), void *arg)
{
	pid_t p = fork();
	int st;

	if (p == 0) {
		struct sandbox_limits lim = {.nofile = 100};

		if (sandbox_enter(role, &lim) < 0)
			_exit(99);
		_exit(what(arg));
	}
	assert_int_equal(waitpid(p, &st, 0), p);
	if (WIFSIGNALED(st) && WTERMSIG(st) == SIGSYS)
		return KILLED;
	assert_true(WIFEXITED(st));
	return WEXITSTATUS(st);
}

static int
do_open(void *arg)
{
	return open(arg ? arg : "/etc/hostname", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 13 : 0;
}

static int
do_create(void *arg)
{
	int fd = open(arg, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 || pwrite(fd, "x", 1, 0) != 1 || fdatasync(fd) < 0 || unlink(arg) < 0;
}

static int
do_socket(void *arg)
{
	(void)arg;
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 && errno == EACCES ? 13 : 0;
}

static int
do_listen(void *arg)
{
	return listen(*(int *)arg, 1) < 0;
}

static int
do_exec(void *arg)
{
	char name[] = "true", *argv[] = {name, NULL};

	(void)arg;
	execv("/bin/true", argv);
	return 1;
}

static int
do_fork(void *arg)
{
	pid_t p;

	(void)arg;
	p = fork();
	if (p == 0)
		_exit(0);
	return p < 0;
}

static int
do_ptrace(void *arg)
{
	(void)arg;
	return kill(getppid(), 0) < 0;
}

static int
do_exec_memory(void *arg)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	return p == MAP_FAILED;
}

static void
on_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	(void)arg;
	conn_write(c, d, n);
	conn_shutdown(c);
}

static void
on_closed(struct conn *c, enum conn_why why, void *arg)
{
	(void)why;
	loop_stop(conn_loop(c));
	*(int *)arg += 1;
}

static void
on_tick(void *arg)
{
	(void)arg;
}

/* What every role does all day: a loop, timers, connections over descriptors it has, memory. */
static int
do_work(void *arg)
{
	static const struct conn_ops ops = {.data = on_data, .closed = on_closed};
	struct loop *l;
	struct loop_timer t = {0};
	struct conn *c;
	int *fd = arg, n = 0;
	char *big = malloc(40 << 20), got[4];

	if (!big || loop_new(&l) < 0)
		return 2;
	memset(big, 1, 40 << 20);
	free(big);
	if (write(fd[1], "ping", 4) != 4 || shutdown(fd[1], SHUT_WR) < 0)
		return 3;
	if (conn_new_fd(l, fd[0], fd[0], &ops, &n, &c) < 0)
		return 4;
	timer_repeat(l, &t, 1, on_tick, NULL);
	loop_run(l);
	timer_stop(&t);
	loop_free(l);
	return n == 1 && read(fd[1], got, 4) == 4 && memcmp(got, "ping", 4) == 0 ? 0 : 5;
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
do_thread_and_lookup(void *arg)
{
	struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM}, *list = NULL;
	pthread_t th;

	(void)arg;
	if (pthread_create(&th, NULL, nothing, NULL) != 0 || pthread_join(th, NULL) != 0)
		return 1;
	if (getaddrinfo("localhost", "80", &hints, &list) == 0)
		freeaddrinfo(list);
	return 0;
}

static int
do_stream(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)arg;
	to.sin_port = htons(1);
	return s < 0 ||
	       (connect(s, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS && errno != ECONNREFUSED);
}

static int
do_datagram(void *arg)
{
	(void)arg;
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0;
}

static int
do_raw_netlink(void *arg)
{
	(void)arg;
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0;
}

/* 0 both ports as they should be; 77 the kernel cannot tell */
static int
do_ports(void *arg)
{
	const uint16_t *port = arg;
	bool enforced;

	if (sandbox_landlock_tcp(port, 1, &enforced) < 0)
		return 1;
	if (!enforced)
		return 77;
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in to = {
		    .sin_family = AF_INET, .sin_port = htons(port[i]), .sin_addr = {htonl(INADDR_LOOPBACK)}};
		int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int r = connect(s, (struct sockaddr *)&to, sizeof to);
		if (i == 0 ? r < 0 : r == 0 || errno != EACCES)
			return 2 + i;
		close(s);
	}
	return 0;
}

static int
do_store(void *arg)
{
	int fd = *(int *)arg;
	char c;

	return pwrite(fd, "abc", 3, 0) != 3 || ftruncate(fd, 2) < 0 || fsync(fd) < 0 || lseek(fd, 0, SEEK_SET) != 0 ||
	       read(fd, &c, 1) != 1 || c != 'a';
}

static int
do_limits(void *arg)
{
	struct rlimit r;

	(void)arg;
	if (getrlimit(RLIMIT_CORE, &r) < 0 || r.rlim_max != 0)
		return 1;
	return getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur != 100;
}

static const enum sandbox_role all[] = {SANDBOX_FRONT,  SANDBOX_JUDGE,   SANDBOX_FETCH,
                                        SANDBOX_SIGNER, SANDBOX_SESSION, SANDBOX_JUDGE_PG};

static void
test_every_role_works(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int fd[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		assert_int_equal(try_as(all[i], do_work, fd), 0);
		assert_int_equal(try_as(all[i], do_limits, NULL), 0);
		close(fd[0]);
		close(fd[1]);
	}
}

static void
test_no_role_execs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_int_equal(try_as(all[i], do_exec, NULL), KILLED);
		assert_int_equal(try_as(all[i], do_fork, NULL), KILLED);
		assert_int_equal(try_as(all[i], do_ptrace, NULL), KILLED);
	}
}

static void
test_files(void **state)
{
	char path[] = "/tmp/sp-test-sandbox-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(try_as(SANDBOX_FRONT, do_open, NULL), 13);
	assert_int_equal(try_as(SANDBOX_SIGNER, do_open, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_SESSION, do_open, NULL), 13);
	assert_int_equal(try_as(SANDBOX_FETCH, do_open, NULL), 0);
	assert_int_equal(try_as(SANDBOX_FETCH, do_create, path), KILLED);
	assert_int_equal(try_as(SANDBOX_JUDGE, do_open, NULL), 0);
	assert_int_equal(try_as(SANDBOX_JUDGE, do_create, path), 0);
	assert_int_equal(try_as(SANDBOX_SIGNER, do_store, &fd), 0);
	close(fd);
	unlink(path);
}

static void
test_sockets(void **state)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(try_as(SANDBOX_FRONT, do_socket, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_JUDGE, do_socket, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_SIGNER, do_socket, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_SESSION, do_socket, NULL), 13);
	assert_int_equal(try_as(SANDBOX_FETCH, do_socket, NULL), 0);
	assert_int_equal(try_as(SANDBOX_FETCH, do_listen, &s), KILLED);
	assert_int_equal(try_as(SANDBOX_JUDGE_PG, do_listen, &s), KILLED);
	assert_int_equal(try_as(SANDBOX_FETCH, do_thread_and_lookup, NULL), 0);
	assert_int_equal(try_as(SANDBOX_JUDGE_PG, do_thread_and_lookup, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_JUDGE_PG, do_stream, NULL), 0);
	assert_int_equal(try_as(SANDBOX_JUDGE_PG, do_datagram, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_JUDGE_PG, do_raw_netlink, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_JUDGE_PG, do_exec_memory, NULL), KILLED);
	close(s);
}

/* A database's port may be connected to, its neighbour may not. */
static void
test_ports(void **state)
{
	uint16_t port[2];
	int s[2], st;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
		socklen_t n = sizeof a;
		s[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(s[i], (struct sockaddr *)&a, sizeof a), 0);
		assert_int_equal(listen(s[i], 4), 0);
		assert_int_equal(getsockname(s[i], (struct sockaddr *)&a, &n), 0);
		port[i] = ntohs(a.sin_port);
	}
	pid_t p = fork();
	if (p == 0)
		_exit(do_ports(port));
	assert_int_equal(waitpid(p, &st, 0), p);
	assert_true(WIFEXITED(st));
	close(s[0]);
	close(s[1]);
	if (WEXITSTATUS(st) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(st), 0);
}

static void
test_memory(void **state)
{
	(void)state;
	assert_int_equal(try_as(SANDBOX_FRONT, do_exec_memory, NULL), KILLED);
	assert_int_equal(try_as(SANDBOX_SIGNER, do_exec_memory, NULL), KILLED);
}

static void
test_landlock(void **state)
{
	char dir[] = "/tmp/sp-test-landlock-XXXXXX", inside[64];
	pid_t p;
	int st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(inside, sizeof inside, "%s/f", dir);
	p = fork();
	if (p == 0) {
		const char *rw[] = {dir, "/nonexistent", NULL}, *ro[] = {"/usr", NULL};
		bool on;

		if (sandbox_landlock(rw, ro, &on) < 0)
			_exit(1);
		if (!on)
			_exit(77);
		if (do_create(inside) != 0 || open("/usr/bin/env", O_RDONLY) < 0)
			_exit(2);
		_exit(open("/etc/passwd", O_RDONLY) >= 0 || open("/usr/x", O_WRONLY | O_CREAT, 0600) >= 0);
	}
	waitpid(p, &st, 0);
	rmdir(dir);
	assert_true(WIFEXITED(st));
	if (WEXITSTATUS(st) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(st), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_role_works),
	    cmocka_unit_test(test_no_role_execs),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_sockets),
	    cmocka_unit_test(test_ports),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_landlock),
	};

#ifdef SALLYPORT_SANITIZE
	(void)tests;
	return 77; /* meson: skipped */
#else
	return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
