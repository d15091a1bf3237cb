/* cert.pem and the answers of the API, as any server or disk could give them. */
#include "cli/common/api_text.h"
#include "core/str.h"
#include "fuzz.h"

static void
answer(const uint8_t *d, size_t n)
{
	json_t *result = NULL, *errors = NULL;
	int r = api_answer_parse(d, n, &result, &errors);

	MUST(r == 0 || r == E_DENIED || r == E_FORMAT);
	MUST(r == 0 || !result);
	MUST(r == E_DENIED || !errors);
	json_decref(result);
	json_decref(errors);
	MUST(api_answer_parse(d, n, NULL, &errors) == r);
	if (r == E_DENIED)
		json_decref(errors);
}

static int
cert(const char *text)
{
	struct cli_api a = {{0}};
	int r = cert_pem_parse(text, &a);

	if (r < 0) {
		MUST(!a.token.n && !a.account[0] && !a.zone[0]); /* nothing of it */
	} else {
		MUST(a.token.n && strlen(a.account) < sizeof a.account && strlen(a.zone) < sizeof a.zone);
	}
	cli_api_release(&a);
	return r;
}

/* Without the network of cli/common/http.c. */
void
cli_api_release(struct cli_api *a)
{
	secret_release(&a->token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct buf pem;
	char *text = fuzz_text(d, n);

	answer(d, n);
	cert(text);
	free(text);
	if (n > 4096)
		return 0;
	buf_init(&pem, 65536); /* the same bytes as what the block holds */
	MUST(buf_put_str(&pem, "x\n-----BEGIN ARGO TUNNEL TOKEN-----\n") == 0);
	MUST(b64_encode(&pem, B64_STD, d, n) == 0);
	MUST(buf_put_str(&pem, "\n-----END ARGO TUNNEL TOKEN-----\n") == 0);
	const char *whole = buf_cstr(&pem);
	MUST(whole);
	cert(whole);
	buf_release(&pem);
	return 0;
}
