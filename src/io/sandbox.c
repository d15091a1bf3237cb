/* sandbox: see io/sandbox.h. One table says which role may make which call; everything else kills the process. */
#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/err.h"

enum {
	F = 1u << SANDBOX_FRONT,
	J = 1u << SANDBOX_JUDGE,
	X = 1u << SANDBOX_FETCH,
	S = 1u << SANDBOX_SIGNER,
	T = 1u << SANDBOX_SESSION,
	P = 1u << SANDBOX_JUDGE_PG,
	JP = J | P,
	ALL = F | J | X | S | T | P,
};

struct row {
	const char *name;
	unsigned roles;
};

static const struct row allowed[] = {
    /* descriptors that are open already */
    {"read", ALL},
    {"readv", ALL},
    {"write", ALL},
    {"writev", ALL},
    {"close", ALL},
    {"fcntl", ALL},
    {"dup", ALL},
    {"dup3", ALL},
    {"pipe2", ALL},
    {"fstat", ALL},
    {"newfstatat", ALL}, /* glibc's fstat; tells metadata only */
    {"lseek", ALL},
    {"recvmsg", ALL},
    {"sendmsg", ALL},
    {"recvfrom", ALL},
    {"sendto", ALL},
    {"shutdown", ALL},
    {"getsockopt", ALL},
    {"getsockname", ALL},
    {"getpeername", ALL},
    {"setsockopt", F | X | T | P},
    {"accept4", F},
    {"accept", F},
    /* waiting */
    {"epoll_create1", ALL},
    {"epoll_ctl", ALL},
    {"epoll_wait", ALL},
    {"epoll_pwait", ALL},
    {"epoll_pwait2", ALL},
    {"poll", ALL},
    {"ppoll", ALL},
    {"eventfd2", ALL},
    {"select", X | T | P},
    {"pselect6", X | T | P},
    /* memory, threads that exist, signals, time */
    {"brk", ALL},
    {"munmap", ALL},
    {"mremap", ALL},
    {"madvise", ALL},
    {"mlock", ALL},
    {"munlock", ALL},
    {"futex", ALL},
    {"futex_waitv", ALL},
    {"sched_yield", ALL},
    {"sched_getaffinity", ALL},
    {"getcpu", ALL},
    {"membarrier", ALL},
    {"rt_sigaction", ALL},
    {"rt_sigprocmask", ALL},
    {"rt_sigreturn", ALL},
    {"sigaltstack", ALL},
    {"restart_syscall", ALL},
    {"tgkill", ALL}, /* abort */
    {"gettid", ALL},
    {"getpid", ALL},
    {"getppid", ALL},
    {"getuid", ALL},
    {"geteuid", ALL},
    {"getgid", ALL},
    {"getegid", ALL},
    {"exit", ALL},
    {"exit_group", ALL},
    {"clock_gettime", ALL},
    {"clock_getres", ALL},
    {"clock_nanosleep", ALL},
    {"nanosleep", ALL},
    {"gettimeofday", ALL},
    {"time", ALL},
    {"getrandom", ALL},
    {"uname", ALL},
    {"sysinfo", ALL},
    {"getrusage", ALL},
    {"getrlimit", ALL},
    /* files of ours: written through descriptors */
    {"fsync", S | JP | X | T},
    {"fdatasync", S | JP | X | T},
    {"pread64", S | JP | X},
    {"pwrite64", S | JP | X},
    {"ftruncate", S | JP | X},
    {"flock", S | JP | X},
    {"fallocate", JP},
    /* files by name: SQLite with WAL, the audit folder */
    {"openat", JP},
    {"open", JP},
    {"stat", JP | X},
    {"lstat", JP | X},
    {"statx", JP | X},
    {"statfs", JP},
    {"fstatfs", JP},
    {"access", JP | X},
    {"faccessat", JP | X},
    {"faccessat2", JP | X},
    {"readlink", JP | X},
    {"readlinkat", JP | X},
    {"getcwd", JP},
    {"getdents64", JP | X},
    {"unlink", JP},
    {"unlinkat", JP},
    {"rename", JP},
    {"renameat", JP},
    {"renameat2", JP},
    {"mkdir", JP},
    {"mkdirat", JP},
    {"rmdir", JP},
    {"fchmod", JP},
    {"fchown", JP},
    {"umask", JP},
    /* dialling */
    {"connect", X | P},
    {"socketpair", X},
    {"sendmmsg", X},
    {"recvmmsg", X},
    /* threads started later */
    {"set_robust_list", X},
    {"rseq", X},
};

/* Denied with an error, because libraries ask and take no for an answer. */
static const struct {
	const char *name;
	unsigned roles;
	int error;
} refused[] = {
    {"clone3", X, ENOSYS}, /* glibc falls back to clone, whose flags we can see */
    {"bind", X, EACCES},   /* getaddrinfo's look at the interfaces */
    /* front: a thread's malloc that gives memory back asks /proc/sys/vm/overcommit_memory first, and takes no for no */
    {"io_uring_setup", ALL, ENOSYS},
    {"openat", F | T, EACCES},
    {"open", F | T, EACCES},
    {"access", T, EACCES},
    {"stat", T, EACCES},
    {"statx", F | S | T, ENOSYS},
    {"socket", T, EACCES},
};

