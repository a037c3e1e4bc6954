/* Failures: each call of the file system fails in turn, once and for ever, and each allocation,
 * ours and SQLite's.
 *
 * A workload is run without failures first, which tells what the store holds after each step.
 * Then it is run again and again with one failure in a later place each time.  What a step says
 * must be true: done, or not done and the store usable (STORE_FULL), or the store at its end
 * (STORE_FATAL); and who opens it afterwards finds what was acknowledged.
 * STORE_FAULTS=long: every call, and each fifth allocation of SQLite's; else some. */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/fault/store_workload.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define VFS "failing"
#define IMAGE "crashed"
#define STEPS 40

/* What fails. */
enum fault { FAULT_IO_ERROR, FAULT_NO_SPACE, FAULT_SHORT, FAULT_MEMORY, FAULT_SQLITE_MEMORY };

struct trial {
    struct workload workload;
    struct vfs *vfs, *image;
    char directory[64], image_directory[64];
    enum fault fault;
    bool for_ever;
    long nth;
    bool failed; /* the place was reached */
    unsigned long full, fatal, unopened, other;
};

/* What the store holds after each step, from 0 on; the same in every trial. */
static char *states[STEPS + 1];

/* SQLite's own allocator, and how many allocations of it are left until one fails; negative: none
 * does. */
static sqlite3_mem_methods usual_memory;
static long sqlite_allocations = -1;
static bool sqlite_failed;

static bool fails_in_sqlite(void) {
    if (sqlite_allocations < 0) {
        return false;
    }
    const bool fails = sqlite_allocations-- == 0;
    sqlite_failed |= fails;
    return fails;
}

static void *allocate_in_sqlite(int bytes) {
    return fails_in_sqlite() ? NULL : usual_memory.xMalloc(bytes);
}

static void *reallocate_in_sqlite(void *block, int bytes) {
    return fails_in_sqlite() ? NULL : usual_memory.xRealloc(block, bytes);
}

/* While no connection is open. */
static void use_memory(const sqlite3_mem_methods *memory) {
    sqlite3_shutdown();
    ck_assert(sqlite3_config(SQLITE_CONFIG_MALLOC, memory) == SQLITE_OK);
    ck_assert(sqlite3_initialize() == SQLITE_OK);
}

static void fail_no_more(const struct trial *trial) {
    vfs_fail_no_more(trial->vfs);
    memory_fail_after(-1);
    sqlite_allocations = -1;
}

static void fail_from_here(const struct trial *trial) {
    if (trial->fault == FAULT_MEMORY) {
        memory_fail_after(trial->nth);
    } else if (trial->fault == FAULT_SQLITE_MEMORY) {
        sqlite_failed = false;
        sqlite_allocations = trial->nth;
    } else {
        vfs_fail_after(trial->vfs, (enum vfs_failure)trial->fault, trial->nth, trial->for_ever);
    }
}

static void begin(struct trial *trial, uint64_t seed) {
    store_fixture_directory(trial->directory);
    store_fixture_directory(trial->image_directory);
    trial->vfs = vfs_create(VFS, trial->directory);
    trial->image = vfs_create(IMAGE, trial->image_directory);
    workload_begin(&trial->workload, trial->directory, VFS, seed);
}

static void end(struct trial *trial) {
    workload_close(&trial->workload);
    vfs_destroy(trial->vfs);
    vfs_destroy(trial->image);
    store_fixture_remove(trial->directory);
    store_fixture_remove(trial->image_directory);
}

/* The store holds what it held after that step. */
static void expect_state(struct trial *trial, uint64_t step) {
    char *now = store_fixture_tell(&trial->workload.fixture);
    ck_assert_msg(strcmp(now, states[step]) == 0, "fault %d at %ld: step %llu left\n%s\nnot\n%s",
                  trial->fault, trial->nth, (unsigned long long)step, now, states[step]);
    free(now);
}

