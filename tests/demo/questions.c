/* See questions.h. */
#include "tests/demo/questions.h"

#include <pthread.h>
#include <stdlib.h>

#include "tests/demo/client.h"
#include "tests/demo/stopwatch.h"

#define INTERVAL_SECONDS 0.2
#define ANSWERS_MAX 1000 /* then the asking ends: a demo is not that long */

/* The lock guards `stopping` alone, which the main thread sets and `stopped`
 * announces.  All else is the thread's own until it has been joined. */
struct questions {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stopping;

    struct client *client;
    const char *path;
    const struct fashion_mnist_set *set;
    struct questions_summary summary;
    double seconds[ANSWERS_MAX]; /* [summary.count] */
    bool failed;
    struct failure failure;
};

static bool note_answer(struct questions *questions, const json_t *answer, uint8_t label,
                        double seconds) {
    struct questions_summary *summary = &questions->summary;
    const json_t *prediction = json_array_get(json_object_get(answer, "predictions"), 0);
    double index;
    double step;
    if (!answer_number(prediction, "index", &index, &questions->failure) ||
        !answer_number(answer, "step", &step, &questions->failure)) {
        return false;
    }
    if (summary->count == 0) {
        summary->first_step = step;
    }
    summary->last_step = step;
    summary->right += index == label;
    questions->seconds[summary->count++] = seconds;
    return true;
}

static bool ask(struct questions *questions) {
    const uint32_t image = (uint32_t)(questions->summary.count % questions->set->count);
    const struct rows rows = {.set = questions->set, .chosen = &image, .count = 1};
    const struct stopwatch stopwatch = stopwatch_start();
    json_t *answer =
        client_post_rows(questions->client, questions->path, &rows, 0, &questions->failure);
    const double seconds = stopwatch_seconds(&stopwatch);
    const bool noted =
        answer && note_answer(questions, answer, questions->set->labels[image], seconds);
    json_decref(answer);
    return noted;
}

/* Wait for the time of the next question; false when there is to be none. */
static bool await_turn(struct questions *questions) {
    struct timespec turn;
    clock_gettime(CLOCK_REALTIME, &turn);
    turn.tv_nsec += (long)(INTERVAL_SECONDS * 1e9);
    turn.tv_sec += turn.tv_nsec / 1000000000;
    turn.tv_nsec %= 1000000000;
    int code = 0;
    pthread_mutex_lock(&questions->lock);
    while (!questions->stopping && code == 0) {
        code = pthread_cond_timedwait(&questions->stopped, &questions->lock, &turn);
    }
    const bool more = !questions->stopping;
    pthread_mutex_unlock(&questions->lock);
    return more;
}

static void *run(void *context) {
    struct questions *questions = context;
    while (questions->summary.count < ANSWERS_MAX && await_turn(questions)) {
        if (!ask(questions)) {
            questions->failed = true;
            break;
        }
    }
    return NULL;
}

struct questions *questions_start(const char *origin, const char *path,
                                  const struct fashion_mnist_set *set, struct failure *failure) {
    struct questions *questions = calloc(1, sizeof *questions);
    if (!questions) {
        fail(failure, "no memory for the questions");
        return NULL;
    }
    pthread_mutex_init(&questions->lock, NULL);
    pthread_cond_init(&questions->stopped, NULL);
    questions->path = path;
    questions->set = set;
    questions->client = client_create(origin, failure);
    if (!questions->client) {
        goto fail;
    }
    if (pthread_create(&questions->thread, NULL, run, questions) != 0) {
        fail(failure, "no thread for the questions");
        goto fail;
    }
    return questions;

fail:
    client_destroy(questions->client);
    free(questions);
    return NULL;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

bool questions_stop(struct questions *questions, struct questions_summary *summary,
                    struct failure *failure) {
    pthread_mutex_lock(&questions->lock);
    questions->stopping = true;
    pthread_cond_signal(&questions->stopped);
    pthread_mutex_unlock(&questions->lock);
    pthread_join(questions->thread, NULL);

    *summary = questions->summary;
    if (summary->count > 0) {
        qsort(questions->seconds, summary->count, sizeof *questions->seconds, compare);
        summary->median_seconds = questions->seconds[summary->count / 2];
        summary->slowest_seconds = questions->seconds[summary->count - 1];
    }
    const bool succeeded = !questions->failed;
    if (!succeeded) {
        *failure = questions->failure;
    }
    client_destroy(questions->client);
    pthread_cond_destroy(&questions->stopped);
    pthread_mutex_destroy(&questions->lock);
    free(questions);
    return succeeded;
}