struct filtered {
	const char *name;
	unsigned roles;
	struct scmp_arg_cmp arg[2]; /* both must hold; a second of op 0 is none */
};

#define STREAM SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_STREAM)

static const struct filtered with_argument[] = {
    /* no new executable memory, but for fetch: resolver modules are loaded on demand */
    {"mmap", ALL & ~X, {SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
    {"mprotect", ALL & ~X, {SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
    {"mmap", X, {SCMP_CMP64(0, SCMP_CMP_GE, 0)}},
    {"mprotect", X, {SCMP_CMP64(0, SCMP_CMP_GE, 0)}},
    /* fetch reads files and never makes one */
    {"openat", X, {SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)}},
    {"open", X, {SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)}},
    {"socket", X, {SCMP_CMP64(0, SCMP_CMP_EQ, AF_UNIX)}},
    {"socket", X, {SCMP_CMP64(0, SCMP_CMP_EQ, AF_INET)}},
    {"socket", X, {SCMP_CMP64(0, SCMP_CMP_EQ, AF_INET6)}},
    {"socket", X, {SCMP_CMP64(0, SCMP_CMP_EQ, AF_NETLINK)}},
    /* judge on PostgreSQL: streams only, so no name is resolved; its TCP ports are landlock's matter */
    {"socket", P, {SCMP_CMP64(0, SCMP_CMP_EQ, AF_UNIX), STREAM}},
    {"socket", P, {SCMP_CMP64(0, SCMP_CMP_EQ, AF_INET), STREAM}},
    {"socket", P, {SCMP_CMP64(0, SCMP_CMP_EQ, AF_INET6), STREAM}},
    /* threads, never processes */
    {"clone", X, {SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)}},
    {"prctl", ALL, {SCMP_CMP64(0, SCMP_CMP_EQ, PR_SET_NAME)}},
    {"prlimit64", ALL, {SCMP_CMP64(2, SCMP_CMP_EQ, 0)}}, /* reading limits, not setting */
    {"ioctl", ALL, {SCMP_CMP64(1, SCMP_CMP_EQ, FIONBIO)}},
    {"ioctl", ALL, {SCMP_CMP64(1, SCMP_CMP_EQ, FIOCLEX)}},
    {"ioctl", ALL, {SCMP_CMP64(1, SCMP_CMP_EQ, FIONREAD)}},
    {"ioctl", ALL, {SCMP_CMP64(1, SCMP_CMP_EQ, TCGETS)}}, /* stdio asks whether it is a terminal */
};

static bool active;

bool
sandbox_active(void)
{
	return active;
}

/* A call that this architecture does not have needs no rule. */
static int
add(scmp_filter_ctx ctx, uint32_t action, const char *name, const struct scmp_arg_cmp *arg)
{
	int nr = seccomp_syscall_resolve_name(name), r;

	if (nr == __NR_SCMP_ERROR || nr < 0)
		return 0;
	r = seccomp_rule_add_array(ctx, action, nr, !arg ? 0 : arg[1].op ? 2 : 1, arg);
	if (r < 0)
		errno = -r;
	return r < 0 ? E_IO : 0;
}

static int
fill(scmp_filter_ctx ctx, unsigned bit)
{
	int e = 0;

	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && e == 0; i++)
		if (allowed[i].roles & bit)
			e = add(ctx, SCMP_ACT_ALLOW, allowed[i].name, NULL);
	for (size_t i = 0; i < sizeof with_argument / sizeof *with_argument && e == 0; i++)
		if (with_argument[i].roles & bit)
			e = add(ctx, SCMP_ACT_ALLOW, with_argument[i].name, with_argument[i].arg);
	for (size_t i = 0; i < sizeof refused / sizeof *refused && e == 0; i++)
		if (refused[i].roles & bit)
			e = add(ctx, SCMP_ACT_ERRNO((unsigned)refused[i].error), refused[i].name, NULL);
	return e;
}

static int
install(enum sandbox_role role)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int e, r;

	if (!ctx)
		return E_NOMEM;
	e = E_IO;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* binary tree: the table is long */
	if (r < 0)
		goto out;
	e = fill(ctx, 1u << role);
	if (e < 0)
		goto out;
	r = seccomp_load(ctx);
	e = r < 0 ? E_IO : 0;
out:
	if (r < 0)
		errno = -r;
	seccomp_release(ctx);
	return e;
}

static int
limit(int what, uint64_t max)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)what, &r) < 0)
		return E_IO;
	if (r.rlim_max != RLIM_INFINITY && max > r.rlim_max)
		max = r.rlim_max; /* lowering only */
	r.rlim_cur = r.rlim_max = max;
	return setrlimit((__rlimit_resource_t)what, &r) < 0 ? E_IO : 0;
}

