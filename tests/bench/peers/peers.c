/* mlpd beside what a user would write instead: make bench-peers
 *
 *   bench-peers MLPD SERVICES ROUNDS SECONDS JSON-FILE SVG-FILE COMMAND
 *
 * SERVICES is the folder with torch_service.py and sklearn_service.py, which say of
 * themselves what they are.  All servers get the same requests, byte for byte, from the
 * same load generator on the same cores, the same warm-up, and one after the other in
 * each round, so that a machine whose speed drifts changes all of them.
 *
 * Training: one model, Adam, four connections, several batches a request; an answer comes
 * when they are trained, so that each example that counts has been.  Arithmetic with one
 * thread or with one a core: the peers' services run as both, and for each row the faster
 * is chosen before the rounds.
 *
 * Not comparable: mlpd also counts right answers while it trains, keeps the history of
 * losses, checks that numbers are finite and bounds its queue and its memory; the peers do
 * none of it.  mlpd's weights do not depend on timing; theirs do, where requests overlap.
 * Predictions are JSON everywhere; mlpd's name the label, too. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/engine/clock.h"
#include "tests/bench/daemon.h"
#include "tests/bench/peers/chart.h"
#include "tests/bench/peers/comparison.h"
#include "tests/bench/peers/learning.h"

#define SETTINGS 2 /* one thread, and one a core */
#define TASKS_MAX 16
#define FIGURES_MAX 3
#define CONNECTIONS_TRAINING 4
#define LOOKS 2            /* at each setting, by turns, to choose */
#define CHOOSING_SHARE 0.5 /* of the seconds */
#define PYTHON "/usr/bin/python3"

static struct comparison comparison;

/* ---- servers ---- */

static const char *services; /* folder */
static size_t setting_threads[SETTINGS] = {1, 1};
static struct process servers[SIDES][SETTINGS];

static struct process start(enum side side, size_t setting) {
    static const char *const scripts[SIDES] = {
        [SIDE_TORCH] = "torch_service.py", [SIDE_SKLEARN] = "sklearn_service.py"};
    char script[LABEL_BYTES], threads[16];
    if (side == SIDE_MLPD) {
        return daemon_start();
    }
    snprintf(script, sizeof script, "%s/%s", services, scripts[side]);
    snprintf(threads, sizeof threads, "%zu", setting_threads[setting]);
    /* -B: nothing is written beside the sources. */
    const char *const arguments[] = {"-B", script, "--threads", threads, NULL};
    return process_start(PYTHON, arguments);
}

static size_t settings_of(enum side side) {
    return side == SIDE_MLPD || setting_threads[0] == setting_threads[1] ? 1 : SETTINGS;
}

static void ask_version(enum side side) {
    static char answer[16384];
    struct load_request request = load_prepare("GET", "/v1/server", "", NULL, 0);
    load_ask(servers[side][0].port, &request, answer, sizeof answer);
    load_release(&request);
    json_t *document = json_loads(answer, 0, NULL);
    const char *version = json_string_value(json_object_get(document, "version"));
    const char *arithmetic = json_string_value(json_object_get(document, "arithmetic"));
    snprintf(comparison.versions[side], LABEL_BYTES, "%s%s%s%s", side == SIDE_MLPD ? "mlpd " : "",
             version != NULL ? version : "unknown", arithmetic != NULL ? ", " : "",
             arithmetic != NULL ? arithmetic : "");
    json_decref(document);
}

static void start_all(void) {
    setting_threads[1] = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    for (enum side side = 0; side < SIDES; side++) {
        for (size_t setting = 0; setting < settings_of(side); setting++) {
            servers[side][setting] = start(side, setting);
            learning_check(side_names[side], servers[side][setting].port);
        }
        ask_version(side);
    }
}

static void stop_all(void) {
    for (enum side side = 0; side < SIDES; side++) {
        for (size_t setting = 0; setting < settings_of(side); setting++) {
            process_stop(&servers[side][setting]);
        }
    }
}

/* ---- what is measured ---- */

struct task;

/* Run it at a side with one of its settings; a value for each of the task's rows. */
typedef void run_task(const struct task *task, enum side side, size_t setting, double seconds,
                      double values[FIGURES_MAX]);

struct task {
    run_task *run;
    const struct shape *shape;
    enum body_format format;
    size_t connections;
    bool chosen; /* the setting is, by the first row */
    struct row *rows[FIGURES_MAX];
    size_t row_count;
    size_t setting[SIDES];
};

static struct task tasks[TASKS_MAX];
static size_t task_count;

