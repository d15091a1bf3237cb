/*
 * proc: another program's output, taken without a shell; and what /proc says of processes. May block: up to PROC_MS.
 */
#ifndef CLI_DOCTOR_PROC_H
#define CLI_DOCTOR_PROC_H

#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"

#define PROC_MS 15000
#define PROC_OUT_MAX (1u << 20)

/* Runs argv[0] (an absolute path) with an empty environment but PATH. out and err are appended to, each at most
   PROC_OUT_MAX. ret_status: exit status, 128 + signal. E_IO, E_TIMEOUT (killed). */
int proc_run(const char *const *argv, struct buf *out, struct buf *err, int *ret_status);

/* One number or word of /proc/PID/status ("Seccomp", "NoNewPrivs", "PPid"); E_NOENT when the process has gone. */
int proc_status(pid_t pid, const char *key, char *out, size_t n);
/* The i-th argument of a process; E_NOENT. */
int proc_arg(pid_t pid, size_t i, char *out, size_t n);
/* Calls fn for every process until it returns non-zero, which is returned. */
int proc_each(int (*fn)(pid_t pid, void *arg), void *arg);

#endif