int
sandbox_enter(enum sandbox_role role, const struct sandbox_limits *lim)
{
	if ((unsigned)role >= SANDBOX_ROLES)
		return E_RANGE;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return E_IO;
	if (limit(RLIMIT_CORE, 0) < 0)
		return E_IO;
	if (lim && lim->nofile && limit(RLIMIT_NOFILE, lim->nofile) < 0)
		return E_IO;
#ifdef SALLYPORT_SANITIZE
	(void)install;
	return 0;
#else
	int e;

	if (lim && lim->memory && limit(RLIMIT_DATA, lim->memory) < 0)
		return E_IO;
	e = install(role);
	if (e == 0)
		active = true;
	return e;
#endif
}

/* Landlock, by numbers: the headers of older systems lack the later rights. */

#define NR_LANDLOCK_CREATE 444
#define NR_LANDLOCK_ADD 445
#define NR_LANDLOCK_RESTRICT 446
#define LL_RULE_PATH 1
#define LL_VERSION 1u
#define LL_FS_EXECUTE (1ull << 0)
#define LL_FS_WRITE_FILE (1ull << 1)
#define LL_FS_READ_FILE (1ull << 2)
#define LL_FS_READ_DIR (1ull << 3)
#define LL_FS_ABI1 ((1ull << 13) - 1) /* execute .. make_sym */
#define LL_FS_REFER (1ull << 13)      /* ABI 2 */
#define LL_FS_TRUNCATE (1ull << 14)   /* ABI 3 */
#define LL_RULE_PORT 2
#define LL_NET_BIND (1ull << 0) /* ABI 4 */
#define LL_NET_CONNECT (1ull << 1)
#define LL_FS_FILE_ONLY (LL_FS_EXECUTE | LL_FS_WRITE_FILE | LL_FS_READ_FILE | LL_FS_TRUNCATE)

struct ll_ruleset {
	uint64_t fs, net;
};
struct ll_port {
	uint64_t access, port;
};
struct ll_path {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

static int
ll_add(int rules, const char *const *paths, uint64_t access)
{
	for (; paths && *paths; paths++) {
		struct ll_path p = {.access = access, .fd = open(*paths, O_PATH | O_CLOEXEC)};
		struct stat st;
		long r;

		if (p.fd < 0 && errno == ENOENT)
			continue;
		if (p.fd < 0)
			return E_IO;
		if (fstat(p.fd, &st) == 0 && !S_ISDIR(st.st_mode))
			p.access &= LL_FS_FILE_ONLY;
		r = syscall(NR_LANDLOCK_ADD, rules, LL_RULE_PATH, &p, 0u);
		close(p.fd);
		if (r < 0)
			return E_IO;
	}
	return 0;
}

int
sandbox_landlock(const char *const *rw, const char *const *ro, bool *ret_enforced)
{
	struct ll_ruleset set = {.fs = LL_FS_ABI1};
	long abi = syscall(NR_LANDLOCK_CREATE, NULL, (size_t)0, LL_VERSION), fd;
	int e;

	*ret_enforced = false;
	if (abi < 1)
		return 0; /* not in this kernel, or turned off */
	if (abi >= 2)
		set.fs |= LL_FS_REFER;
	if (abi >= 3)
		set.fs |= LL_FS_TRUNCATE;
	fd = syscall(NR_LANDLOCK_CREATE, &set, sizeof set.fs, 0u);
	if (fd < 0)
		return E_IO;
	e = ll_add((int)fd, rw, set.fs & ~LL_FS_EXECUTE);
	if (e == 0)
		e = ll_add((int)fd, ro, LL_FS_READ_FILE | LL_FS_READ_DIR);
	if (e == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		e = E_IO;
	if (e == 0 && syscall(NR_LANDLOCK_RESTRICT, (int)fd, 0u) < 0)
		e = E_IO;
	close((int)fd);
	if (e == 0)
		*ret_enforced = true;
	return e;
}

int
sandbox_landlock_tcp(const uint16_t *ports, size_t n, bool *ret_enforced)
{
	struct ll_ruleset set = {.net = LL_NET_BIND | LL_NET_CONNECT};
	long fd, r = 0;

	*ret_enforced = false;
	if (syscall(NR_LANDLOCK_CREATE, NULL, (size_t)0, LL_VERSION) < 4)
		return 0; /* not in this kernel, or turned off */
	fd = syscall(NR_LANDLOCK_CREATE, &set, sizeof set, 0u);
	if (fd < 0)
		return E_IO;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct ll_port p = {.access = LL_NET_CONNECT, .port = ports[i]};
		r = syscall(NR_LANDLOCK_ADD, (int)fd, LL_RULE_PORT, &p, 0u);
	}
	if (r == 0)
		r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (r == 0)
		r = syscall(NR_LANDLOCK_RESTRICT, (int)fd, 0u);
	close((int)fd);
	*ret_enforced = r == 0;
	return r == 0 ? 0 : E_IO;
}