static void must_answer(const struct task *task, enum side side, const struct load_result *result) {
    if (result->refused > 0) {
        fprintf(stderr, "bench: %s, %s: %s refused %zu requests\n", task->rows[0]->group,
                task->rows[0]->name, side_names[side], result->refused);
        exit(EXIT_FAILURE);
    }
}

/* Train with one request. */
static void train_once(const struct task *task, unsigned port, const char *model) {
    struct body body = body_make(task->shape, BODY_F32, task->shape->request_rows, true);
    struct load_request request = daemon_request(model, "batches", &body, task->shape->batch);
    load_ask(port, &request, NULL, 0);
    load_release(&request);
    body_free(&body);
}

static struct load_result load(const struct task *task, enum side side, size_t setting,
                               const char *call, size_t rows, double seconds) {
    const unsigned port = servers[side][setting].port;
    const bool training = rows > 1;
    struct body body = body_make(task->shape, task->format, rows, training);
    struct load_request request =
        daemon_request("m", call, &body, training ? task->shape->batch : 0);
    daemon_create_model(port, task->shape, OPTIMIZER_ADAM, "m");
    train_once(task, port, "m");
    const struct load_result result = load_run(port, task->connections, &request, 1, seconds, NULL);
    must_answer(task, side, &result);
    daemon_delete_model(port, "m");
    load_release(&request);
    body_free(&body);
    return result;
}

static void run_training(const struct task *task, enum side side, size_t setting, double seconds,
                         double values[FIGURES_MAX]) {
    const size_t rows = task->shape->request_rows;
    values[0] = load(task, side, setting, "batches", rows, seconds).rate * (double)rows;
}

static void run_predictions(const struct task *task, enum side side, size_t setting, double seconds,
                            double values[FIGURES_MAX]) {
    const struct load_result result = load(task, side, setting, "predictions", 1, seconds);
    values[0] = result.rate;
    values[1] = result.p50_seconds * 1e3;
    values[2] = result.p99_seconds * 1e3;
}

/* Another process: until its first answer, and what is resident when its model has been
 * trained, as scikit-learn's has no weights before. */
static void run_process(const struct task *task, enum side side, size_t setting, double seconds,
                        double values[FIGURES_MAX]) {
    (void)seconds;
    const double begin = clock_monotonic_seconds();
    struct process process = start(side, setting);
    daemon_create_model(process.port, task->shape, OPTIMIZER_ADAM, "one");
    values[0] = (clock_monotonic_seconds() - begin) * 1e3;
    train_once(task, process.port, "one");
    values[1] = (double)process_resident_bytes(&process) / (1 << 20);
    process_stop(&process);
}

static struct task *add_task(run_task *run, const struct shape *shape, size_t row_count) {
    if (task_count == TASKS_MAX) {
        abort();
    }
    struct task *task = &tasks[task_count++];
    *task = (struct task){.run = run, .shape = shape, .row_count = row_count};
    return task;
}

static void add_training(const struct shape *shape, enum body_format format) {
    static const char *const groups[BODY_FORMATS] = {
        [BODY_F32] = "training, binary bodies", [BODY_JSON] = "training, JSON bodies"};
    char name[SHAPE_NAME_BYTES];
    struct task *task = add_task(run_training, shape, 1);
    task->format = format;
    task->connections = CONNECTIONS_TRAINING;
    task->chosen = true;
    shape_name(shape, name);
    task->rows[0] = comparison_add(&comparison, groups[format], "examples/s", "%s", name);
    task->rows[0]->in_chart = true;
}

static void add_predictions(enum body_format format, size_t connections) {
    const char *group = "one-row predictions, 784-256-128-10";
    struct task *task = add_task(run_predictions, &shapes[SHAPE_MEDIUM], FIGURES_MAX);
    task->format = format;
    task->connections = connections;
    task->chosen = true;
    static const struct {
        const char *unit, *name;
        bool less_is_better, in_chart;
    } figures[FIGURES_MAX] = {
        {"requests/s", "", false, true}, {"ms", ": p50", true, false}, {"ms", ": p99", true, true}};
    for (size_t i = 0; i < FIGURES_MAX; i++) {
        struct row *row =
            comparison_add(&comparison, group, figures[i].unit, "%s, %zu connection%s%s",
                           format == BODY_JSON ? "JSON" : "binary", connections,
                           connections > 1 ? "s" : "", figures[i].name);
        row->less_is_better = figures[i].less_is_better;
        row->in_chart = figures[i].in_chart;
        task->rows[i] = row;
    }
}

