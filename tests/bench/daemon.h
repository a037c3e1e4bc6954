/* The daemon that is measured through HTTP: one for all of them, started on first use. */
#ifndef MLPD_TESTS_BENCH_DAEMON_H
#define MLPD_TESTS_BENCH_DAEMON_H

#include "tests/bench/bodies.h"
#include "tests/bench/load.h"
#include "tests/bench/process.h"

/* The binary to start, once, before anything else. */
void daemon_choose(const char *program);

/* Another of it, for process_stop; one that stores what it has in that directory. */
struct process daemon_start(void);
struct process daemon_start_with(const char *directory);

/* The port of the one that serves all measurements. */
unsigned daemon_port(void);

/* The call that makes a model, and the one that deletes it; for load_release. */
struct load_request daemon_creation(const struct shape *shape, enum optimizer optimizer,
                                    const char *name);
struct load_request daemon_deletion(const char *name);

/* Make a model there, or at `port`; what fails ends the program. */
void daemon_create_model(unsigned port, const struct shape *shape, enum optimizer optimizer,
                         const char *name);
void daemon_delete_model(unsigned port, const char *name);

/* A figure of /v1/server. */
double daemon_figure(unsigned port, const char *name);

/* POST /v1/models/{model}/{call} with this body; `batch_size` 0: the call takes none.
 * For load_release. */
struct load_request daemon_request(const char *model, const char *call, const struct body *body,
                                   size_t batch_size);

#endif
