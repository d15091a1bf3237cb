/* loop: order and immediacy of timers, watches, deferred work, posts and signals. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "io/loop.h"

struct world {
	struct loop *l;
	struct loop_timer t[3];
	struct loop_watch w;
	struct loop_defer d[2];
	struct loop_signal s;
	pthread_t thread;
	char log[64];
	int n, fd[2];
};

static void
note(struct world *x, char c)
{
	size_t n = strlen(x->log);

	if (n + 1 < sizeof x->log) {
		x->log[n] = c;
		x->log[n + 1] = 0;
	}
}

static void
begin(struct world *x)
{
	memset(x, 0, sizeof *x);
	assert_int_equal(loop_new(&x->l), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, x->fd), 0);
}

static void
end(struct world *x)
{
	loop_free(x->l);
	close(x->fd[0]);
	close(x->fd[1]);
}

static void
on_stop(void *arg)
{
	struct world *x = arg;

	note(x, 'z');
	loop_stop(x->l);
}

static void
on_note_a(void *arg)
{
	note(arg, 'a');
}

static void
on_tick(void *arg)
{
	struct world *x = arg;

	note(x, 't');
	if (++x->n == 3) {
		timer_stop(&x->t[0]);
		timer_start(x->l, &x->t[1], 1, on_stop, x);
	}
}

static void
on_stops_other(void *arg)
{
	struct world *x = arg;

	note(x, 's');
	timer_stop(&x->t[1]); /* due in the same iteration: must not come */
}

static void
test_timers(void **state)
{
	struct world x;

	(void)state;
	begin(&x);
	assert_int_equal(timer_repeat(x.l, &x.t[0], 1, on_tick, &x), 0);
	assert_int_equal(loop_run(x.l), 0);
	assert_string_equal(x.log, "tttz");
	assert_false(timer_active(&x.t[0]));
	assert_false(timer_active(&x.t[1]));

	x.log[0] = 0;
	timer_start(x.l, &x.t[0], 2, on_stops_other, &x);
	timer_start(x.l, &x.t[1], 2, on_note_a, &x);
	timer_start(x.l, &x.t[2], 5, on_stop, &x);
	timer_start(x.l, &x.t[2], 20, on_stop, &x); /* restarts */
	int64_t t0 = clock_mono_ms();
	loop_run(x.l);
	assert_true(clock_mono_ms() - t0 >= 18);
	assert_string_equal(x.log, "sz");
	end(&x);
}

static void
on_defer_b(void *arg)
{
	struct world *x = arg;

	note(x, 'b');
	loop_stop(x->l);
}

static void
on_defer_a(void *arg)
{
	struct world *x = arg;

	note(x, 'a');
	if (++x->n < 5)
		defer_arm(x->l, &x->d[0], on_defer_a, x); /* no event will come: the loop must not sleep */
	else
		defer_arm(x->l, &x->d[1], on_defer_b, x);
}

static void
test_defers_do_not_sleep(void **state)
{
	struct world x;
	int64_t t0 = clock_mono_ms();

	(void)state;
	begin(&x);
	defer_arm(x.l, &x.d[0], on_defer_a, &x);
	defer_arm(x.l, &x.d[0], on_defer_a, &x); /* no effect when armed */
	loop_run(x.l);
	assert_string_equal(x.log, "aaaaab");
	assert_true(clock_mono_ms() - t0 < 1000);

	x.log[0] = 0;
	defer_arm(x.l, &x.d[0], on_note_a, &x);
	defer_cancel(&x.d[0]);
	timer_start(x.l, &x.t[0], 1, on_stop, &x);
	loop_run(x.l);
	assert_string_equal(x.log, "z");
	end(&x);
}

static void
on_deferred_once(void *arg)
{
	note(arg, 'd');
}

