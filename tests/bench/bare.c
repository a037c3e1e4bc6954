/* See bare.h. */
#include "tests/bench/bare.h"

#include "tests/bench/process.h"

#define INTERNAL_CONNECTIONS_MAX 127 /* with 128 at once libmicrohttpd's own loop stands still */

static const char *program;

void bare_choose(const char *chosen) {
    program = chosen;
}

unsigned bare_port(size_t connections) {
    static const char *const options[][3] = {{"--swallow", "internal"}, {"--swallow", "external"}};
    static struct process servers[2];
    const size_t which = connections > INTERNAL_CONNECTIONS_MAX;
    if (servers[which].pid == 0) {
        servers[which] = process_start(program, options[which]);
    }
    return servers[which].port;
}
