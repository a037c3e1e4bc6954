/* See swallow.h. */
#include "tests/bench/swallow.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http_loop.h"

#define POOL_BYTES ((size_t)40 << 10) /* as mlpd's */

static struct MHD_Response *nothing;

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_bytes, void **request) {
    static int seen;
    (void)context, (void)url, (void)method, (void)version, (void)data;
    http_loop_note_work();
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    if (*data_bytes > 0) {
        *data_bytes = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, nothing);
}

static void end_turn(void *context) {
    (void)context;
}

int swallow(const char *driven, const char *port_file) {
    const bool external = strcmp(driven, "external") == 0;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    nothing = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(external ? MHD_USE_EPOLL : MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
                         handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, MHD_OPTION_END);
    const struct http_loop_calls calls = {.end_turn = end_turn};
    struct http_loop *loop = external ? http_loop_create() : NULL;
    FILE *file = fopen(port_file, "w");
    if (nothing == NULL || daemon == NULL || file == NULL ||
        (external && (loop == NULL || !http_loop_start(loop, daemon, &calls)))) {
        return EXIT_FAILURE;
    }
    fprintf(file, "%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fclose(file);
    sigwait(&set, &number);
    http_loop_stop(loop);
    MHD_stop_daemon(daemon);
    http_loop_destroy(loop);
    MHD_destroy_response(nothing);
    return EXIT_SUCCESS;
}
