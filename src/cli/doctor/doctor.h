/*
 * doctor: finds what is wrong and says what to do. One line a step: "ok", "FAIL" or "skip", the step's name, what was
 * found; under a failure, lines that begin with "->" say what to do. Exit 0 when nothing failed.
 *
 * What is looked at is never changed. May block: yes.
 */
#ifndef CLI_DOCTOR_DOCTOR_H
#define CLI_DOCTOR_DOCTOR_H

#include "cli/common/http.h"

#define DOCTOR_NET_MS 10000
#define DOCTOR_SKEW_SEC 8 /* a certificate begins ten seconds before it is made */

enum verdict { DOC_OK, DOC_FAIL, DOC_SKIP };
struct doctor {
	unsigned failed;
};
/* Prints the line at once. Control characters of foreign text become '?'. Returns v == DOC_OK. */
bool doctor_step(struct doctor *d, enum verdict v, const char *step, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void doctor_advise(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int doctor_end(const struct doctor *d); /* last line; exit status */

/* Compares our clock with an HTTP Date header; NULL or unreadable: skip. */
void doctor_clock(struct doctor *d, const char *date, const char *whose);

/* Does each of the names (of the edge's applications) lead where the team host leads? With the record to add, if not.
 */
void doctor_dns(struct doctor *d, const char *team, const json_t *names);

int doctor_client(struct cli *c, int argc, char **argv);
int doctor_host(struct cli *c, int argc, char **argv);
int doctor_edge(struct cli *c, int argc, char **argv);

#endif
