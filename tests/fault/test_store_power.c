/* Power cuts: whatever the disk had of what was not synced, a store that is opened again holds what
 * was acknowledged, and nothing else.
 *
 * At each call that changes something on the disk an image of it is made by chance (store_vfs.h)
 * and opened with the ordinary store.  What is read there must be what was acknowledged last, or
 * that with the step that was under way; where not every commit waits for the disk, what was
 * acknowledged at some instant since the last sync.  STORE_FAULTS=long: 10,000 images and more. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fault/store_workload.h"
#include "tests/unit/expect.h"
#include "tests/unit/suites.h"

#define IMAGE "cut"
#define WORK "work"
#define STEPS_MAX 60

/* A run of one workload. */
struct run {
    struct workload workload;
    struct vfs *work, *image;
    char image_directory[64];
    uint64_t random;
    unsigned one_in; /* of the calls at which an image is made */
    /* What is acknowledged: the last one, and those since a sync before it. */
    char *before[STEPS_MAX + 1];
    size_t kept;
    char *seen; /* what else was read in images of the step under way; NULL: nothing */
    unsigned long calls, images, of_backups, half;
};

static bool is_before(const struct run *run, const char *found) {
    for (size_t i = run->kept; i > 0; i--) {
        if (strcmp(found, run->before[i - 1]) == 0) {
            return true;
        }
    }
    return false;
}

static void compare(struct run *run, char *found, enum vfs_cut cut, const struct error *error) {
    ck_assert_msg(found != NULL, "call %lu, cut %d: cannot be opened: %s", run->calls, cut,
                  error->message);
    if (is_before(run, found)) {
        free(found);
    } else if (run->seen == NULL) {
        run->seen = found; /* what the step is to lead to: seen when it is done */
        run->half++;
    } else {
        ck_assert_msg(strcmp(found, run->seen) == 0, "call %lu, cut %d: three states of a step",
                      run->calls, cut);
        run->half++;
        free(found);
    }
}

/* A backup that was finished is on the disk, and opens. */
static void look_at_backup(struct run *run) {
    struct error error;
    char path[96];
    const uint64_t last = run->workload.backups;
    if (last == 0 || run->images % 8 != 0) {
        return;
    }
    snprintf(path, sizeof path, "%s/backups/b%llu", run->image_directory, (unsigned long long)last);
    char *found = workload_read(path, IMAGE, &error);
    ck_assert_msg(found != NULL && strstr(found, "CORRUPT") == NULL, "backup %llu: %s",
                  (unsigned long long)last, found != NULL ? found : error.message);
    free(found);
    run->of_backups++;
}

static void cut_power(void *context) {
    struct run *run = context;
    run->calls++;
    if (vfs_random(&run->random) % run->one_in != 0) {
        return;
    }
    const enum vfs_cut cut = (enum vfs_cut)(vfs_random(&run->random) % VFS_CUTS);
    struct error error;
    vfs_cut(run->work, run->image, cut, &run->random);
    compare(run, workload_read(run->image_directory, IMAGE, &error), cut, &error);
    run->images++;
    look_at_backup(run);
}

static void forget_states(struct run *run) {
    while (run->kept > 0) {
        free(run->before[--run->kept]);
    }
}

/* The step ended: what it led to is what the images had, if one had anything new. */
static void end_step(struct run *run) {
    char *now = store_fixture_tell(&run->workload.fixture);
    ck_assert_msg(run->seen == NULL || strcmp(run->seen, now) == 0,
                  "step %llu: an image held what never was:\n%s\nnow:\n%s\nbefore:\n%s",
                  (unsigned long long)run->workload.steps, run->seen, now,
                  run->before[run->kept - 1]);
    free(run->seen);
    run->seen = NULL;
    if (run->workload.durability == STORE_ALWAYS || run->workload.synced) {
        forget_states(run);
    }
    run->before[run->kept++] = now;
}

static void make_directory(const char *parent, const char *name) {
    char path[96];
    snprintf(path, sizeof path, "%s/%s", parent, name);
    ck_assert(mkdir(path, 0700) == 0);
}

static void work(struct run *run, uint64_t seed, unsigned one_in) {
    char directory[64];
    store_fixture_directory(directory);
    store_fixture_directory(run->image_directory);
    make_directory(run->image_directory, "backups");
    make_directory(run->image_directory, "backups/b1");
    make_directory(run->image_directory, "backups/b2");
    run->work = vfs_create(WORK, directory);
    run->image = vfs_create(IMAGE, run->image_directory);
    run->random = seed * 77 + 1;
    run->one_in = one_in;
    run->before[run->kept++] = strdup("-: ");
    workload_begin(&run->workload, directory, WORK, seed);
    run->workload.large = seed % 4 == 0;
    run->workload.durability = seed % 3 == 2 ? STORE_INTERVAL : STORE_ALWAYS;
    vfs_watch(run->work, cut_power, run);
    while (run->workload.steps < STEPS_MAX) {
        const enum store_result result = workload_step(&run->workload);
        ck_assert_msg(result == STORE_OK, "%d: %s", result, run->workload.fixture.error.message);
        end_step(run);
    }
    workload_close(&run->workload);
    struct error error;
    char *left = workload_read(directory, WORK, &error);
    EXPECT_TEXT(left, run->before[run->kept - 1]);
    free(left);
    free(run->seen);
    forget_states(run);
    vfs_destroy(run->work);
    vfs_destroy(run->image);
    store_fixture_remove(directory);
    store_fixture_remove(run->image_directory);
}

static bool is_long(void) {
    const char *form = getenv("STORE_FAULTS");
    return form != NULL && strcmp(form, "long") == 0;
}

START_TEST(test_a_power_cut_loses_nothing_that_was_acknowledged) {
    const unsigned long wanted = is_long() ? 10000 : 400;
    struct run all = {.images = 0};
    for (uint64_t seed = 1; all.images < wanted; seed++) {
        struct run run = {.images = 0};
        work(&run, seed, is_long() ? 3 : 50);
        all.images += run.images;
        all.calls += run.calls;
        all.half += run.half;
        all.of_backups += run.of_backups;
    }
    ck_assert(all.of_backups > 0 && (all.half > 0 || !is_long()));
    printf("power cuts: %lu images at %lu calls, of which %lu had the step under way, and %lu "
           "backups in them\n",
           all.images, all.calls, all.half, all.of_backups);
}
END_TEST

Suite *suite_store_power(void) {
    Suite *suite = suite_create("store_power");
    TCase *tests = tcase_create("power");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, test_a_power_cut_loses_nothing_that_was_acknowledged);
    suite_add_tcase(suite, tests);
    return suite;
}
