/* Crashes: a daemon with a store is killed again and again, under load, while it recovers and while
 * it ends.
 *
 *   crash PROGRAM [KILLS [SEED]]        make torture KILLS=500
 *
 * Authors (author.h) write to it, each over a connection and to models of its own.  At a random
 * instant it gets SIGKILL; in some rounds it is first told to end, so that it is killed while it
 * stores states; in some it is killed once more, or twice, while it recovers.  Started again on the
 * same directory it has to have all that was acknowledged, and nothing twice, and each model's
 * weights and losses have to be those of a daemon without a store that was asked for the same and
 * was not killed.  Every tenth round it ends in peace, by SIGTERM.
 *
 * What the authors ask for follows from SEED; how far they come does not. */
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/engine/clock.h"
#include "tests/fault/author.h"
#include "tests/fault/child.h"
#include "tests/fault/tally.h"

#define AUTHORS 6
#define START_SECONDS 120.0
#define END_SECONDS 90.0
#define ROUND_WATCHDOG_SECONDS 300

static struct child victim, reference;
static struct client_settings daemon_settings, reference_settings;
static struct author authors[AUTHORS];
static char directory[64];
static const char *program;
static uint64_t chance; /* the main thread's random sequence */
static unsigned kills, kills_in_recovery, kills_in_ending, endings;

static uint32_t some(uint32_t below) {
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance >> 33) % below;
}

static void bark(int signal) {
    (void)signal;
    static const char words[] = "crash: the watchdog's time is over\n";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    kill(victim.process, SIGABRT);
    _exit(EXIT_FAILURE);
}

/* --- the daemon ------------------------------------------------------------------ */

static void begin_daemon(void) {
    static const char *const arguments[] = {
        "--data", directory, "--workers", "2", "--max-queue", "200", "--log-level", "error", NULL};
    child_begin(&victim, program, arguments);
}

static void kill_daemon(void) {
    int how;
    if (!child_end(&victim, SIGKILL, END_SECONDS, &how)) {
        fprintf(stderr, "crash: the daemon outlives SIGKILL\n");
        exit(EXIT_FAILURE);
    }
}

static bool is_ready(struct client *client) {
    return client_try(client, "GET", "/health/ready", "", 0,
                      clock_monotonic_seconds() + START_SECONDS) == 200;
}

/* Wait until it has recovered. */
static void await_daemon(void) {
    static struct client client;
    if (!child_listens(&victim, START_SECONDS)) {
        fprintf(stderr, "crash: the daemon does not start on %s\n", directory);
        exit(EXIT_FAILURE);
    }
    daemon_settings.port = victim.port;
    client_init(&client, &daemon_settings, 1);
    const double until = clock_monotonic_seconds() + START_SECONDS;
    bool ready;
    while (!(ready = is_ready(&client)) && clock_monotonic_seconds() < until) {
        clock_pause(0.005);
    }
    client_free(&client);
    if (!ready) {
        fprintf(stderr, "crash: the daemon is not ready after %.0f s\n", START_SECONDS);
        exit(EXIT_FAILURE);
    }
}

static void end_daemon_in_peace(void) {
    int how;
    if (!child_end(&victim, SIGTERM, END_SECONDS, &how)) {
        fail("the daemon has not ended %.0f s after SIGTERM", END_SECONDS);
        kill_daemon();
    } else if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) {
        fail("the daemon ended with %s %d after SIGTERM", WIFEXITED(how) ? "status" : "signal",
             WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how));
    }
    endings++;
}

/* --- a round --------------------------------------------------------------------- */

static void *write_until_torn(void *author) {
    while (author_act(author)) {
    }
    return NULL;
}

/* Mostly well within a second, seldom at once or later. */
static double some_time(void) {
    switch (some(6)) {
    case 0:
        return 0.001 * some(10);
    case 1:
        return 0.001 * some(1500);
    default:
        return 0.001 * some(400);
    }
}

static void kill_in_recovery(void) {
    for (uint32_t again = some(4) == 0 ? 1 + some(2) : 0; again > 0; again--) {
        begin_daemon();
        clock_pause(0.001 * some(120));
        kill_daemon();
        kills++;
        kills_in_recovery++;
    }
}

