/* Connections by address; see peers.h. */
#include "server/peers.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

#include <xxhash.h>

#include "core/base/memory.h"

struct peers_place {
    peer peer; /* 0: free */
    size_t count;
};

/* Both kinds in one number: no /64 that is routed begins with these bits. */
#define IPV4_MARK ((peer)0xFFFFFFFF << 32)

static peer of_ipv4(uint32_t address, bool *loopback) {
    *loopback = address >> 24 == 127;
    return IPV4_MARK | address;
}

peer peer_of(const struct sockaddr *name, bool *loopback) {
    *loopback = false;
    if (name->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, name, sizeof v4);
        return of_ipv4(ntohl(v4.sin_addr.s_addr), loopback);
    }
    if (name->sa_family != AF_INET6) {
        return 0;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, name, sizeof v6);
    const uint8_t *bytes = v6.sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        return of_ipv4((uint32_t)bytes[12] << 24 | (uint32_t)bytes[13] << 16 |
                           (uint32_t)bytes[14] << 8 | bytes[15],
                       loopback);
    }
    if (IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) {
        *loopback = true;
        return 1; /* its /64 is all zero bits */
    }
    peer peer = 0;
    for (size_t i = 0; i < 8; i++) {
        peer = peer << 8 | bytes[i];
    }
    return peer;
}

bool peers_init(struct peers *peers, size_t addresses_max) {
    size_t places = 16;
    while (places < 2 * addresses_max) {
        places *= 2;
    }
    *peers = (struct peers){.places = memory_allocate_zero(places, sizeof *peers->places),
                            .mask = places - 1,
                            .free = addresses_max};
    if (getrandom(&peers->secret, sizeof peers->secret, 0) != (ssize_t)sizeof peers->secret) {
        peers->secret = (uint64_t)(uintptr_t)peers->places; /* guessable, and still right */
    }
    return peers->places != NULL;
}

static size_t home_of(const struct peers *peers, peer peer) {
    return (size_t)XXH3_64bits_withSeed(&peer, sizeof peer, peers->secret) & peers->mask;
}

/* Where it is, or the free place where it would be.  Half of the places stay free, so
 * the walk ends. */
static size_t find(const struct peers *peers, peer peer) {
    size_t at = home_of(peers, peer);
    while (peers->places[at].peer != 0 && peers->places[at].peer != peer) {
        at = (at + 1) & peers->mask;
    }
    return at;
}

size_t peers_count(const struct peers *peers, peer peer) {
    return peer != 0 ? peers->places[find(peers, peer)].count : 0;
}

bool peers_add(struct peers *peers, peer peer) {
    if (peer == 0) {
        return false;
    }
    struct peers_place *place = &peers->places[find(peers, peer)];
    if (place->peer == 0) {
        if (peers->free == 0) {
            return false;
        }
        peers->free--;
        place->peer = peer;
    }
    place->count++;
    return true;
}

/* Those behind a place that has become free move up, unless they are at home. */
static void close_gap(struct peers *peers, size_t gap) {
    for (size_t at = (gap + 1) & peers->mask; peers->places[at].peer != 0;
         at = (at + 1) & peers->mask) {
        const size_t home = home_of(peers, peers->places[at].peer);
        if (((at - home) & peers->mask) >= ((at - gap) & peers->mask)) {
            peers->places[gap] = peers->places[at];
            gap = at;
        }
    }
    peers->places[gap] = (struct peers_place){.peer = 0};
}

void peers_remove(struct peers *peers, peer peer) {
    const size_t at = find(peers, peer);
    if (--peers->places[at].count == 0) {
        peers->free++;
        close_gap(peers, at);
    }
}

void peers_free(struct peers *peers) {
    memory_free(peers->places);
}