static void add_process(void) {
    struct task *task = add_task(run_process, &shapes[SHAPE_TINY], 2);
    const char *group = "the process, one small model";
    task->rows[0] = comparison_add(&comparison, group, "ms", "start-up to the first answer");
    task->rows[1] = comparison_add(&comparison, group, "MiB", "resident memory");
    for (size_t i = 0; i < task->row_count; i++) {
        task->rows[i]->less_is_better = task->rows[i]->in_chart = true;
    }
}

static void add_all(void) {
    static const enum body_format formats[] = {BODY_F32, BODY_JSON};
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < SHAPE_COUNT; i++) {
            add_training(&shapes[i], formats[f]);
        }
    }
    for (size_t f = 2; f-- > 0;) {
        add_predictions(formats[f], 1);
        add_predictions(formats[f], 64);
    }
    add_process();
}

/* ---- running ---- */

static void show(const char *what, size_t round, const struct task *task) {
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K%s %zu: %s, %s", what, round + 1, task->rows[0]->group,
                task->rows[0]->name);
    }
}

/* For each task and peer the setting that is faster, by the sum of some looks at each. */
static void choose_settings(void) {
    for (size_t t = 0; t < task_count; t++) {
        struct task *task = &tasks[t];
        for (enum side side = SIDE_TORCH; side < SIDES && task->chosen; side++) {
            double sums[SETTINGS] = {0};
            for (size_t look = 0; look < LOOKS * settings_of(side); look++) {
                const size_t setting = look % settings_of(side);
                double values[FIGURES_MAX];
                show("choosing threads", look, task);
                task->run(task, side, setting, CHOOSING_SHARE * comparison.seconds, values);
                sums[setting] += values[0];
            }
            task->setting[side] = sums[1] > sums[0] ? 1 : 0;
            for (size_t i = 0; i < task->row_count; i++) {
                task->rows[i]->threads[side] = setting_threads[task->setting[side]];
            }
        }
    }
}

static void run_round(size_t round) {
    for (size_t t = 0; t < task_count; t++) {
        const struct task *task = &tasks[t];
        show("round", round, task);
        for (size_t i = 0; i < SIDES; i++) {
            const enum side side = (enum side)((round + i) % SIDES);
            double values[FIGURES_MAX];
            task->run(task, side, task->setting[side], comparison.seconds, values);
            for (size_t v = 0; v < task->row_count; v++) {
                task->rows[v]->values[side][round] = values[v];
            }
        }
    }
}

static void describe_machine(void) {
    char line[LABEL_BYTES] = "", *value = NULL;
    const time_t now = time(NULL);
    struct tm parts;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && value == NULL && fgets(line, sizeof line, file) != NULL) {
        value = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    line[strcspn(line, "\n")] = '\0';
    snprintf(comparison.cpu, LABEL_BYTES, "%ld cores of %.200s", sysconf(_SC_NPROCESSORS_ONLN),
             value != NULL ? value + 2 : "an unknown CPU");
    strftime(comparison.date, LABEL_BYTES, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &parts));
}

static void print_head(void) {
    printf("%s, %s\n", comparison.cpu, comparison.date);
    for (enum side side = 0; side < SIDES; side++) {
        printf("%s\n", comparison.versions[side]);
    }
    printf("%zu rounds of %g s a figure, medians.  Load average %.2f before, %.2f after.\n"
           "times: how many times better mlpd is.  /2: with two threads, where both were tried.\n",
           comparison.rounds, comparison.seconds, comparison.load_before[0],
           comparison.load_after[0]);
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: %s MLPD SERVICES ROUNDS SECONDS JSON-FILE SVG-FILE COMMAND\n",
                argv[0]);
        return 2;
    }
    const size_t rounds = strtoul(argv[3], NULL, 10);
    daemon_choose(argv[1]);
    services = argv[2];
    comparison.rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    comparison.seconds = strtod(argv[4], NULL);
    snprintf(comparison.command, LABEL_BYTES, "%s", argv[7]);
    describe_machine();
    getloadavg(comparison.load_before, 3);
    add_all();
    start_all();
    choose_settings();
    for (size_t round = 0; round < comparison.rounds; round++) {
        run_round(round);
    }
    stop_all();
    getloadavg(comparison.load_after, 3);
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K");
    }
    print_head();
    comparison_print(&comparison);
    if (!comparison_write(&comparison, argv[5]) || !chart_write(&comparison, argv[6])) {
        fprintf(stderr, "bench: cannot write %s or %s\n", argv[5], argv[6]);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
