/* The bare server beside the daemon: started on first use, a process of its own. */
#ifndef MLPD_TESTS_BENCH_BARE_H
#define MLPD_TESTS_BENCH_BARE_H

#include <stddef.h>

/* This program's name, which can swallow; once, before anything else. */
void bare_choose(const char *program);

/* The port of the one that does best with so many connections (see swallow.h). */
unsigned bare_port(size_t connections);

#endif
