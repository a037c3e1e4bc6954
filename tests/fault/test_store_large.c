/* Faults while a set of changes is committed that is too large for one transaction: it is written
 * ahead in several, and the write-ahead log is carried over meanwhile.  All of it is there
 * afterwards, or nothing.  STORE_FAULTS=long: in more places. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/store/sqlite_store.h"
#include "tests/fault/store_vfs.h"
#include "tests/unit/expect.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/suites.h"

#define VFS "large"
#define IMAGE "large-cut"
#define A "00000000000000aa"
#define ENTRIES 110
#define ENTRY_BYTES 640000 /* 70 MB in all */
#define CALLS 25000        /* of the file system that change something, about */

struct trial {
    struct store_fixture fixture;
    struct vfs *vfs, *image;
    char image_directory[64];
    char *before, *after; /* what the store holds; NULL: not known yet */
    char *seen;           /* in an image, that was not there before */
    unsigned long calls, first, every, images;
    uint64_t random;
};

static bool is_long(void) {
    const char *form = getenv("STORE_FAULTS");
    return form != NULL && strcmp(form, "long") == 0;
}

static enum error_code open_in(const char *directory, const char *vfs, struct store **store,
                               struct error *error) {
    const struct sqlite_store_settings settings = {.directory = directory, .vfs = vfs};
    return sqlite_store_open(&settings, store, error);
}

static char *read_in(const char *directory, const char *vfs) {
    struct store_fixture fixture = {.store = NULL};
    const enum error_code code = open_in(directory, vfs, &fixture.store, &fixture.error);
    ck_assert_msg(code == ERROR_NONE, "%s", fixture.error.message);
    char *told = store_fixture_tell(&fixture);
    store_close(fixture.store);
    return told;
}

static void begin(struct trial *trial) {
    struct store_fixture *fixture = &trial->fixture;
    *trial = (struct trial){.random = 1};
    store_fixture_directory(fixture->directory);
    store_fixture_directory(trial->image_directory);
    trial->vfs = vfs_create(VFS, fixture->directory);
    trial->image = vfs_create(IMAGE, trial->image_directory);
    ck_assert(open_in(fixture->directory, VFS, &fixture->store, &fixture->error) == ERROR_NONE);
    COMMIT(fixture, STORE_OK, add_model(A, "a", "h"), append(A, 1, "one"));
    trial->before = store_fixture_tell(fixture);
}

static void end(struct trial *trial) {
    store_fixture_close(&trial->fixture);
    vfs_destroy(trial->vfs);
    vfs_destroy(trial->image);
    store_fixture_remove(trial->fixture.directory);
    store_fixture_remove(trial->image_directory);
    free(trial->before);
    free(trial->after);
    free(trial->seen);
}

static enum store_result commit_large(struct trial *trial) {
    struct store_change changes[ENTRIES];
    for (unsigned i = 0; i < ENTRIES; i++) {
        changes[i] = append_bytes(A, i + 2, ENTRY_BYTES, i);
    }
    return store_commit(trial->fixture.store, changes, ENTRIES, &trial->fixture.error);
}

/* --- cuts of power ------------------------------------------------------------- */

static void cut_power(void *context) {
    struct trial *trial = context;
    trial->calls++;
    if (trial->calls < trial->first || (trial->calls - trial->first) % trial->every != 0) {
        return;
    }
    const enum vfs_cut cut = (enum vfs_cut)(vfs_random(&trial->random) % VFS_CUTS);
    vfs_cut(trial->vfs, trial->image, cut, &trial->random);
    char *found = read_in(trial->image_directory, IMAGE);
    trial->images++;
    if (strcmp(found, trial->before) == 0) {
        free(found);
    } else {
        ck_assert_msg(trial->seen == NULL || strcmp(found, trial->seen) == 0,
                      "call %lu: a part of the changes is there", trial->calls);
        free(trial->seen);
        trial->seen = found;
    }
}

START_TEST(test_a_power_cut_leaves_all_of_a_large_set_or_nothing) {
    struct trial trial;
    begin(&trial);
    trial.first = 5000;
    trial.every = is_long() ? CALLS / 50 : CALLS / 2;
    vfs_watch(trial.vfs, cut_power, &trial);
    EXPECT_RESULT(&trial.fixture, commit_large(&trial), STORE_OK);
    vfs_watch(trial.vfs, NULL, NULL);
    trial.after = store_fixture_tell(&trial.fixture);
    ck_assert(strstr(trial.after, "CORRUPT") == NULL && strlen(trial.after) > 20 * ENTRIES);
    ck_assert(trial.seen == NULL || strcmp(trial.seen, trial.after) == 0);
    ck_assert(trial.images > 0);
    printf("power cuts: %lu images of a set of 70 MB at %lu calls\n", trial.images, trial.calls);
    end(&trial);
}
END_TEST

/* --- failing calls ------------------------------------------------------------- */

static void fail_once(enum vfs_failure failure, long nth) {
    struct trial trial;
    struct store_fixture *fixture = &trial.fixture;
    begin(&trial);
    vfs_fail_after(trial.vfs, failure, nth, true);
    const enum store_result result = commit_large(&trial);
    vfs_fail_no_more(trial.vfs);
    ck_assert_msg(vfs_has_failed(trial.vfs), "%ld calls are more than there are", nth);
    ck_assert_msg(result == (failure == VFS_IO_ERROR ? STORE_FATAL : STORE_FULL),
                  "failure %d at %ld: found %d", failure, nth, result);
    if (result == STORE_FULL) {
        EXPECT_TOLD(fixture, trial.before);
        EXPECT_RESULT(fixture, commit_large(&trial), STORE_OK);
        store_fixture_tidy(fixture);
        char *told = store_fixture_tell(fixture);
        ck_assert(strstr(told, "CORRUPT") == NULL && strlen(told) > 20 * ENTRIES);
        free(told);
    } else {
        store_fixture_close(fixture);
        char *left = read_in(fixture->directory, VFS);
        EXPECT_TEXT(left, trial.before);
        free(left);
    }
    end(&trial);
}

START_TEST(test_a_failure_leaves_nothing_of_a_large_set) {
    const long step = is_long() ? CALLS / 10 : CALLS;
    for (long nth = 6000; nth < CALLS - 1000; nth += step) {
        fail_once(VFS_NO_SPACE, nth);
        fail_once(VFS_IO_ERROR, nth);
    }
}
END_TEST

Suite *suite_store_large(void) {
    Suite *suite = suite_create("store_large");
    TCase *tests = tcase_create("large");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, test_a_power_cut_leaves_all_of_a_large_set_or_nothing);
    tcase_add_test(tests, test_a_failure_leaves_nothing_of_a_large_set);
    suite_add_tcase(suite, tests);
    return suite;
}
