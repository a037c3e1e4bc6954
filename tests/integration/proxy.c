/* The proxy before the daemon; see proxy.h. */
#include "tests/integration/proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTENER 3 /* the descriptor that the proxy gets */

static const char *program; /* NULL: none */
static unsigned *skipped;   /* shared with the tests' processes */
static pid_t process, starter;

void proxy_prepare(void) {
    const char *given = getenv("MLPD_PROXY");
    program = given != NULL && *given != '\0' ? given : NULL;
    skipped =
        mmap(NULL, sizeof *skipped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (skipped == MAP_FAILED) {
        perror("no memory for a counter");
        exit(EXIT_FAILURE);
    }
}

/* Listens already, so that nobody has to wait for the proxy: who connects early is
 * queued, and refused when the proxy ends. */
static int listen_anywhere(unsigned *port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof name;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_msg(listener >= 0 && bind(listener, (struct sockaddr *)&name, bytes) == 0 &&
                      listen(listener, SOMAXCONN) == 0 &&
                      getsockname(listener, (struct sockaddr *)&name, &bytes) == 0,
                  "no port for the proxy: %s", strerror(errno));
    *port = ntohs(name.sin_port);
    return listener;
}

_Noreturn static void become_proxy(int listener, unsigned daemon_port, unsigned port,
                                   const char *folder, pid_t parent, const sigset_t *mask) {
    char from[16], to[16];
    snprintf(to, sizeof to, "%u", daemon_port);
    snprintf(from, sizeof from, "%u", port);
    /* Not killed, as nginx has a worker to take with it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (getppid() != parent) {
        _exit(127);
    }
    /* dup2 of a descriptor to itself would leave it closed on exec. */
    const int copy = dup(listener);
    if (copy >= 0 && dup2(copy, LISTENER) >= 0) {
        if (copy != LISTENER) {
            close(copy);
        }
        execl(program, program, to, from, folder, (char *)NULL);
    }
    dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
    _exit(127);
}

unsigned proxy_start(unsigned daemon_port, const char *folder) {
    if (program == NULL) {
        return 0;
    }
    unsigned port;
    const int listener = listen_anywhere(&port);
    ck_assert_msg(mkdir(folder, 0700) == 0, "%s: %s", folder, strerror(errno));
    /* A child that is ended before it has become the proxy must not run check's handler
     * of the signal, which ends the test. */
    sigset_t ends, mask;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, &mask);
    starter = getpid();
    process = fork();
    if (process == 0) {
        become_proxy(listener, daemon_port, port, folder, starter, &mask);
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(listener);
    ck_assert_msg(process > 0, "no process for the proxy: %s", strerror(errno));
    return port;
}

void proxy_stop(void) {
    if (process > 0 && starter == getpid()) {
        kill(process, SIGTERM);
        waitpid(process, NULL, 0);
        process = 0;
    }
}

bool behind_proxy(void) {
    return program != NULL;
}

bool proxy_skips(const char *test, const char *name, const char *why) {
    if (program == NULL || strstr(program, name) == NULL) {
        return false;
    }
    printf("integration: skipped behind the proxy: %s: %s\n", test, why);
    fflush(stdout);
    __atomic_fetch_add(skipped, 1, __ATOMIC_RELAXED);
    return true;
}

unsigned proxy_skipped(void) {
    return *skipped;
}
