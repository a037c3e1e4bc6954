/* What the machine has to offer: the defaults of options.  For main, before
 * other threads exist. */
#ifndef MLPD_SERVER_MACHINE_H
#define MLPD_SERVER_MACHINE_H

#include <stddef.h>

/* CPUs that this process may use, ≥ 1. */
size_t machine_cpus(void);

/* Enough HTTP threads to feed them: 2, or 1 for one CPU. */
size_t machine_http_threads(void);

/* Three quarters of the physical memory or, where a cgroup (version 2) allows
 * less, of that, in bytes. */
size_t machine_memory_share(void);

/* Let the process have as many open files as it may; returns how many. */
size_t machine_raise_open_files(void);

#endif
