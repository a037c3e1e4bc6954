/* What the system says of this process.  Any thread; reads /proc, no disk. */
#ifndef MLPD_CORE_BASE_PROCESS_H
#define MLPD_CORE_BASE_PROCESS_H

#include <stddef.h>

/* 0 where the system does not say. */
struct process_figures {
    double cpu_seconds; /* user and system, of all threads */
    size_t resident_bytes, virtual_bytes;
    size_t open_files, open_files_max;
};

struct process_figures process_look(void);

#endif
