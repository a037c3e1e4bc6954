/* Metrics: how good a model's answers are, beside the loss.
 *
 * Classification with exclusive classes (softmax, or one sigmoid output, which
 * has two): accuracy, top-k accuracy, precision, recall and F1 a class and their
 * means over the classes ("macro"; 0 for a class never predicted), the confusion
 * matrix [true × predicted], ROC-AUC.  Several sigmoid outputs: each is a class
 * of its own, of which a row may have any number; accuracy is the share of right
 * decisions.  Regression: MAE, RMSE over all outputs, R² as the mean over the
 * outputs (constant targets: 1 if exact, else 0).
 *
 * ROC-AUC is exact (ranks, ties at half): for two classes that of the second,
 * for more the mean of each against the rest over the classes that occur; NaN
 * where no class has both positive and negative rows.
 *
 * All sums are in double.  One evaluation belongs to one thread at a time. */
#ifndef MLPD_CORE_MATHS_METRIC_H
#define MLPD_CORE_MATHS_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/pause.h"
#include "core/maths/network.h"
#include "core/maths/pass.h"

struct class_metrics {
    double precision, recall, f1;
    uint64_t support; /* rows whose true class it is */
};

struct evaluation {
    enum loss loss_function;
    size_t examples, outputs;
    double loss;
    /* classification */
    size_t classes; /* 0: regression */
    double accuracy;
    size_t top_k; /* 0: not asked for */
    double top_k_accuracy;
    double precision, recall, f1; /* macro */
    double roc_auc;
    struct class_metrics *per_class; /* [classes] */
    uint64_t *confusion_matrix;      /* [classes × classes], or NULL */
    /* regression */
    double mae, rmse, r2;
    /* both */
    float *row_losses; /* [examples] unweighted, so `loss` is their mean; NULL: not asked for */
};

struct evaluation_request {
    size_t top_k;          /* 0: not asked for */
    bool confusion_matrix; /* beyond CONFUSION_CLASSES_DEFAULT classes only when asked */
    bool per_example;      /* row_losses */
};

#define CONFUSION_CLASSES_DEFAULT 100

/* Bytes that evaluating `rows` rows takes (results, sorting); SIZE_MAX when they
 * do not fit a size_t. */
size_t evaluation_bytes(const struct network *network, const struct evaluation_request *request,
                        size_t rows);

/* Evaluate.  `outputs` [rows × outputs] holds what network_predict gives, logits
 * where network_loss_takes_logits; those are overwritten with the outputs.  `workspace` is
 * evaluation_bytes long, aligned to MEMORY_ALIGNMENT, and holds the result's
 * arrays afterwards. */
void evaluation_compute(struct evaluation *evaluation, const struct network *network,
                        const struct evaluation_request *request, const struct pass_batch *batch,
                        float *outputs, void *workspace, struct pause pause);

#endif
