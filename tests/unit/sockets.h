/* Both ends of connections, for tests of what the server does with its own. */
#ifndef MLPD_TESTS_UNIT_SOCKETS_H
#define MLPD_TESTS_UNIT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

struct sockets {
    int ours, theirs; /* the server's end and the client's */
};

/* TCP on loopback; the client comes from 127.0.0.`host`. */
struct sockets sockets_tcp(unsigned host);
struct sockets sockets_unix(void);
void sockets_close(struct sockets *sockets);

/* The client sends, and it has arrived. */
void sockets_send(const struct sockets *sockets, const char *text);

/* All that the client gets until the end, which must come; static. */
const char *sockets_read(const struct sockets *sockets);

/* Whether the server's end is shut down, both ways. */
bool sockets_are_shut(const struct sockets *sockets);

#endif
