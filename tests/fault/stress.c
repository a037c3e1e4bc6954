/* Stress: a live daemon under 64 connections that do whatever is allowed, and some of
 * what is rude, in no order at all.
 *
 *   stress PROGRAM [SECONDS [LATENESS [ROWS]]]        make stress SECONDS=60
 *
 * Each connection is a thread with a random sequence of its own: batches with and
 * without waiting, predictions that wait for a step, long polls, streams of events that
 * are torn off, evaluations, hashes, cancelling, models made, cloned, reset, changed and
 * deleted, sockets closed in the middle of bodies and of waits (acts.h).
 *
 * Wanted: no answer later than its deadline and LATENESS seconds (default 1), only
 * statuses that the call may have, at the end all memory given back but for scratch
 * that stays, nothing queued; after SIGTERM, with nobody left and then again under
 * load, the exit status 0 within a minute.  A watchdog ends everything that hangs.  An
 * instrumented daemon wants more LATENESS and bodies of fewer ROWS (512 at most
 * otherwise): 4 and 32 for ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/engine/clock.h"
#include "tests/fault/acts.h"
#include "tests/fault/bodies.h"
#include "tests/fault/client.h"
#include "tests/fault/daemon.h"
#include "tests/fault/tally.h"

#define CONNECTIONS 64
#define WATCHDOG_SECONDS 150 /* beyond the time asked for */
#define SETTLE_SECONDS 30
#define ENDINGS 3 /* under load */
#define ENDING_SECONDS 2.0
#define MEMORY_SLACK_BYTES 262144

/* The main thread's, which writes only while there are no clients. */
static struct client_settings settings = {.lateness_seconds = 1, .rows_max = 512};

/* clients[c] is threads[c]'s while that runs, the main thread's otherwise. */
static struct client clients[CONNECTIONS];
static pthread_t threads[CONNECTIONS];
static atomic_bool over; /* the main thread tells the clients' */

/* Every kind of model and the largest of each request, so that what scratch there will
 * be is reserved. */
static void warm_up(struct client *client) {
    char target[TARGET_BYTES];
    for (unsigned name = 0; name < KINDS; name++) {
        act_create(client, name, target);
        sprintf(target, "/v1/models/m-%u/batches", name);
        client_call(client, "POST", target, "Prefer: wait=30\r\n",
                    body_write_rows(client, name, client->settings->rows_max, true, 0),
                    (struct patience){30, false});
    }
}

static void delete_all(struct client *client) {
    char target[TARGET_BYTES];
    for (unsigned name = 0; name < NAMES; name++) {
        act_delete(client, name, target);
    }
}

/* Wait until nothing is left but scratch. */
static double settled_memory(struct client *client, double wanted) {
    double bytes = -1;
    const double until = clock_monotonic_seconds() + SETTLE_SECONDS;
    while (clock_monotonic_seconds() < until) {
        const struct timespec pause = {.tv_nsec = 100000000};
        client_call(client, "GET", "/v1/server", "", 0, no_wait);
        bytes = client_number(client, "memory_bytes");
        if (bytes >= 0 && bytes <= wanted && client_number(client, "models") == 0 &&
            client_number(client, "queue_depth") == 0) {
            return bytes;
        }
        delete_all(client); /* what was being made when all were deleted */
        nanosleep(&pause, NULL);
    }
    fail("after %d s there are %.0f models, %.0f entries, %.0f bytes; %.0f bytes are wanted",
         SETTLE_SECONDS, client_number(client, "models"), client_number(client, "queue_depth"),
         bytes, wanted);
    return bytes;
}

/* With no models: what is left when workers have let go of the last one. */
static double memory_of_nothing(struct client *client) {
    double least = settled_memory(client, 1e12);
    for (int i = 0; i < 10; i++) {
        const double bytes = settled_memory(client, 1e12);
        const struct timespec pause = {.tv_nsec = 100000000};
        least = bytes < least ? bytes : least;
        nanosleep(&pause, NULL);
    }
    return least;
}

static void *act_until_over(void *client) {
    while (!atomic_load(&over)) {
        act_at_random(client);
    }
    return NULL;
}

static void start_clients(void) {
    atomic_store(&over, false);
    for (size_t c = 0; c < CONNECTIONS; c++) {
        client_init(&clients[c], &settings, c + 1);
        pthread_create(&threads[c], NULL, act_until_over, &clients[c]);
    }
}

static void end_clients(void) {
    atomic_store(&over, true);
    for (size_t c = 0; c < CONNECTIONS; c++) {
        pthread_join(threads[c], NULL);
        client_free(&clients[c]);
    }
}

/* For so long, then with nobody left: everything given back, a quiet end. */
static void stress_and_settle(const char *program, double seconds) {
    static struct client chief;
    char what[128];
    settings.port = daemon_start(program);
    client_init(&chief, &settings, 1000);
    warm_up(&chief);
    delete_all(&chief);
    const double before = memory_of_nothing(&chief);
    start_clients();
    daemon_wait_while_it_runs(seconds);
    end_clients();
    delete_all(&chief);
    const double after = settled_memory(&chief, before + MEMORY_SLACK_BYTES);
    client_free(&chief);
    daemon_stop(what, sizeof what);
    if (what[0] != '\0') {
        fail("%s", what);
    }
    tally_print(seconds, CONNECTIONS, before, after);
}

/* SIGTERM in the middle of everything: what is acknowledged is trained, and it ends. */
static void stress_and_end(const char *program) {
    char what[128];
    settings.port = daemon_start(program);
    start_clients();
    daemon_wait_while_it_runs(ENDING_SECONDS);
    tally_forgive(true);
    daemon_stop(what, sizeof what);
    end_clients();
    tally_forgive(false);
    if (what[0] != '\0') {
        fail("under load: %s", what);
    }
}

int main(int argc, char **argv) {
    const double seconds = argc > 2 ? strtod(argv[2], NULL) : 60;
    if (argc < 2) {
        fprintf(stderr, "usage: stress PROGRAM [SECONDS [LATENESS [ROWS]]]\n");
        return EXIT_FAILURE;
    }
    settings.lateness_seconds = argc > 3 ? strtod(argv[3], NULL) : 1;
    settings.rows_max = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : settings.rows_max;
    daemon_watchdog_start((unsigned)seconds + WATCHDOG_SECONDS);
    stress_and_settle(argv[1], seconds);
    for (int i = 0; i < ENDINGS; i++) {
        stress_and_end(argv[1]);
    }
    printf("%d passed, %llu failed\n", tally_failures() == 0 ? 1 + ENDINGS : 0,
           (unsigned long long)tally_failures());
    return tally_failures() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
