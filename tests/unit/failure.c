/* A check that fails, before libcheck hears of it: the linker sends every failure here
 * (--wrap, in the Makefile).
 *
 * It is told at once.  Tests run in one process, and one that fails leaves its engine
 * behind, whose threads hold completions on a stack that is gone: the process may well
 * end before libcheck reports.
 *
 * libcheck leaves a failed test by a longjmp to the stack of the thread that runs the
 * tests.  Any other thread would go on there beside it; it ends the process instead. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void __real__ck_assert_failed(const char *file, int line, const char *expression,
                                        const char *format, ...);
_Noreturn void __wrap__ck_assert_failed(const char *file, int line, const char *expression,
                                        const char *format, ...);

void __wrap__ck_assert_failed(const char *file, int line, const char *expression,
                              const char *format, ...) {
    char message[1024] = "";
    if (format != NULL) {
        va_list values;
        va_start(values, format);
        vsnprintf(message, sizeof message, format, values);
        va_end(values);
    }
    const char *said = format != NULL ? message : expression;
    fprintf(stderr, "%s:%d: %s\n", file, line, said);
    if (gettid() != getpid()) {
        fprintf(stderr, "which failed in a thread of a test: the run ends here\n");
        abort();
    }
    __real__ck_assert_failed(file, line, expression, "%s", said);
}
