#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/err.h"

#define LINE_MAX_BYTES 8192u /* a longer line is cut: one event never floods the log */
#define SLOTS 8

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *role_text = "-";
static atomic_int level_min = LOG_INFO;
static atomic_int log_fd = 2;
static void (*_Atomic writer)(const char *line, size_t n);

void
log_init(const char *role, enum log_level min)
{
	role_text = role;
	atomic_store(&level_min, (int)min);
}

void
log_set_fd(int fd)
{
	atomic_store(&log_fd, fd);
}

void
log_set_writer(void (*fn)(const char *line, size_t n))
{
	atomic_store(&writer, fn);
}

enum log_level
log_level_get(void)
{
	return (enum log_level)atomic_load(&level_min);
}

int
log_level_parse(const char *s, enum log_level *ret_l)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*ret_l = (enum log_level)i;
			return 0;
		}
	}
	return E_FORMAT;
}

struct line {
	size_t n;
	bool full;
	char d[LINE_MAX_BYTES];
};

/* Whole or not at all, so that a cut never splits an escape; 2 bytes stay for the closing quote and the newline. */
static void
line_add(struct line *l, const char *p, size_t n)
{
	if (l->full || l->n + n > sizeof l->d - 2) {
		l->full = true;
		return;
	}
	memcpy(l->d + l->n, p, n);
	l->n += n;
}

static void
line_str(struct line *l, const char *s)
{
	line_add(l, s, strlen(s));
}

/* Length of a well-formed UTF-8 sequence that is not a control character of U+0080..U+009F; 0 when it is none. */
static size_t
utf8_printable(const unsigned char *s)
{
	size_t n = s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;

	if (s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80) /* the NUL stops it too */
			return 0;
	if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	/* line separators and direction overrides would let a value disguise itself */
	if (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9 || (s[2] >= 0xaa && s[2] <= 0xae)))
		return 0;
	return n;
}

static void
line_value(struct line *l, const char *value)
{
	static const char digits[] = "0123456789abcdef";

	for (const unsigned char *s = (const unsigned char *)value; *s; s++) {
		size_t n = *s >= 0x80 ? utf8_printable(s) : 0;
		if (n) {
			line_add(l, (const char *)s, n);
			s += n - 1;
		} else if (*s == '"' || *s == '\\') {
			line_add(l, (char[]){'\\', (char)*s}, 2);
		} else if (*s == '\n') {
			line_add(l, "\\n", 2);
		} else if (*s < 0x20 || *s >= 0x7f) {
			line_add(l, (char[]){'\\', 'x', digits[*s >> 4], digits[*s & 15]}, 4);
		} else {
			line_add(l, (const char *)s, 1);
		}
	}
}

static void
line_start(struct line *l, enum log_level level, const char *verb)
{
	int64_t ms = clock_wall_ms();
	char stamp[24], millis[16];

	time_format(ms / 1000, stamp);
	stamp[19] = '\0'; /* the Z comes after the milliseconds */
	snprintf(millis, sizeof millis, ".%03uZ ", (unsigned)(ms % 1000));
	line_str(l, stamp);
	line_str(l, millis);
	line_str(l, level_names[level]);
	line_str(l, " ");
	line_str(l, role_text);
	line_str(l, " ");
	line_str(l, verb);
}

static void
line_write(struct line *l)
{
	size_t done = 0;

	void (*fn)(const char *line, size_t n) = atomic_load(&writer);

	l->d[l->n++] = '\n';
	if (fn) {
		fn(l->d, l->n);
		return;
	}
	while (done < l->n) { /* a pipe may take a long line in pieces */
		ssize_t n = write(atomic_load(&log_fd), l->d + done, l->n - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere to complain */
		done += (size_t)n;
	}
}

void
log_line(enum log_level level, const char *verb, ...)
{
	struct line l;
	va_list ap;
	const char *key = NULL, *value = NULL;
	int saved = errno;

	if ((int)level < atomic_load(&level_min))
		return;
	l.n = 0;
	l.full = false;
	line_start(&l, level, verb);
	va_start(ap, verb);
	while (!l.full && (key = va_arg(ap, const char *))) {
		size_t before = l.n;
		value = va_arg(ap, const char *);
		line_str(&l, " ");
		line_str(&l, key);
		line_str(&l, "=\"");
		if (l.full) {
			l.n = before; /* no half of a key */
			break;
		}
		line_value(&l, value ? value : "");
		l.d[l.n++] = '"'; /* its place was kept */
	}
	va_end(ap);
	line_write(&l);
	errno = saved;
}

static char *
slot(void)
{
	static _Thread_local char text[SLOTS][64];
	static _Thread_local unsigned next;

	return text[next++ % SLOTS];
}

const char *
log_num(long long v)
{
	char *s = slot();

	snprintf(s, 64, "%lld", v);
	return s;
}

const char *
log_errno(int e)
{
	char *s = slot();
	const char *text = strerror_r(e, s, 64); /* GNU: may answer with static storage */

	if (text != s)
		snprintf(s, 64, "%s", text);
	return s;
}
