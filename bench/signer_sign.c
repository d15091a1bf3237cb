/*
 * signer_sign: what a certificate costs the signer, beside the bare signature.
 *
 *   signature   Ed25519 over 480 bytes, as `openssl speed ed25519` does it
 *   finish      encoding + signature of a planned certificate (ca_finish)
 *   build       the same with all checks, the user's key among them (ca_build)
 *   request     the whole request to the real signer over its channel, 64 under way: evidence, names, journal with
 * group commit Prints operations a second and the ratio to the first line; medians of five rounds. SALLYPORT_SIGNER
 * names the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../tests/unit/edge/signer_kit.h"
#include "ca/build.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"

#define ROUNDS 5
#define N_SIGN 10000
#define N_REQUEST 1500
#define DEPTH 64

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
report(const char *name, double v[ROUNDS], double base)
{
	qsort(v, ROUNDS, sizeof *v, by_value);
	printf("%-10s %9.0f /s  (%.0f .. %.0f)  ratio %.2f\n", name, v[ROUNDS / 2], v[0], v[ROUNDS - 1],
	       base > 0 ? v[ROUNDS / 2] / base : 1.0);
	return v[ROUNDS / 2];
}

static double
rate_of(int n, int64_t t0)
{
	int64_t ms = clock_mono_ms() - t0;

	return (double)n * 1000.0 / (double)(ms ? ms : 1);
}

static double
round_sign(struct key *k)
{
	uint8_t body[480] = {1};
	struct buf out;
	int64_t t0 = clock_mono_ms();

	buf_init(&out, 1024);
	for (int i = 0; i < N_SIGN; i++) {
		body[0] = (uint8_t)i;
		buf_clear(&out);
		if (key_sign(k, SIG_EDDSA, (struct slice){body, sizeof body}, &out) < 0)
			exit(1);
	}
	buf_release(&out);
	return rate_of(N_SIGN, t0);
}

static struct ca_request
request(const struct kit_key *user)
{
	static const char *const ext[] = {"permit-pty", "permit-port-forwarding", "permit-user-rc"};

	return (struct ca_request){.public_key = user->line,
	                           .principal = "jdoe",
	                           .email = "jdoe@example.test",
	                           .session = "s",
	                           .now = clock_wall(),
	                           .backdate = 30,
	                           .ttl = 180,
	                           .extensions = ext,
	                           .nextensions = 3,
	                           .serial = 1};
}

static double
round_finish(struct key *k, const struct kit_key *user)
{
	struct ca_request q = request(user);
	struct reason r = {0};
	struct ca_plan p;
	struct buf out;

	buf_init(&out, 65536);
	if (ca_plan(&q, &p, &r) < 0)
		exit(1);
	int64_t t0 = clock_mono_ms();
	for (int i = 0; i < N_SIGN; i++) {
		p.serial = (uint64_t)i + 1;
		buf_clear(&out);
		if (ca_finish(&p, k, &out, &r) < 0)
			exit(1);
	}
	double v = rate_of(N_SIGN, t0);
	ca_plan_release(&p);
	buf_release(&out);
	return v;
}

static double
round_build(struct key *k, const struct kit_key *user)
{
	struct ca_request q = request(user);
	struct reason r = {0};
	struct buf out;
	int64_t t0 = clock_mono_ms();

	buf_init(&out, 65536);
	for (int i = 0; i < N_SIGN; i++) {
		struct ca_plan p;
		q.serial = (uint64_t)i + 1;
		buf_clear(&out);
		if (ca_build(&q, k, &p, &out, &r) < 0)
			exit(1);
		ca_plan_release(&p);
	}
	buf_release(&out);
	return rate_of(N_SIGN, t0);
}

struct flight {
	struct kit *k;
	struct js_cert_sign m;
	int sent, done;
};

static void on_cert(int err, const void *m, void *arg);

static void
more(struct flight *f)
{
	while (f->sent < N_REQUEST && f->sent - f->done < DEPTH) {
		f->sent++;
		if (ipc_request(f->k->judge, &js_cert_sign_def, &f->m, &js_cert_is_def, 20000, on_cert, f) < 0)
			exit(1);
	}
}

static void
on_cert(int err, const void *mv, void *arg)
{
	const struct js_cert_is *m = mv;
	struct flight *f = arg;

	if (err < 0 || m->code != 0) {
		fprintf(stderr, "refused: %s\n", err < 0 ? err_str(err) : m->why);
		exit(1);
	}
	if (++f->done == N_REQUEST)
		loop_stop(f->k->loop);
	else
		more(f);
}

static double
round_request(struct kit *k, const char *app, const struct kit_key *user)
{
	static const char *ext[] = {"permit-pty", "permit-port-forwarding", "permit-user-rc"};
	struct flight f = {.k = k};
	int64_t t0 = clock_mono_ms();

	f.m = (struct js_cert_sign){
	    .app_token = app, .aud = KIT_AUD, .public_key = user->line, .ttl = 180, .extensions = {ext, 3}};
	more(&f);
	loop_run(k->loop);
	return rate_of(N_REQUEST, t0);
}

int
main(void)
{
	double a[ROUNDS], f[ROUNDS], b[ROUNDS], c[ROUNDS];
	struct js_ca_create mk = {.aud = KIT_AUD, .kind = "ed25519"};
	struct js_ca_is ca;
	struct kit_key user;
	struct key *key = NULL;
	struct kit k;

	kit_new(&k);
	if (!kit_start(&k) || key_generate(KEY_ED25519, 0, &key) < 0)
		return 1;
	kit_key(&user);
	kit_account(&k, "jdoe@example.test", "correct horse", "");
	char *org = kit_org(&k, "jdoe@example.test", "correct horse"), *app = kit_app(&k, org, KIT_AUD, user.cnf);
	if (!app || kit_ask(&k, &js_ca_create_def, &mk, &js_ca_is_def, &ca) < 0)
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		a[i] = round_sign(key);
		f[i] = round_finish(key, &user);
		b[i] = round_build(key, &user);
		c[i] = round_request(&k, app, &user);
	}
	double base = report("signature", a, 0);
	report("finish", f, base);
	report("build", b, base);
	report("request", c, base);
	kit_free(&k);
	key_free(key);
	free(org);
	free(app);
	return 0;
}
