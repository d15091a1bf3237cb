/* The driver of the ordinary test run: feeds each file of the folders given, and the empty input, once. */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX (1u << 20)

static int
feed(const char *path, uint8_t *room)
{
	FILE *f = fopen(path, "rb");
	uint8_t *exact = NULL;
	size_t n = 0;

	if (!f) {
		perror(path);
		return 1;
	}
	n = fread(room, 1, INPUT_MAX, f);
	fclose(f);
	exact = malloc(n ? n : 1); /* so that a sanitizer sees a read behind the end */
	MUST(exact);
	memcpy(exact, room, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

static int
feed_folder(const char *folder, uint8_t *room, unsigned *fed)
{
	DIR *d = opendir(folder);
	struct dirent *de = NULL;
	char path[4096];
	int bad = 0;

	if (!d) {
		perror(folder);
		return 1;
	}
	while ((de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, de->d_name);
		bad |= feed(path, room);
		++*fed;
	}
	closedir(d);
	return bad;
}

int
main(int argc, char **argv)
{
	uint8_t *room = calloc(1, INPUT_MAX);
	unsigned fed = 0;
	int bad = 0;

	MUST(room);
	LLVMFuzzerTestOneInput(room, 0);
	for (int i = 1; i < argc; i++)
		bad |= feed_folder(argv[i], room, &fed);
	free(room);
	printf("%u inputs\n", fed);
	return bad || fed == 0;
}
