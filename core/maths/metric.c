/* Metrics; see metric.h. */
#include "core/maths/metric.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/base/checked.h"

#define ROWS_PER_PIECE 1024
#define MERGES_PER_PIECE 65536

/* A row's score for a class, and whether it is of that class. */
struct ranked {
    float score;
    uint32_t positive;
};

struct workspace {
    struct class_metrics *per_class;
    uint64_t *predicted; /* [classes] rows predicted as the class */
    uint64_t *right;     /* [classes] of them rightly */
    uint64_t *confusion_matrix;
    struct ranked *ranked, *merged; /* [rows] each */
    float *activated;               /* [a piece's rows × outputs] */
    float *row_losses;              /* [rows], or NULL */
};

/* Exclusive classes, or sigmoid outputs that are each a class. */
static size_t class_count(const struct network *network) {
    if (!loss_functions[network->loss].classifies) {
        return 0;
    }
    return network->outputs == 1 ? 2 : network->outputs;
}

static bool is_multi_label(const struct network *network) {
    return network->loss == LOSS_BINARY_CROSSENTROPY && network->outputs > 1;
}

static bool wants_confusion(const struct network *network,
                            const struct evaluation_request *request) {
    const size_t classes = class_count(network);
    return classes > 0 && !is_multi_label(network) &&
           (classes <= CONFUSION_CLASSES_DEFAULT || request->confusion_matrix);
}

/* Of what classes need, without the losses of rows. */
static size_t class_bytes(const struct network *network, const struct evaluation_request *request,
                          size_t rows) {
    const size_t classes = class_count(network);
    if (classes == 0) {
        return sizeof(uint64_t);
    }
    const size_t piece = size_min(rows, ROWS_PER_PIECE) * network->outputs * sizeof(float);
    size_t total, ranked, confusion = 0;
    if (!checked_multiply(rows, 2 * sizeof(struct ranked), &ranked) ||
        !checked_add(ranked, piece, &ranked) ||
        !checked_add(ranked, classes * (sizeof(struct class_metrics) + 2 * sizeof(uint64_t)),
                     &total) ||
        (wants_confusion(network, request) &&
         (!checked_multiply(classes, classes, &confusion) ||
          !checked_multiply(confusion, sizeof(uint64_t), &confusion))) ||
        !checked_add(total, confusion, &total)) {
        return SIZE_MAX;
    }
    return total;
}

size_t evaluation_bytes(const struct network *network, const struct evaluation_request *request,
                        size_t rows) {
    size_t total = class_bytes(network, request, rows), losses = 0;
    return (request->per_example && !checked_multiply(rows, sizeof(float), &losses)) ||
                   !checked_add(total, losses, &total)
               ? SIZE_MAX
               : total;
}

static struct workspace divide_workspace(const struct network *network,
                                         const struct evaluation_request *request, size_t rows,
                                         void *block) {
    const size_t classes = class_count(network);
    struct workspace w = {.per_class = block};
    if (request->per_example) {
        w.row_losses = (float *)((char *)block + class_bytes(network, request, rows));
    }
    if (classes == 0) {
        return w;
    }
    w.predicted = (uint64_t *)(w.per_class + classes);
    w.right = w.predicted + classes;
    uint64_t *next = w.right + classes;
    if (wants_confusion(network, request)) {
        w.confusion_matrix = next;
        next += classes * classes;
    }
    w.ranked = (struct ranked *)next;
    w.merged = w.ranked + rows;
    w.activated = (float *)(w.merged + rows);
    return w;
}

/* Is row r of class c? */
static bool is_of_class(const struct network *network, const struct pass_batch *batch, size_t r,
                        size_t c) {
    if (batch->labels != NULL) {
        return (size_t)batch->labels[r] == c;
    }
    const float *targets = batch->targets + r * network->outputs;
    return is_multi_label(network) ? targets[c] > 0.5f
                                   : loss_predicted_class(network->outputs, targets) == c;
}

static size_t true_class(const struct network *network, const struct pass_batch *batch, size_t r) {
    return batch->labels != NULL
               ? (size_t)batch->labels[r]
               : loss_predicted_class(network->outputs, batch->targets + r * network->outputs);
}

/* How many outputs the top-k list shows before class c: larger ones, and equal
 * ones of a lower index. */
static size_t rank_of_class(size_t outputs, const float *A, size_t c) {
    size_t before = 0;
    for (size_t j = 0; j < outputs; j++) {
        before += A[j] > A[c] || (A[j] == A[c] && j < c);
    }
    return before;
}