/* Nor would a crash now bring back what was said not to be done. */
static void expect_state_after_crash(const struct trial *trial, uint64_t step) {
    struct error error;
    uint64_t random = 1;
    vfs_cut(trial->vfs, trial->image, CUT_KEEP, &random);
    char *left = workload_read(trial->image_directory, IMAGE, &error);
    ck_assert_msg(left != NULL && strcmp(left, states[step]) == 0,
                  "fault %d at %ld: after a crash there is\n%s\nnot\n%s", trial->fault, trial->nth,
                  left != NULL ? left : error.message, states[step]);
    free(left);
}

/* The store says that it is at its end: it goes on saying so, and who opens it finds what was
 * acknowledged, or that with the step that failed. */
static void bury(struct trial *trial) {
    struct workload *workload = &trial->workload;
    struct store_fixture *fixture = &workload->fixture;
    struct error error = {.code = ERROR_NONE};
    if (fixture->store != NULL) {
        bool more;
        fail_no_more(trial);
        ck_assert(store_commit(fixture->store, NULL, 0, &error) == STORE_FATAL);
        ck_assert(error.message[0] != '\0');
        ck_assert(store_tidy(fixture->store, &more, &error) == STORE_FATAL);
        ck_assert(store_sync(fixture->store, &error) == STORE_FATAL);
        trial->fatal++;
    } else {
        ck_assert_msg(fixture->error.message[0] != '\0', "a failed opening says nothing");
        trial->unopened++;
    }
    workload_close(workload);
    fail_no_more(trial);
    char *left = workload_read(trial->directory, VFS, &error);
    ck_assert_msg(left != NULL, "fault %d at %ld: %s", trial->fault, trial->nth, error.message);
    const char *before = states[workload->steps], *after = states[workload->steps + 1];
    ck_assert_msg(strcmp(left, before) == 0 || strcmp(left, after) == 0,
                  "fault %d at %ld: after step %llu there is\n%s\nneither\n%s\nnor\n%s",
                  trial->fault, trial->nth, (unsigned long long)workload->steps, left, before,
                  after);
    free(left);
}

/* Run until the failure, and with one that does not last to the end. */
static void run(struct trial *trial, uint64_t seed) {
    struct workload *workload = &trial->workload;
    begin(trial, seed);
    fail_from_here(trial);
    while (workload->steps < STEPS) {
        const enum store_result result = workload_step(workload);
        if (result == STORE_FATAL) {
            bury(trial);
            trial->failed = true;
            break;
        }
        if (result != STORE_OK) {
            ck_assert_msg(result == STORE_FULL || result == STORE_UNAVAILABLE ||
                              result == STORE_CORRUPT,
                          "fault %d at %ld: %d", trial->fault, trial->nth, result);
            ck_assert(workload->fixture.error.message[0] != '\0');
            trial->full += result == STORE_FULL;
            trial->other += result != STORE_FULL;
            trial->failed = true;
            fail_no_more(trial); /* there is space again */
            expect_state(trial, workload->steps);
            expect_state_after_crash(trial, workload->steps);
        }
    }
    /* Failures for nothing: a checkpoint that finds no space waits. */
    trial->failed |= trial->fault == FAULT_SQLITE_MEMORY ? sqlite_failed
                     : trial->fault != FAULT_MEMORY      ? vfs_has_failed(trial->vfs)
                                                         : false;
    fail_no_more(trial);
    if (workload->fixture.store != NULL) {
        expect_state(trial, STEPS);
        workload_close(workload);
        struct error error;
        char *left = workload_read(trial->directory, VFS, &error);
        ck_assert_msg(left != NULL && strcmp(left, states[STEPS]) == 0, "%s",
                      left != NULL ? left : error.message);
        free(left);
    }
    end(trial);
}

static void run_whole(uint64_t seed) {
    struct trial trial = {.fault = FAULT_IO_ERROR};
    begin(&trial, seed);
    states[0] = strdup("-: ");
    for (int i = 1; i <= STEPS; i++) {
        ck_assert_msg(workload_step(&trial.workload) == STORE_OK, "%s",
                      trial.workload.fixture.error.message);
        states[i] = store_fixture_tell(&trial.workload.fixture);
    }
    end(&trial);
}

