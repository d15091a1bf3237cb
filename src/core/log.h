/*
 * log: one line an outcome, on standard error, logfmt: time level role verb key="value" ...
 *
 * Values are escaped so that one event is one line. Secrets have no way in: there is no %-formatting of
 * buffers. Threads may log at once; a line is one write(2). May block: as standard error does.
 *
 *   log_info("listen", "addr", addr, "kind", "users", NULL);
 *   log_warn("apply_refused", "reason", why, NULL);
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_init(const char *role, enum log_level min);         /* role: static storage */
void log_set_fd(int fd);                                     /* default 2 */
void log_set_writer(void (*fn)(const char *line, size_t n)); /* instead of the descriptor; whole lines */
enum log_level log_level_get(void);
int log_level_parse(const char *s, enum log_level *ret_l); /* debug info warn error */

/* Pairs of const char * key, value; NULL ends. A NULL value prints as "". */
void log_line(enum log_level l, const char *verb, ...) __attribute__((sentinel));
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* A number as text for log_line; valid until the 8th later call on the same thread. */
const char *log_num(long long v);
/* Text of errno e, same lifetime. */
const char *log_errno(int e);

#endif
