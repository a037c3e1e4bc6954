/* How many connections each address has: an IPv4 address, or the /64 of an IPv6 one,
 * which is what one customer gets.  Unix sockets have no address.
 *
 * A table of fixed size, which never holds more addresses than there may be connections.
 * The addresses are the clients', so where they land in it depends on a secret of the
 * process.  One thread at a time: connections.c holds its lock. */
#ifndef MLPD_SERVER_PEERS_H
#define MLPD_SERVER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* 0: no address that is counted. */
typedef uint64_t peer;

/* The peer of a socket's other side.  `loopback` is whether it is this machine. */
peer peer_of(const struct sockaddr *name, bool *loopback);

struct peers {
    struct peers_place *places;
    size_t mask; /* one less than there are places, a power of two */
    size_t free; /* how many more addresses may be taken in */
    uint64_t secret;
};

/* Room for so many addresses; false when there is no memory. */
bool peers_init(struct peers *peers, size_t addresses_max);

size_t peers_count(const struct peers *peers, peer peer);

/* False when the table is full; then the connection is not counted. */
bool peers_add(struct peers *peers, peer peer);

/* Of one that was added. */
void peers_remove(struct peers *peers, peer peer);

void peers_free(struct peers *peers);

#endif