static bool is_long(void) {
    const char *form = getenv("STORE_FAULTS");
    return form != NULL && strcmp(form, "long") == 0;
}

/* Every place, or each `stride`-th. */
static void fail_in_turn(enum fault fault, bool for_ever, long stride, const char *what,
                         unsigned long at_least) {
    struct trial all = {.fault = fault};
    const uint64_t seed = 5;
    unsigned long trials = 0;
    run_whole(seed);
    for (long nth = 0;; nth += is_long() ? (stride < 80 ? 1 : stride / 40) : stride) {
        struct trial trial = {.fault = fault, .for_ever = for_ever, .nth = nth};
        run(&trial, seed);
        trials++;
        all.full += trial.full;
        all.fatal += trial.fatal;
        all.unopened += trial.unopened;
        all.other += trial.other;
        if (!trial.failed) {
            break;
        }
    }
    for (int i = 0; i <= STEPS; i++) {
        free(states[i]);
    }
    printf("store, %s: %lu trials, %lu full, %lu at an end, %lu not opened, %lu others\n", what,
           trials, all.full, all.fatal, all.unopened, all.other);
    ck_assert_msg(trials >= at_least, "%lu trials", trials);
}

START_TEST(test_an_io_error_ends_the_store_and_loses_nothing) {
    fail_in_turn(FAULT_IO_ERROR, false, 41, "an I/O error", 20);
}
END_TEST

START_TEST(test_io_errors_from_then_on_lose_nothing) {
    fail_in_turn(FAULT_IO_ERROR, true, 43, "I/O errors from then on", 20);
}
END_TEST

START_TEST(test_without_space_a_step_is_not_done_and_can_be_repeated) {
    fail_in_turn(FAULT_NO_SPACE, false, 37, "no space once", 20);
}
END_TEST

START_TEST(test_without_space_until_there_is_some_again_nothing_is_lost) {
    fail_in_turn(FAULT_NO_SPACE, true, 41, "no space for a while", 20);
}
END_TEST

START_TEST(test_a_short_write_is_no_space) {
    fail_in_turn(FAULT_SHORT, false, 43, "a short write", 20);
    fail_in_turn(FAULT_SHORT, true, 47, "short writes for a while", 20);
}
END_TEST

START_TEST(test_an_allocation_that_fails_leaves_everything_as_it_was) {
    fail_in_turn(FAULT_MEMORY, false, 1, "an allocation", 5);
}
END_TEST

START_TEST(test_an_allocation_of_sqlites_that_fails_loses_nothing) {
    sqlite3_shutdown();
    ck_assert(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual_memory) == SQLITE_OK);
    sqlite3_mem_methods failing = usual_memory;
    failing.xMalloc = allocate_in_sqlite;
    failing.xRealloc = reallocate_in_sqlite;
    use_memory(&failing);
    fail_in_turn(FAULT_SQLITE_MEMORY, false, 211, "an allocation of SQLite's", 20);
    use_memory(&usual_memory);
}
END_TEST

Suite *suite_store_failures(void) {
    Suite *suite = suite_create("store_failures");
    TCase *tests = tcase_create("failures");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, test_an_io_error_ends_the_store_and_loses_nothing);
    tcase_add_test(tests, test_io_errors_from_then_on_lose_nothing);
    tcase_add_test(tests, test_without_space_a_step_is_not_done_and_can_be_repeated);
    tcase_add_test(tests, test_without_space_until_there_is_some_again_nothing_is_lost);
    tcase_add_test(tests, test_a_short_write_is_no_space);
    tcase_add_test(tests, test_an_allocation_that_fails_leaves_everything_as_it_was);
    tcase_add_test(tests, test_an_allocation_of_sqlites_that_fails_loses_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
