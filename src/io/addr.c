/* addr: see io/addr.h. */
#include "io/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"

void
addr_ip(const struct sockaddr *a, char out[static ADDR_IP_MAX])
{
	const struct sockaddr_in6 *six = (const void *)a;
	const struct sockaddr_in *four = (const void *)a;

	out[0] = 0;
	if (a->sa_family == AF_UNIX)
		snprintf(out, ADDR_IP_MAX, "local");
	else if (a->sa_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, out, ADDR_IP_MAX);
	else if (a->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, out, ADDR_IP_MAX);
	else if (a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, out, ADDR_IP_MAX);
}

uint16_t
addr_port(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
	if (a->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
	return 0;
}

void
addr_text(const struct sockaddr *a, char out[static ADDR_TEXT_MAX])
{
	char ip[ADDR_IP_MAX];

	addr_ip(a, ip);
	if (a->sa_family != AF_INET && a->sa_family != AF_INET6)
		snprintf(out, ADDR_TEXT_MAX, "%s", ip);
	else if (strchr(ip, ':'))
		snprintf(out, ADDR_TEXT_MAX, "[%s]:%u", ip, addr_port(a));
	else
		snprintf(out, ADDR_TEXT_MAX, "%s:%u", ip, addr_port(a));
}

int
addr_parse(const char *ip, uint16_t port, struct sockaddr_storage *ret_a, socklen_t *ret_len)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET, ip, &four.sin_addr) == 1) {
		memset(ret_a, 0, sizeof *ret_a);
		memcpy(ret_a, &four, sizeof four);
		*ret_len = sizeof four;
		return 0;
	}
	if (inet_pton(AF_INET6, ip, &six.sin6_addr) == 1) {
		memset(ret_a, 0, sizeof *ret_a);
		memcpy(ret_a, &six, sizeof six);
		*ret_len = sizeof six;
		return 0;
	}
	return E_FORMAT;
}

int
addr_towards(const struct sockaddr *to, socklen_t n, char out[static ADDR_IP_MAX])
{
	struct sockaddr_storage ours;
	socklen_t len = sizeof ours;
	int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), e = 0;

	if (fd < 0)
		return E_IO;
	if (connect(fd, to, n) < 0 || getsockname(fd, (struct sockaddr *)&ours, &len) < 0)
		e = E_NOENT;
	else
		addr_ip((const struct sockaddr *)&ours, out);
	close(fd);
	return e;
}

bool
ip_is_literal(const char *host)
{
	struct sockaddr_storage a;
	socklen_t n;

	return addr_parse(host, 0, &a, &n) == 0;
}
