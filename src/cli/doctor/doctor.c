#include "cli/doctor/doctor.h"

#include <stdarg.h>
#include <string.h>

#include "cli/doctor/sshd_conf.h"
#include "core/clock.h"

static const struct cli_command commands[] = {
    {"client", NULL, "HOST: can this machine sign in to an application and reach it?", doctor_client},
    {"host", NULL, "does this machine's sshd take our certificates? [--app HOST | --ca-key FILE]", doctor_host},
    {"edge", NULL, "--dir DIR: is the edge of that folder well?", doctor_edge},
};

static int
cmd_doctor(struct cli *c, int argc, char **argv)
{
	return cli_dispatch(c, "sallyport doctor", commands, sizeof commands / sizeof *commands, argc - 1, argv + 1);
}

const struct cli_command doctor_command = {"doctor", NULL, "find what is wrong and say what to do", cmd_doctor};

/* --- lines ------------------------------------------------------------------------------------------------------- */

static void
put_text(const char *fmt, va_list ap)
{
	char text[2048];

	vsnprintf(text, sizeof text, fmt, ap);
	for (size_t i = 0, n; text[i]; i += n ? n : 1) {
		n = cli_control(text + i);
		putchar(n ? '?' : text[i]);
	}
	putchar('\n');
	fflush(stdout);
}

bool
doctor_step(struct doctor *d, enum verdict v, const char *step, const char *fmt, ...)
{
	static const char *const words[] = {"ok  ", "FAIL", "skip"};
	va_list ap;

	printf("%s %s: ", words[v], step);
	va_start(ap, fmt);
	put_text(fmt, ap);
	va_end(ap);
	d->failed += v == DOC_FAIL;
	return v == DOC_OK;
}

void
doctor_advise(const char *fmt, ...)
{
	va_list ap;

	fputs("     -> ", stdout);
	va_start(ap, fmt);
	put_text(fmt, ap);
	va_end(ap);
}

int
doctor_end(const struct doctor *d)
{
	if (d->failed)
		printf("%u step%s failed\n", d->failed, d->failed == 1 ? "" : "s");
	else
		puts("nothing is wrong");
	return d->failed ? 1 : 0;
}

/* --- clock ------------------------------------------------------------------------------------------------------- */

void
doctor_clock(struct doctor *d, const char *date, const char *whose)
{
	int64_t theirs;

	if (!date || http_date_parse(date, &theirs) < 0) {
		doctor_step(d, DOC_SKIP, "clock", "%s did not say what time it is", whose);
		return;
	}
	long long skew = (long long)(clock_wall() - theirs), n = skew < 0 ? -skew : skew;
	if (n <= DOCTOR_SKEW_SEC) {
		doctor_step(d, DOC_OK, "clock", "within %llds of %s", n + 1, whose);
		return;
	}
	doctor_step(d, DOC_FAIL, "clock",
	            "%llds %s %s: certificates and tokens live minutes, so both clocks must be right", n,
	            skew > 0 ? "ahead of" : "behind", whose);
	doctor_advise("turn on time synchronisation: timedatectl set-ntp true (systemd-timesyncd or chrony)");
}
