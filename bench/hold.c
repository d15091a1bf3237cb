/*
 * hold: N idle connections, held until standard input ends.
 *
 *   hold sink PORT                       a TCP server that accepts and keeps
 *   hold tls HOST:PORT N                 N TLS connections to 127.0.0.1:PORT (SNI HOST)
 *   hold ws HOST:PORT N TOKENFILE        the same, each upgraded to a WebSocket with a token of the file, a line each
 *
 * Prints "held N" when all are up. Certificates are not verified: memory is what is looked at.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKENS 64
#define FROM_ONE 2000u

static int
dial(unsigned port, unsigned from)
{
	struct sockaddr_in ours = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK + 1 + from)}};
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	/* so many from each address: the edge bounds them */
	if (fd >= 0 &&
	    (bind(fd, (struct sockaddr *)&ours, sizeof ours) < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
sink(unsigned port)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0) {
		perror("hold sink");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
		poll(p, 2, -1);
		if (p[1].revents)
			return 0;
		if (accept(fd, NULL, NULL) < 0)
			return 1;
	}
}

static int
upgrade(SSL *ssl, const char *host, const char *token)
{
	char req[20000], resp[4096];
	int n = snprintf(
	    req, sizeof req,
	    "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCf-Access-Token: %s\r\n\r\n",
	    host, token);

	if (n <= 0 || SSL_write(ssl, req, n) != n)
		return -1;
	n = SSL_read(ssl, resp, sizeof resp - 1);
	if (n <= 0)
		return -1;
	resp[n] = 0;
	if (!strstr(resp, " 101 ")) {
		fprintf(stderr, "hold: %.*s\n", (int)strcspn(resp, "\r\n"), resp);
		return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static char token[TOKENS][8192];
	unsigned ntokens = 0;
	struct rlimit rl;
	char buf[64];

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (argc == 3 && !strcmp(argv[1], "sink"))
		return sink((unsigned)strtoul(argv[2], NULL, 10));
	if (argc < 4 || (!strcmp(argv[1], "ws") && argc < 5)) {
		fputs("usage: hold sink PORT | tls HOST:PORT N | ws HOST:PORT N TOKENFILE\n", stderr);
		return 2;
	}
	char *colon = strrchr(argv[2], ':');
	unsigned port = (unsigned)strtoul(colon + 1, NULL, 10), n = (unsigned)strtoul(argv[3], NULL, 10);
	if (!strcmp(argv[1], "ws")) {
		FILE *f = fopen(argv[4], "r");
		while (f && ntokens < TOKENS && fgets(token[ntokens], sizeof token[0], f))
			token[ntokens][strcspn(token[ntokens], "\n")] = 0, ntokens++;
		if (!ntokens)
			return 1;
		fclose(f);
	}
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	char *host = strndup(argv[2], (size_t)(colon - argv[2]));
	for (unsigned i = 0; i < n; i++) {
		int fd = dial(port, i / FROM_ONE);
		SSL *ssl = SSL_new(ctx);
		SSL_set_fd(ssl, fd);
		SSL_set_tlsext_host_name(ssl, host);
		if (fd < 0 || SSL_connect(ssl) != 1 || (ntokens && upgrade(ssl, argv[2], token[i % ntokens]) < 0)) {
			fprintf(stderr, "hold: connection %u failed\n", i);
			return 1;
		}
	}
	printf("held %u\n", n);
	fflush(stdout);
	while (read(0, buf, sizeof buf) > 0)
		;
	return 0;
}
