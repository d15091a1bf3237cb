/* app_web: the members of an application that bear on its domains and on browsers. For model/app.c only. */
#ifndef MODEL_APP_WEB_H
#define MODEL_APP_WEB_H

#include "model/app.h"

extern const char *const app_same_site_words[];

/* "destinations": texts (where a bastion may go) and maps {type: public, uri} (more domains), in one list. */
int app_destinations_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err);
json_t *app_destinations_write(const void *rec, enum model_form form);
void app_destinations_release(void *rec);

int app_cors_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err);
json_t *app_cors_write(const void *rec, enum model_form form);
void app_cors_release(void *rec);

/* domain, self_hosted_domains and public destinations into a->sites. */
int app_sites_make(struct app *a, struct model_error *err);
void app_sites_release(struct app *a);

/* What no single member shows: URLs, header names, members that exclude each other. */
int app_web_check(const struct app *a, struct model_error *err);

#endif
