/* Benchmarks: what mlpd does, beside what the machine can do.
 *
 *   bench MLPD ROUNDS SECONDS JSON-FILE        make bench, make bench-quick
 *   bench --swallow DRIVEN --port-file FILE    the bare server, for itself
 *
 * Prints a table and writes the same as JSON.  The load generator runs on the same cores
 * as what it loads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/maths/numerics.h"
#include "core/maths/product.h"
#include "tests/bench/bare.h"
#include "tests/bench/ceiling.h"
#include "tests/bench/commits.h"
#include "tests/bench/daemon.h"
#include "tests/bench/durable.h"
#include "tests/bench/intake.h"
#include "tests/bench/many_models.h"
#include "tests/bench/measurement.h"
#include "tests/bench/predictions.h"
#include "tests/bench/swallow.h"
#include "tests/bench/training.h"

static double run_copy(const struct measurement *m, double seconds) {
    (void)m;
    return ceiling_copy(seconds) / 1e9;
}

static double run_start(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    struct process process = daemon_start();
    process_stop(&process);
    return process.start_seconds * 1e3;
}

static double run_resident(const struct measurement *m, double seconds) {
    (void)m, (void)seconds;
    struct process process = daemon_start();
    daemon_create_model(process.port, &shapes[SHAPE_TINY], OPTIMIZER_ADAM, "one");
    const double resident = (double)process_resident_bytes(&process);
    process_stop(&process);
    return resident / (1 << 20);
}

static void process_measurements(void) {
    measurement_add("process", "ms", run_start, "start-up to the first connection")->bound = 50;
    measurement_add("process", "MiB", run_resident, "resident with one small model")->bound = 16;
}

static void read_cpu(char *name, size_t size) {
    char line[256] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown CPU");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && value != NULL) {
            value[strcspn(value, "\n")] = '\0';
            snprintf(name, size, "%s", value + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static size_t bounded(unsigned long value, size_t least, size_t most) {
    return value < least ? least : value > most ? most : value;
}

int main(int argc, char **argv) {
    struct error error;
    char cpu[256];
    if (argc != 5) {
        fprintf(stderr, "usage: %s MLPD ROUNDS SECONDS JSON-FILE\n", argv[0]);
        return 2;
    }
    if (strcmp(argv[1], "--swallow") == 0) {
        return swallow(argv[2], argv[4]);
    }
    const size_t rounds = bounded(strtoul(argv[2], NULL, 10), 1, ROUNDS_MAX);
    const double seconds = strtod(argv[3], NULL);
    memory_start();
    if (numerics_start(&error) != ERROR_NONE) {
        fprintf(stderr, "bench: %s\n", error.message);
        return EXIT_FAILURE;
    }
    bare_choose(argv[0]);
    daemon_choose(argv[1]);
    read_cpu(cpu, sizeof cpu);
    printf("%ld cores, %s\n%s, mlpd " MLPD_VERSION "\n%zu rounds of %g s a figure; medians; the "
           "second number is the share of the ceiling\n",
           sysconf(_SC_NPROCESSORS_ONLN), cpu, product_description(), rounds, seconds);
    fflush(stdout);
    measurement_add("machine", "GB/s", run_copy, "memcpy, one core");
    intake_measurements();
    training_measurements();
    prediction_measurements();
    many_models_measurements();
    commits_measurements();
    durable_measurements();
    process_measurements();
    measurements_run(rounds, seconds);
    measurements_print();
    if (!measurements_write(argv[4], cpu)) {
        fprintf(stderr, "bench: cannot write %s\n", argv[4]);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