static void
on_bytes(int fd, int events, void *arg)
{
	struct world *x = arg;
	char c;

	assert_true(events & LOOP_READ);
	if (read(fd, &c, 1) == 1) {
		note(x, c);
		defer_arm(x->l, &x->d[0], on_deferred_once, x);
		if (c == '2') {
			watch_stop(&x->w);
			close(fd);
			x->fd[0] = -1;
			timer_start(x->l, &x->t[0], 1, on_stop, x);
		}
	}
}

static void
test_watch(void **state)
{
	struct world x;

	(void)state;
	begin(&x);
	assert_int_equal(watch_start(x.l, &x.w, x.fd[0], LOOP_READ, on_bytes, &x), 0);
	assert_int_equal(write(x.fd[1], "123", 3), 3);
	loop_run(x.l);
	assert_string_equal(x.log, "1d2dz"); /* deferred work comes after each iteration; nothing after watch_stop */
	end(&x);
}

static void
on_hangup(int fd, int events, void *arg)
{
	struct world *x = arg;
	char c;

	assert_int_equal(events & LOOP_READ, LOOP_READ);
	assert_true(read(fd, &c, 1) <= 0);
	note(x, 'h');
	watch_stop(&x->w);
	loop_stop(x->l);
}

static void
test_watch_hangup(void **state)
{
	struct world x;

	(void)state;
	begin(&x);
	watch_start(x.l, &x.w, x.fd[0], 0, on_hangup, &x);
	watch_events(&x.w, LOOP_READ);
	close(x.fd[1]);
	loop_run(x.l);
	assert_string_equal(x.log, "h");
	end(&x);
}

static void
on_file(int fd, int events, void *arg)
{
	struct world *x = arg;

	(void)fd;
	assert_int_equal(events, LOOP_READ);
	watch_stop(&x->w);
	on_stop(x);
}

static void
test_watch_file(void **state)
{
	struct world x;
	int fd;

	(void)state;
	begin(&x);
	fd = open("/dev/null", O_RDONLY);
	assert_int_equal(watch_start(x.l, &x.w, fd, LOOP_READ, on_file, &x), 0);
	loop_run(x.l);
	assert_string_equal(x.log, "z");
	close(fd);
	end(&x);
}

static void
on_posted(void *arg)
{
	struct world *x = arg;

	if (++x->n == 1000)
		loop_stop(x->l);
}

static void *
poster(void *arg)
{
	struct world *x = arg;

	for (int i = 0; i < 1000; i++)
		assert_int_equal(loop_post(x->l, on_posted, x), 0);
	return NULL;
}

static void
test_post(void **state)
{
	struct world x;

	(void)state;
	begin(&x);
	pthread_create(&x.thread, NULL, poster, &x);
	loop_run(x.l);
	pthread_join(x.thread, NULL);
	assert_int_equal(x.n, 1000);
	end(&x);
}

static void
test_post_limit(void **state)
{
	struct world x;
	int e = 0, n = 0;

	(void)state;
	begin(&x);
	while (n < 70000 && (e = loop_post(x.l, on_posted, &x)) == 0)
		n++;
	assert_int_equal(n, 65536);
	assert_int_equal(e, E_LIMIT);
	end(&x);
}

static void
on_usr1(int signo, void *arg)
{
	struct world *x = arg;

	assert_int_equal(signo, SIGUSR1);
	note(x, 'u');
	signal_stop(&x->s);
	timer_start(x->l, &x->t[0], 1, on_stop, x);
}

static void
test_signal(void **state)
{
	struct world x;

	(void)state;
	begin(&x);
	assert_int_equal(signal_start(x.l, &x.s, SIGUSR1, on_usr1, &x), 0);
	raise(SIGUSR1);
	loop_run(x.l);
	assert_string_equal(x.log, "uz");
	end(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_timers),     cmocka_unit_test(test_defers_do_not_sleep),
	    cmocka_unit_test(test_watch),      cmocka_unit_test(test_watch_hangup),
	    cmocka_unit_test(test_watch_file), cmocka_unit_test(test_post),
	    cmocka_unit_test(test_post_limit), cmocka_unit_test(test_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
