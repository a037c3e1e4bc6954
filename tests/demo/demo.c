/* The demo: a live daemon learns Fashion-MNIST over HTTP.
 *
 *   build/demo build/mlpd [exact|diagonal]
 *
 * starts the daemon on a free port, creates a network, streams the training
 * images to it while a second thread asks it for predictions, evaluates it on the
 * test images and shows what it has learnt.  Ends with status 0 when at least
 * 88 % of the test images were recognised (by the note's diagonal rule: whatever it
 * came to); else with a line that says why not. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/demo/client.h"
#include "tests/demo/daemon.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/questions.h"
#include "tests/demo/terminal.h"
#include "tests/demo/training.h"

#define MODEL "/v1/models/fashion"
#define ACCURACY_MIN 0.88
#define HIDDEN_UNITS 128

enum {
    PICTURES = 4,
    CANDIDATES = 100, /* test images among which the pictures are chosen */
    CLASSES = FASHION_MNIST_CLASSES,
};

struct demo {
    struct fashion_mnist data;
    struct daemon daemon;
    struct client *client;
    const char *output_delta; /* of the model: "exact", or the note's "diagonal" */
};

static bool load_data(struct demo *demo, struct failure *failure) {
    const char *reason = fashion_mnist_load(&demo->data, FASHION_MNIST_DIRECTORY);
    return !reason || fail(failure, "%s", reason);
}

static json_t *class_names(void) {
    json_t *names = json_array();
    for (int i = 0; i < CLASSES; i++) {
        json_array_append_new(names, json_string(fashion_mnist_class_names[i]));
    }
    return names;
}

static bool create_model(struct demo *demo, struct failure *failure) {
    json_t *body = json_pack("{s:s, s:i, s:[i, i], s:o, s:{s:s, s:f, s:{s:s, s:I}}, s:s, s:i}",
                             "name", "fashion", "inputs", FASHION_MNIST_PIXELS, "layers",
                             HIDDEN_UNITS, CLASSES, "classes", class_names(), "optimizer", "name",
                             "adam", "learning_rate", 0.002, "schedule", "name", "cosine",
                             "decay_steps", (json_int_t)training_steps(&demo->data.training),
                             "output_delta", demo->output_delta, "seed", 1);
    json_t *model = client_post(demo->client, "/v1/models", body, failure);
    json_decref(body);
    double parameters;
    const bool created = model && answer_number(model, "parameters", &parameters, failure);
    json_decref(model);
    if (created) {
        char text[32];
        printf("The model: %d pixels, %d hidden units, %d classes; %s parameters.\n",
               FASHION_MNIST_PIXELS, HIDDEN_UNITS, CLASSES,
               terminal_thousands((size_t)parameters, text));
    }
    return created;
}

static void print_training(const struct training_summary *training,
                           const struct questions_summary *questions) {
    char examples[32];
    char rate[32];
    char first[32];
    char last[32];
    printf(
        "Trained on %s examples in %.1f s: %s examples/s.  Running loss %.4f, accuracy %.1f %%.\n",
        terminal_thousands(training->examples, examples), training->seconds,
        terminal_thousands((size_t)((double)training->examples / training->seconds), rate),
        training->loss, 100 * training->accuracy);
    printf("Meanwhile it answered %zu questions about test images, %zu of them right, in\n"
           "%.2f ms each (median; the slowest %.2f ms), from step %s up to step %s.\n\n",
           questions->count, questions->right, 1e3 * questions->median_seconds,
           1e3 * questions->slowest_seconds,
           terminal_thousands((size_t)questions->first_step, first),
           terminal_thousands((size_t)questions->last_step, last));
}

static bool train(struct demo *demo, struct failure *failure) {
    struct training_summary training;
    struct questions_summary summary;
    char count[32];
    printf("Streaming the %s training images over HTTP, %d times, %d a batch.\n",
           terminal_thousands(demo->data.training.count, count), TRAINING_EPOCHS, TRAINING_BATCH);
    struct questions *questions = questions_start(
        demo->daemon.origin, MODEL "/predictions?" PIXEL_SCALE, &demo->data.test, failure);
    if (!questions) {
        return false;
    }
    bool succeeded = training_run(demo->client, MODEL, &demo->data.training, &training, failure);
    struct failure of_questions;
    if (!questions_stop(questions, &summary, &of_questions) && succeeded) {
        *failure = of_questions;
        succeeded = false;
    }
    if (succeeded && summary.count == 0) {
        succeeded = fail(failure, "no prediction was answered during the training");
    }
    if (succeeded) {
        print_training(&training, &summary);
    }
    return succeeded;
}

static bool read_confusion(const json_t *evaluation, size_t counts[CLASSES * CLASSES],
                           struct failure *failure) {
    const json_t *matrix = json_object_get(evaluation, "confusion_matrix");
    for (size_t i = 0; i < CLASSES; i++) {
        for (size_t j = 0; j < CLASSES; j++) {
            const json_t *count = json_array_get(json_array_get(matrix, i), j);
            if (!json_is_integer(count)) {
                return fail(failure, "the evaluation has no count at /confusion_matrix/%zu/%zu", i,
                            j);
            }
            counts[i * CLASSES + j] = (size_t)json_integer_value(count);
        }
    }
    return true;
}