/* How it is brought down in round r. */
static void end_daemon(unsigned round) {
    if (round % 10 == 9) {
        end_daemon_in_peace();
        return;
    }
    if (some(5) == 0) {
        kill(victim.process, SIGTERM);
        clock_pause(0.001 * some(60));
        kills_in_ending++;
    }
    kill_daemon();
    kills++;
}

static void *verify_one(void *author) {
    author_verify(author);
    return NULL;
}

/* All authors at the same time, as each has models of its own. */
static void verify(void) {
    pthread_t threads[AUTHORS];
    for (size_t a = 0; a < AUTHORS; a++) {
        pthread_create(&threads[a], NULL, verify_one, &authors[a]);
    }
    for (size_t a = 0; a < AUTHORS; a++) {
        pthread_join(threads[a], NULL);
    }
}

static void play_round(unsigned round, uint64_t seed) {
    pthread_t threads[AUTHORS];
    alarm(ROUND_WATCHDOG_SECONDS);
    for (size_t a = 0; a < AUTHORS; a++) {
        author_seed(&authors[a], seed * 1000003 + round * 1009);
        pthread_create(&threads[a], NULL, write_until_torn, &authors[a]);
    }
    clock_pause(some_time());
    end_daemon(round);
    for (size_t a = 0; a < AUTHORS; a++) {
        pthread_join(threads[a], NULL);
    }
    kill_in_recovery();
    begin_daemon();
    await_daemon();
    verify();
}

static void print_sum(double seconds) {
    struct author sum = {0};
    for (size_t a = 0; a < AUTHORS; a++) {
        sum.acknowledged += authors[a].acknowledged;
        sum.unanswered += authors[a].unanswered;
        sum.found_done += authors[a].found_done;
        sum.repeats += authors[a].repeats;
        sum.compared += authors[a].compared;
    }
    printf("crash: %u kills, %u of them in recovery, %u after SIGTERM; %u peaceful ends; "
           "%lu operations acknowledged, %lu unanswered (%lu were done), %lu repeated by their "
           "key, %lu comparisons of models, %.0f s\n",
           kills, kills_in_recovery, kills_in_ending, endings, sum.acknowledged, sum.unanswered,
           sum.found_done, sum.repeats, sum.compared, seconds);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_directory(void) {
    if (nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        fprintf(stderr, "crash: %s cannot be removed\n", directory);
    }
}

int main(int argc, char **argv) {
    static const char *const in_memory[] = {"--workers", "1", "--log-level", "error", NULL};
    if (argc < 2) {
        fprintf(stderr, "usage: crash PROGRAM [KILLS [SEED]]\n");
        return EXIT_FAILURE;
    }
    const unsigned wanted = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 50;
    const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
    const double start = clock_monotonic_seconds();
    program = argv[1];
    chance = seed;
    printf("crash: seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    snprintf(directory, sizeof directory, "/tmp/mlpd-crash-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return EXIT_FAILURE;
    }
    signal(SIGALRM, bark);
    child_begin(&reference, program, in_memory);
    if (!child_listens(&reference, START_SECONDS)) {
        fprintf(stderr, "crash: %s does not start\n", program);
        return EXIT_FAILURE;
    }
    reference_settings.port = reference.port;
    begin_daemon();
    await_daemon();
    for (size_t a = 0; a < AUTHORS; a++) {
        author_init(&authors[a], (unsigned)a, &daemon_settings, &reference_settings);
    }
    unsigned rounds = 0;
    for (; kills < wanted && tally_failures() == 0; rounds++) {
        play_round(rounds, seed);
    }
    end_daemon_in_peace();
    begin_daemon();
    await_daemon();
    verify();
    int how;
    end_daemon_in_peace();
    (void)child_end(&reference, SIGTERM, END_SECONDS, &how);
    print_sum(clock_monotonic_seconds() - start);
    if (tally_failures() == 0) {
        remove_directory();
    } else {
        fprintf(stderr, "crash: seed %llu, round %u; the store is left in %s\n",
                (unsigned long long)seed, rounds, directory);
    }
    for (size_t a = 0; a < AUTHORS; a++) {
        author_free(&authors[a]);
    }
    printf("%u passed, %llu failed\n", tally_failures() == 0 ? kills : 0,
           (unsigned long long)tally_failures());
    return tally_failures() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
