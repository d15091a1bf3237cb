/* store_door: how judge's programs open the store and confine themselves to it. */
#ifndef JUDGE_STORE_DOOR_H
#define JUDGE_STORE_DOOR_H

#include <stddef.h>

#include "core/err.h"

struct store;
struct role_run;
/* The name of the folder "state" that the parent gave. */
int store_door_path(int state_fd, char *out, size_t n, struct reason *why);
/* where: as in the configuration, "sqlite" or a URL. May block. */
int store_door_open(const char *where, const char *state_path, struct store **ret_s, struct reason *why);
/* The sandbox of judge with this store; from here on nothing else is reached. < 0: role_fatal was called. */
int store_door_confine(const char *where, struct store *s, struct role_run *run);

#endif