static bool evaluate(struct demo *demo, double *accuracy, struct failure *failure) {
    size_t counts[CLASSES * CLASSES];
    double loss;
    char count[32];
    const struct rows rows = {
        .set = &demo->data.test, .count = demo->data.test.count, .labelled = true};
    json_t *evaluation =
        client_post_rows(demo->client, MODEL "/evaluations?" PIXEL_SCALE, &rows, 0, failure);
    const bool succeeded = evaluation && answer_number(evaluation, "loss", &loss, failure) &&
                           answer_number(evaluation, "accuracy", accuracy, failure) &&
                           read_confusion(evaluation, counts, failure);
    json_decref(evaluation);
    if (succeeded) {
        printf("The %s test images, which it never trained on (columns: predicted):\n\n",
               terminal_thousands(demo->data.test.count, count));
        terminal_confusion(counts, fashion_mnist_class_names, CLASSES);
        printf("\n  accuracy on the test images: %.2f %% (loss %.4f)\n\n", 100 * *accuracy, loss);
    }
    return succeeded;
}

/* Choose the images to show: of different classes, the first that the model got
 * right, and last the first that it did not. */
static size_t choose(const struct fashion_mnist_set *test, const json_t *predictions,
                     size_t chosen[PICTURES]) {
    bool shown[CLASSES] = {false};
    size_t wrong = CANDIDATES;
    size_t count = 0;
    for (size_t i = 0; i < CANDIDATES; i++) {
        const json_t *index = json_object_get(json_array_get(predictions, i), "index");
        const uint8_t label = test->labels[i];
        if (json_integer_value(index) != label) {
            wrong = i < wrong ? i : wrong;
        } else if (!shown[label] && count < PICTURES - 1) {
            shown[label] = true;
            chosen[count++] = i;
        }
    }
    if (wrong < CANDIDATES) {
        chosen[count++] = wrong;
    }
    return count;
}

static bool show_pictures(struct demo *demo, struct failure *failure) {
    struct picture pictures[PICTURES];
    size_t chosen[PICTURES];
    const struct rows rows = {.set = &demo->data.test, .count = CANDIDATES};
    json_t *answer =
        client_post_rows(demo->client, MODEL "/predictions?" PIXEL_SCALE, &rows, 0, failure);
    if (!answer) {
        return false;
    }
    const json_t *predictions = json_object_get(answer, "predictions");
    const size_t count = choose(&demo->data.test, predictions, chosen);
    for (size_t i = 0; i < count; i++) {
        const json_t *prediction = json_array_get(predictions, chosen[i]);
        const char *label = json_string_value(json_object_get(prediction, "label"));
        const double probability = json_number_value(json_object_get(prediction, "probability"));
        struct picture *picture = &pictures[i];
        picture->pixels = demo->data.test.images + chosen[i] * FASHION_MNIST_PIXELS;
        snprintf(picture->captions[0], sizeof picture->captions[0], "is    %s",
                 fashion_mnist_class_names[demo->data.test.labels[chosen[i]]]);
        snprintf(picture->captions[1], sizeof picture->captions[1], "said  %s, %.1f %%",
                 label ? label : "nothing", 100 * probability);
    }
    terminal_pictures(pictures, count);
    json_decref(answer);
    return true;
}

static void print_next_steps(const char *program) {
    printf("To go on by hand: start a daemon, create a model that learns exclusive or, post\n"
           "a batch (here 200 times the same), and ask.  These lines work as they stand:\n"
           "\n"
           "  %s --listen 127.0.0.1:8080 &\n"
           "  curl --retry 5 --retry-connrefused --json '{\"name\":\"xor\",\"inputs\":2,"
           "\"layers\":[16,2],\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05}}' "
           "http://127.0.0.1:8080/v1/models\n"
           "  for i in $(seq 200); do curl -s -H 'Prefer: wait=5' --json "
           "'{\"inputs\":[[0,0],[0,1],[1,0],[1,1]],\"labels\":[0,1,1,0]}' "
           "http://127.0.0.1:8080/v1/models/xor/batches; done\n"
           "  curl --json '{\"inputs\":[[0,1],[1,1]]}' "
           "http://127.0.0.1:8080/v1/models/xor/predictions\n"
           "  kill %%1\n"
           "\n"
           "The demo's own daemon is being stopped, and its model goes with it.\n",
           program);
}

/* All that is done with the live daemon. */
static bool show(struct demo *demo, const char *program, struct failure *failure) {
    double accuracy;
    demo->client = client_create(demo->daemon.origin, failure);
    if (!demo->client || !create_model(demo, failure) || !train(demo, failure) ||
        !evaluate(demo, &accuracy, failure) || !show_pictures(demo, failure)) {
        return false;
    }
    print_next_steps(program);
    if (accuracy < ACCURACY_MIN && strcmp(demo->output_delta, "exact") == 0) {
        return fail(failure, "accuracy %.2f %% on the test images; it should be %.0f %% or more",
                    100 * accuracy, 100 * ACCURACY_MIN);
    }
    return true;
}

static bool run(const char *program, const char *output_delta, struct failure *failure) {
    struct demo demo = {.output_delta = output_delta};
    bool succeeded = load_data(&demo, failure) && daemon_start(&demo.daemon, program, failure);
    if (!succeeded) {
        goto out;
    }
    printf("A daemon of the demo's own answers at %s.\n", demo.daemon.origin);
    fflush(stdout);
    succeeded = show(&demo, program, failure);
    /* A daemon that died explains a failure better than the call that noticed. */
    if (!daemon_stop(&demo.daemon, failure)) {
        succeeded = false;
    }

out:
    client_destroy(demo.client);
    fashion_mnist_free(&demo.data);
    return succeeded;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s PATH-OF-MLPD [exact|diagonal]\n", argv[0]);
        return EXIT_FAILURE;
    }
    interrupt_hold();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct failure failure = {"unknown"};
    const bool succeeded = run(argv[1], argc > 2 ? argv[2] : "exact", &failure);
    curl_global_cleanup();
    if (!succeeded) {
        fflush(stdout);
        fprintf(stderr, "demo: %s\n", failure.reason);
    }
    return succeeded ? EXIT_SUCCESS : EXIT_FAILURE;
}