static void count_exclusive(struct evaluation *evaluation, const struct network *network,
                            const struct pass_batch *batch, const float *outputs,
                            struct workspace *w, size_t r) {
    const float *A = outputs + r * network->outputs;
    const size_t actual = true_class(network, batch, r);
    const size_t guess = loss_predicted_class(network->outputs, A);
    w->per_class[actual].support++;
    w->predicted[guess]++;
    w->right[guess] += guess == actual;
    evaluation->accuracy += guess == actual;
    if (w->confusion_matrix != NULL) {
        w->confusion_matrix[actual * evaluation->classes + guess]++;
    }
    if (evaluation->top_k > 0) {
        const size_t rank =
            network->outputs == 1 ? guess != actual : rank_of_class(network->outputs, A, actual);
        evaluation->top_k_accuracy += rank < evaluation->top_k;
    }
}

static void count_multi_label(struct evaluation *evaluation, const struct network *network,
                              const struct pass_batch *batch, const float *outputs,
                              struct workspace *w, size_t r) {
    const float *A = outputs + r * network->outputs;
    for (size_t c = 0; c < network->outputs; c++) {
        const bool actual = is_of_class(network, batch, r, c);
        const bool guess = A[c] > 0.5f;
        w->per_class[c].support += actual;
        w->predicted[c] += guess;
        w->right[c] += guess && actual;
        evaluation->accuracy += (guess == actual) / (double)network->outputs;
    }
}

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : 0.0;
}

static void summarize_classes(struct evaluation *evaluation, const struct workspace *w) {
    const double classes = (double)evaluation->classes;
    for (size_t c = 0; c < evaluation->classes; c++) {
        struct class_metrics *metrics = &w->per_class[c];
        const double right = (double)w->right[c];
        metrics->precision = ratio(right, (double)w->predicted[c]);
        metrics->recall = ratio(right, (double)metrics->support);
        metrics->f1 =
            ratio(2 * metrics->precision * metrics->recall, metrics->precision + metrics->recall);
        evaluation->precision += metrics->precision / classes;
        evaluation->recall += metrics->recall / classes;
        evaluation->f1 += metrics->f1 / classes;
    }
    evaluation->accuracy /= (double)evaluation->examples;
    evaluation->top_k_accuracy /= (double)evaluation->examples;
}

/* --- ROC-AUC ---------------------------------------------------------------- */

/* Bottom-up merge sort by score, with a pause now and then: the C library's sort
 * could not be interrupted. */
static struct ranked *sort_by_score(struct ranked *from, struct ranked *to, size_t count,
                                    struct pause pause) {
    size_t merged = 0;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            const size_t middle = size_min(begin + width, count);
            const size_t end = size_min(begin + 2 * width, count);
            size_t left = begin, right = middle;
            for (size_t i = begin; i < end; i++) {
                const bool take_left =
                    left < middle && (right == end || from[left].score <= from[right].score);
                to[i] = take_left ? from[left++] : from[right++];
                if (++merged % MERGES_PER_PIECE == 0) {
                    pause_call(pause);
                }
            }
        }
        struct ranked *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

/* The share of (positive, negative) pairs in order, ties at half, by the sum of
 * the positives' ranks (Mann-Whitney); NaN when one kind is missing. */
