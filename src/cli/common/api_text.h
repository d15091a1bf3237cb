/*
 * api_text: the texts that the client of the API reads: cert.pem and the envelope of an answer. Pure.
 *
 * cert.pem (facts/cloudflared-wire.md c.2) is one block of base64 with a JSON object {apiToken, accountID, zoneID};
 * what stands around the block (keys, certificates) is ignored. Limits: CERT_PEM_MAX, CLI_BODY_MAX.
 */
#ifndef CLI_COMMON_API_TEXT_H
#define CLI_COMMON_API_TEXT_H

#include "cli/common/http.h"

#define CERT_PEM_MAX 65536

/* Fills account, zone and token; E_FORMAT, and nothing of it, when the text is no such file. */
int cert_pem_parse(const char *text, struct cli_api *a);
/* {"success": true, "result": X}: 0 and a new reference to X, which may be NULL (ret_result may be NULL).
 * {"success": false, "errors": [...]}: E_DENIED and a new reference to the errors, which may be NULL.
 * Anything else: E_FORMAT. */
int api_answer_parse(const void *p, size_t n, json_t **ret_result, json_t **ret_errors);

#endif
