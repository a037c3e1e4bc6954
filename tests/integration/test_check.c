/* mlpd --check DIR, where there is nothing to check; what it finds is tested with the store itself
 * (tests/unit/test_store_sqlite.c). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/daemon.h"
#include "tests/integration/suites.h"

/* Exit status 1, and one line that says why. */
static void want_refused(const char *directory, const char *part) {
    struct run run;
    daemon_run(&run, NULL, NULL, (const char *const[]){"--check", directory, NULL});
    const char *newline = strchr(run.err, '\n');
    want_equal_text(run.out, "");
    ck_assert_msg(run.status == 1 && strncmp(run.err, "mlpd: ", 6) == 0 && newline != NULL &&
                      newline[1] == '\0' && strstr(run.err, part) != NULL,
                  "%s: found status %d and '%s'; wanted one line with '%s'", directory, run.status,
                  run.err, part);
}

START_TEST(test_a_directory_that_holds_no_store_is_refused_in_one_line) {
    char directory[512], file[600];
    snprintf(directory, sizeof directory, "%s", scratch_name(".store"));
    snprintf(file, sizeof file, "%s/mlpd.db", directory);
    want_refused(directory, "No such file or directory");
    ck_assert(mkdir(directory, 0700) == 0);
    want_refused(directory, "there is no store in");
    FILE *notes = fopen(file, "w");
    ck_assert(notes != NULL &&
              fputs("notes of mine, longer than the name of a format\n", notes) > 0);
    ck_assert(fclose(notes) == 0);
    want_refused(directory, "is not a database of mlpd");
    want_refused(file, "is not a directory");
    ck_assert(unlink(file) == 0 && rmdir(directory) == 0); /* nothing was added to it */
}
END_TEST

Suite *check_suite(void) {
    Suite *suite = suite_create("check");
    TCase *tests = lone_case(suite, "check");
    tcase_add_test(tests, test_a_directory_that_holds_no_store_is_refused_in_one_line);
    return suite;
}