static double area_under_curve(const struct ranked *sorted, size_t count) {
    double rank_sum = 0, positives = 0;
    for (size_t i = 0; i < count;) {
        size_t end = i;
        double tied_positives = 0;
        while (end < count && sorted[end].score == sorted[i].score) {
            tied_positives += sorted[end++].positive;
        }
        const double mean_rank = ((double)i + 1 + (double)end) / 2;
        rank_sum += mean_rank * tied_positives;
        positives += tied_positives;
        i = end;
    }
    const double negatives = (double)count - positives;
    return positives > 0 && negatives > 0
               ? (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
               : NAN;
}

static double class_area(const struct network *network, const struct pass_batch *batch,
                         const float *outputs, const struct workspace *w, size_t c,
                         struct pause pause) {
    const size_t column = network->outputs == 1 ? 0 : c;
    for (size_t r = 0; r < batch->rows; r++) {
        w->ranked[r] = (struct ranked){outputs[r * network->outputs + column],
                                       is_of_class(network, batch, r, c)};
    }
    return area_under_curve(sort_by_score(w->ranked, w->merged, batch->rows, pause), batch->rows);
}

static double mean_area(const struct evaluation *evaluation, const struct network *network,
                        const struct pass_batch *batch, const float *outputs,
                        const struct workspace *w, struct pause pause) {
    if (evaluation->classes == 2 && !is_multi_label(network)) {
        return class_area(network, batch, outputs, w, 1, pause);
    }
    double sum = 0, present = 0;
    for (size_t c = 0; c < evaluation->classes; c++) {
        /* A class without rows, or with all of them, has no curve. */
        const uint64_t support = w->per_class[c].support;
        if (support > 0 && support < evaluation->examples) {
            sum += class_area(network, batch, outputs, w, c, pause);
            present++;
        }
        pause_call(pause);
    }
    return present > 0 ? sum / present : NAN;
}

/* --- regression ------------------------------------------------------------- */

/* Two passes an output, so that an offset of the targets costs no digits. */
static double output_r2(const struct network *network, const struct pass_batch *batch,
                        const float *outputs, size_t o) {
    const size_t width = network->outputs;
    double mean = 0, residual = 0, deviation = 0;
    for (size_t r = 0; r < batch->rows; r++) {
        mean += ((double)batch->targets[r * width + o] - mean) / (double)(r + 1);
    }
    for (size_t r = 0; r < batch->rows; r++) {
        const double target = (double)batch->targets[r * width + o];
        const double error = target - (double)outputs[r * width + o];
        residual += error * error;
        deviation += (target - mean) * (target - mean);
    }
    if (!(deviation > 0)) {
        return residual > 0 ? 0.0 : 1.0;
    }
    return 1 - residual / deviation;
}

static void evaluate_regression(struct evaluation *evaluation, const struct network *network,
                                const struct pass_batch *batch, const float *outputs,
                                struct pause pause) {
    const size_t count = batch->rows * network->outputs;
    double absolute = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        const double error = (double)outputs[i] - (double)batch->targets[i];
        absolute += fabs(error);
        square += error * error;
    }
    evaluation->mae = absolute / (double)count;
    evaluation->rmse = sqrt(square / (double)count);
    for (size_t o = 0; o < network->outputs; o++) {
        evaluation->r2 += output_r2(network, batch, outputs, o) / (double)network->outputs;
        pause_call(pause);
    }
}

/* --- all together ------------------------------------------------------------ */

/* Σ loss over some rows; where they hold logits, they become outputs. */
static double rows_loss(const struct network *network, const struct pass_batch *batch, size_t begin,
                        size_t count, float *outputs, const struct workspace *w) {
    const size_t k = network->outputs;
    const bool logits = network_loss_takes_logits(network);
    float *own = outputs + begin * k;
    struct loss_rows rows = {
        .rows = count,
        .outputs = k,
        .Z = own,
        .A = logits ? w->activated : own,
        .labels = batch->labels != NULL ? batch->labels + begin : NULL,
        .targets = batch->targets != NULL ? batch->targets + begin * k : NULL,
        .batch_rows = batch->rows,
        .huber_delta = network->huber_delta,
        .row_losses = w->row_losses != NULL ? w->row_losses + begin : NULL,
    };
    loss_functions[network->loss].rows(&rows);
    if (logits) {
        assert(w->activated != NULL); /* these losses have classes */
        memcpy(own, w->activated, count * k * sizeof *own);
    }
    return rows.loss_sum;
}

void evaluation_compute(struct evaluation *evaluation, const struct network *network,
                        const struct evaluation_request *request, const struct pass_batch *batch,
                        float *outputs, void *block, struct pause pause) {
    *evaluation = (struct evaluation){
        .loss_function = network->loss,
        .examples = batch->rows,
        .outputs = network->outputs,
        .classes = class_count(network),
        .top_k = request->top_k,
    };
    struct workspace w = divide_workspace(network, request, batch->rows, block);
    evaluation->row_losses = w.row_losses;
    if (evaluation->classes > 0) {
        memset(block, 0, (size_t)((char *)w.ranked - (char *)block));
    }
    for (size_t begin = 0; begin < batch->rows; begin += ROWS_PER_PIECE) {
        const size_t count = size_min(ROWS_PER_PIECE, batch->rows - begin);
        evaluation->loss += rows_loss(network, batch, begin, count, outputs, &w);
        for (size_t r = begin; r < begin + count && w.predicted != NULL; r++) {
            (is_multi_label(network) ? count_multi_label : count_exclusive)(evaluation, network,
                                                                            batch, outputs, &w, r);
        }
        pause_call(pause);
    }
    evaluation->loss /= (double)batch->rows;
    if (evaluation->classes > 0) {
        summarize_classes(evaluation, &w);
        evaluation->per_class = w.per_class;
        evaluation->confusion_matrix = w.confusion_matrix;
        evaluation->roc_auc = mean_area(evaluation, network, batch, outputs, &w, pause);
    } else {
        evaluate_regression(evaluation, network, batch, outputs, pause);
    }
}
