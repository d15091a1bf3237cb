/* apply: a YAML file, whole, to the edge; what comes back is the difference, or the line that is wrong. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin/admin.h"
#include "cli/admin/diff.h"
#include "core/conf.h"
#include "io/file.h"

static int
load(const char *path, bool in, struct conf_node **ret_root)
{
	struct conf_error err = {{0}};
	struct buf b;

	buf_init_secret(&b, CONF_BYTES_MAX + 1); /* passwords may stand in it */
	errno = 0;
	int r = in ? file_read_fd(STDIN_FILENO, &b) : file_read(path, &b);
	if (r < 0)
		cli_fail(SP_CLIENT_FILE, "%s: %s", path, errno ? strerror(errno) : err_str(r));
	else if ((r = conf_parse(path, buf_ptr(&b), buf_len(&b), ret_root, &err)) < 0)
		admin_say(stderr, "%s\n", err.text);
	buf_release(&b);
	return r;
}

/* "FILE:LINE: SP-1602 found ..., expected ..." for each error that says where it stands. */
static void
say_errors(const char *file, const struct conf_node *root, const json_t *errors)
{
	const json_t *e;
	size_t i;

	json_array_foreach(errors, i, e)
	{
		const char *text = json_str_or(e, "message", "no message");
		const char *pointer = json_str_or(json_object_get(e, "source"), "pointer", NULL);
		unsigned line = pointer ? conf_line_at(root, pointer) : 0;
		if (line)
			admin_say(stderr, "%s:%u: %s\n", file, line, text);
		else
			cli_fail(0, "%s", text);
	}
	if (!json_array_size(errors))
		cli_fail(SP_CLIENT_PROTOCOL, "the edge refused the file without saying why");
}

/* Secrets that were made are shown here and never again. */
static void
say_secrets(const json_t *secrets)
{
	const json_t *s;
	size_t i;

	json_array_foreach(secrets, i, s)
	{
		admin_say(
		    stdout,
		    "\nservice token %s, shown this once:\n  CF-Access-Client-Id: %s\n  CF-Access-Client-Secret: %s\n",
		    json_str_or(s, "name", ""), json_str_or(s, "client_id", ""), json_str_or(s, "client_secret", ""));
	}
}

/* Who gains and who loses what, by a dry run. */
static void
say_access(const json_t *access)
{
	const json_t *rows = json_object_get(access, "rows"), *row;
	json_int_t more = json_integer_value(json_object_get(access, "left_out")),
	           untried = json_integer_value(json_object_get(access, "untried"));
	size_t i;

	if (!access)
		return;
	if (!json_array_size(rows))
		admin_say(stdout, "access: nobody known gains or loses any\n");
	json_array_foreach(rows, i, row)
	    admin_say(stdout, "access: %s %s %s (%s)\n", json_str_or(row, "email", "?"),
	              json_str_or(row, "change", "?"), json_str_or(row, "app", "?"), json_str_or(row, "name", "?"));
	if (more)
		admin_say(stdout, "access: %lld more are not listed\n", (long long)more);
	if (untried)
		admin_say(stdout, "access: %lld known users were not tried: too many\n", (long long)untried);
}

static int
show(const struct cli *c, const json_t *result)
{
	const json_t *warnings = json_object_get(result, "warnings"), *w;
	struct buf out;
	size_t i;

	json_array_foreach(warnings, i, w) admin_say(
	    stderr, "warning: %s\n", json_is_string(w) ? json_string_value(w) : json_str_or(w, "message", "?"));
	if (c->json) {
		admin_print_json(result);
		return 0;
	}
	buf_init(&out, BUF_MAX);
	int r = diff_text(json_object_get(result, "changes"), &out);
	if (r < 0)
		cli_fail(SP_CLIENT_PROTOCOL, "the edge's answer makes no sense: %s", err_str(r));
	else
		fwrite(buf_ptr(&out), 1, buf_len(&out), stdout);
	buf_release(&out);
	say_access(json_object_get(result, "access"));
	say_secrets(json_object_get(result, "secrets"));
	return r;
}

static int
send_document(struct cli *c, const struct admin_options *o, const char *file, const struct conf_node *root)
{
	struct cli_api a = {0};
	json_t *doc = conf_to_json(root), *result = NULL, *errors = NULL;
	int r = doc ? cli_api_open(c, &a) : E_NOMEM;

	if (r == 0)
		r = cli_api_call(c, &a, "POST",
		                 o->dry_run ? "/accounts/%A/sallyport/apply?dry_run=1" : "/accounts/%A/sallyport/apply",
		                 doc, &result, &errors);
	if (r == 0)
		r = show(c, result);
	else if (errors)
		say_errors(file, root, errors);
	json_decref(doc);
	json_decref(result);
	json_decref(errors);
	cli_api_release(&a);
	return r;
}

int
admin_apply(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	struct conf_node *root = NULL;

	if (pos->n != 1)
		return admin_usage("apply FILE.yml [--dry-run]    (- reads standard input)");
	bool in = !strcmp(pos->v[0], "-");
	const char *file = in ? "(standard input)" : pos->v[0];
	int r = load(file, in, &root);
	if (r == 0 && (!root || root->kind != CONF_MAP)) {
		admin_say(stderr, "%s:1: found %s, expected keys such as apps, groups or tunnels\n", file,
		          !root || (root->kind == CONF_SCALAR && !*root->text) ? "nothing" : "no map");
		r = E_FORMAT;
	}
	if (r == 0)
		r = send_document(c, o, file, root);
	conf_free(root);
	return r == 0 ? 0 : 1;
}
