/* A connector's config.yml, up to its ingress rules. */
#include "fuzz.h"
#include "wire/ingress.h"

#include "ingress_use.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct conf_node *root = NULL;
	struct conf_error err = {{0}};
	struct ingress *i;
	if (n > 8192 || conf_parse("f", d, n, &root, &err) < 0)
		return 0;
	const struct conf_node *list = conf_get(root, "ingress");
	if (list) {
		if (ingress_from_conf2("f", list, conf_get(root, "originRequest"), conf_get(root, "warp-routing"), &i,
		                       &err) == 0)
			use(i);
		else if (!err.text[0])
			abort();
	}
	conf_free(root);
	return 0;
}
