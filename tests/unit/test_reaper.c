/* server/reaper.h, with its thread. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/engine/clock.h"
#include "server/reaper.h"
#include "tests/unit/sockets.h"
#include "tests/unit/suites.h"

#define DEADLINE_SECONDS 20

/* One that waits, on a socket of its own. */
struct waiting {
    struct watched watched;
    struct sockets sockets;
};

/* What the reaper did; under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct watched *expired;
static bool expired_as_gone;
static unsigned sweeps;
static bool connected;

static void expire(struct watched *watched, bool gone) {
    pthread_mutex_lock(&lock);
    expired = watched;
    expired_as_gone = gone;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static int socket_of(struct watched *watched) {
    return ((struct waiting *)watched)->sockets.ours;
}

static bool sweep(void *context) {
    pthread_mutex_lock(&lock);
    sweeps++;
    const bool some = *(bool *)context;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return some;
}

static struct reaper *begin(void) {
    const struct reaper_calls calls = {
        .expire = expire, .socket = socket_of, .sweep = sweep, .sweep_context = &connected};
    expired = NULL;
    sweeps = 0;
    connected = false;
    struct reaper *reaper = reaper_create(&calls);
    ck_assert_ptr_nonnull(reaper);
    return reaper;
}

static void watch(struct reaper *reaper, struct waiting *waiting, double deadline) {
    *waiting = (struct waiting){.watched = {.deadline = deadline}, .sockets = sockets_tcp(1)};
    reaper_watch(reaper, &waiting->watched);
}

static void forget(struct reaper *reaper, struct waiting *waiting) {
    reaper_forget(reaper, &waiting->watched);
    sockets_close(&waiting->sockets);
}

/* Until the condition holds. */
static void await(bool (*holds)(const void *context), const void *context, const char *what) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_SECONDS;
    pthread_mutex_lock(&lock);
    int late = 0;
    while (!holds(context) && late == 0) {
        late = pthread_cond_timedwait(&changed, &lock, &until);
    }
    pthread_mutex_unlock(&lock);
    ck_assert_msg(late == 0, "%s: not in time", what);
}

static bool has_expired(const void *watched) {
    return expired == watched;
}

static bool has_swept(const void *times) {
    return sweeps >= *(const unsigned *)times;
}

START_TEST(test_who_waits_expires_at_the_deadline) {
    struct waiting early, never;
    struct reaper *reaper = begin();
    watch(reaper, &never, INFINITY);
    const double deadline = clock_monotonic_seconds() + 0.15;
    watch(reaper, &early, deadline);
    await(has_expired, &early, "the expiry of who has a deadline");
    ck_assert(clock_monotonic_seconds() >= deadline);
    ck_assert(!expired_as_gone);
    forget(reaper, &early);
    forget(reaper, &never);
    reaper_destroy(reaper);
}
END_TEST

START_TEST(test_who_has_gone_expires) {
    struct waiting gone, stays;
    struct reaper *reaper = begin();
    watch(reaper, &stays, INFINITY);
    watch(reaper, &gone, INFINITY);
    close(gone.sockets.theirs);
    gone.sockets.theirs = -1;
    await(has_expired, &gone, "the expiry of who has gone");
    ck_assert(expired_as_gone);
    forget(reaper, &gone);
    forget(reaper, &stays);
    reaper_destroy(reaper);
}
END_TEST

START_TEST(test_forgotten_one_does_not_expire) {
    struct waiting forgotten, after;
    struct reaper *reaper = begin();
    const double deadline = clock_monotonic_seconds() + 0.15;
    watch(reaper, &forgotten, deadline);
    watch(reaper, &after, deadline + 0.1);
    forget(reaper, &forgotten);
    forget(reaper, &(struct waiting){.sockets = sockets_unix()}); /* never watched */
    await(has_expired, &after, "the expiry of who came after");
    forget(reaper, &after);
    reaper_destroy(reaper);
}
END_TEST

START_TEST(test_all_expire_at_the_end) {
    struct waiting never;
    struct reaper *reaper = begin();
    watch(reaper, &never, INFINITY);
    reaper_expire_all(reaper);
    await(has_expired, &never, "the expiry of who has no deadline");
    forget(reaper, &never);
    reaper_destroy(reaper);
}
END_TEST

START_TEST(test_open_connections_are_swept_again_and_again) {
    static const unsigned times = 3;
    struct reaper *reaper = begin();
    pthread_mutex_lock(&lock);
    connected = true;
    pthread_mutex_unlock(&lock);
    reaper_wake(reaper);
    await(has_swept, &times, "three sweeps");
    reaper_destroy(reaper);
}
END_TEST

START_TEST(test_lingering_connection_is_closed_in_the_end) {
    struct reaper *reaper = begin();
    struct sockets sockets = sockets_tcp(1);
    reaper_linger(reaper, sockets.ours, true);
    close(sockets.ours);
    ck_assert_str_eq(sockets_read(&sockets), "");
    close(sockets.theirs);
    reaper_destroy(reaper);
}
END_TEST

Suite *suite_reaper(void) {
    Suite *suite = suite_create("reaper");
    TCase *tests = tcase_create("reaper");
    tcase_set_timeout(tests, 4 * DEADLINE_SECONDS);
    tcase_add_test(tests, test_who_waits_expires_at_the_deadline);
    tcase_add_test(tests, test_who_has_gone_expires);
    tcase_add_test(tests, test_forgotten_one_does_not_expire);
    tcase_add_test(tests, test_all_expire_at_the_end);
    tcase_add_test(tests, test_open_connections_are_swept_again_and_again);
    tcase_add_test(tests, test_lingering_connection_is_closed_in_the_end);
    suite_add_tcase(suite, tests);
    return suite;
}
