/* net_listen without a descriptor to spare: it waits and tries again, and nobody who dialled is lost. A program of its
 * own, since valgrind's accept closes what it cannot number. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "io/addr.h"
#include "io/net_listen.h"

static struct loop *loop;
static int accepted = -1;

static void
on_accept(int fd, void *arg)
{
	(void)arg;
	accepted = fd;
	loop_stop(loop);
}

static void
restore_limit(void *arg)
{
	setrlimit(RLIMIT_NOFILE, arg);
}

static int
dial(const char *text)
{
	struct sockaddr_storage a;
	struct hostport hp;
	socklen_t n;

	assert_int_equal(hostport_parse(text, 0, &hp), 0);
	assert_int_equal(addr_parse(hp.host, hp.port, &a, &n), 0);
	int fd = socket(a.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, n), 0);
	return fd;
}

static void
out_of_descriptors(void **state)
{
	struct rlimit old, low;
	struct loop_timer t = {0};
	struct listener ln;
	char text[64];
	int fd, d;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(listen_open("127.0.0.1:0", &fd, text, NULL), 0);
	listener_start(loop, &ln, fd, on_accept, NULL);
	d = dial(text);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &low);
	int64_t t0 = clock_mono_ms();
	timer_start(loop, &t, 20, restore_limit, &old);
	loop_run(loop); /* accepted after the pause, without a spin */
	assert_true(clock_mono_ms() - t0 >= 90);
	assert_true(accepted >= 0);
	listener_stop(&ln);
	close(accepted);
	close(d);
	close(fd);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(out_of_descriptors)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
