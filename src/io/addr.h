/* addr: socket addresses as text. May block: no. */
#ifndef IO_ADDR_H
#define IO_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_IP_MAX 48   /* "ffff:...:255.255.255.255" and NUL */
#define ADDR_TEXT_MAX 64 /* the same with brackets and port */

/* "192.0.2.1", "2001:db8::1"; v4-mapped v6 as v4; "local" for a Unix socket, "" for anything else. */
void addr_ip(const struct sockaddr *a, char out[static ADDR_IP_MAX]);
/* "192.0.2.1:22", "[2001:db8::1]:22". */
void addr_text(const struct sockaddr *a, char out[static ADDR_TEXT_MAX]);
uint16_t addr_port(const struct sockaddr *a);
/* Numeric address and port into ret_a; E_FORMAT when host is not an address. */
int addr_parse(const char *ip, uint16_t port, struct sockaddr_storage *ret_a, socklen_t *ret_len);
/* The address of ours from which the kernel would reach `to`: of a connected UDP socket, so nothing is sent. */
int addr_towards(const struct sockaddr *to, socklen_t n, char out[static ADDR_IP_MAX]);
bool ip_is_literal(const char *host);

#endif
