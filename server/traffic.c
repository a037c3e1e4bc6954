/* Byte counts of sockets; see traffic.h. */
#include "server/traffic.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct traffic traffic_look(int fd) {
    struct traffic traffic = {.counted = false};
    struct tcp_info info;
    socklen_t bytes = sizeof info;
    int untaken = 0;
    if (ioctl(fd, SIOCOUTQ, &untaken) == 0 && untaken > 0) {
        traffic.untaken = (size_t)untaken;
    }
    /* an older kernel fills less of it */
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 &&
        bytes >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) {
        traffic.counted = true;
        traffic.received = info.tcpi_bytes_received;
        traffic.taken = info.tcpi_bytes_acked;
    }
    return traffic;
}
