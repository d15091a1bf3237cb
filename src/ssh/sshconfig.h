/*
 * sshconfig: the ssh_config(5) text that 'sallyport access ssh-config' prints.
 *
 * Everything is checked first: the host name by host_parse; paths and host never hold control characters, quotes,
 * backslashes before quotes, '%' unescaped or '${'. What cannot be written safely is refused (E_FORMAT with a reason),
 * never repaired. The plain form is one Host block; with short_lived it is followed by a Match block that only adds
 * IdentityFile and CertificateFile (contract.md). May block: no.
 */
#ifndef SSH_SSHCONFIG_H
#define SSH_SSHCONFIG_H

#include "core/buf.h"
#include "core/err.h"

struct sshconfig {
	const char *host;      /* "vm.example.com" or "vm.example.com:8443" as typed */
	const char *program;   /* absolute path of sallyport, or a bare name */
	const char *home;      /* absolute path of the client's home; NULL = the default, written "~/.sallyport" */
	bool cloudflared_home; /* "~/.cloudflared" instead, and the option that says so to each command */
	const char *ca_file;   /* absolute path or NULL: repeated as --ca-file */
	bool short_lived;      /* with certificate */
};

int sshconfig_format(const struct sshconfig *c, struct buf *out, struct reason *r);
/* File name of a host's key inside the home: "<host>-cf_key" (no port). */
int sshconfig_key_name(const char *host, char *out, size_t n);

#endif
