/* Sockets that systemd has opened and hands over (LISTEN_FDS): they take the place of
 * --listen.  They are descriptors 3, 4, …, and only for the process that LISTEN_PID
 * names. */
#ifndef MLPD_SERVER_ACTIVATION_H
#define MLPD_SERVER_ACTIVATION_H

#include <stddef.h>

#define ACTIVATION_FIRST 3

/* How many there are. */
size_t activation_count(const char *(*variable)(const char *name));

#endif
