/* Runs every unit test; tests/unit/suites.h lists the suites. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/maths/product.h"
#include "tests/unit/suites.h"

int main(void) {
    struct error error;
    if (product_start(&error) != ERROR_NONE) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    SRunner *runner = srunner_create(NULL);
    /* OpenBLAS must not be forked after it is loaded. */
    srunner_set_fork_status(runner, CK_NOFORK);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        srunner_add_suite(runner, suites[i]());
    }
    srunner_run_all(runner, CK_ENV);
    const int ran = srunner_ntests_run(runner);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return ran > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
