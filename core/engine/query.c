/* Questions to a model; see query.h. */
#include "core/engine/query.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/base/memory.h"
#include "core/engine/model.h"
#include "core/engine/state.h"

/* Arithmetic that may stand between two tiles of a training step: a fraction of
 * a millisecond.  In small networks the calls cost more than the arithmetic. */
#define PROMPT_WORK_MAX 64000000
#define LAYER_CALL_WORK 4000

/* The same that an HTTP thread may do by itself, some 50 microseconds' worth. */
#define SMALL_WORK_MAX 8000000

static void judge_size(struct query *query) {
    const struct network *network = &query->model->network;
    const size_t row_work = network_forward_work(network) + LAYER_CALL_WORK * network->layer_count;
    const size_t rows = query->examples.rows;
    query->prompt = query->kind == QUERY_PREDICTION && rows <= PROMPT_WORK_MAX / row_work;
    const size_t blocks = (rows + network->block_rows - 1) / network->block_rows;
    query->small = query->prompt && blocks * network->block_rows <= SMALL_WORK_MAX / row_work;
}

/* A long reader's own copy of the weights. */
static enum error_code reserve_copy(struct query *query, struct error *error) {
    const struct network *network = &query->model->network;
    const size_t bytes = weights_bytes(network);
    const enum error_code code =
        ledger_reserve(query->model->ledger, bytes, "a copy of the weights to answer from", error);
    if (code != ERROR_NONE) {
        return code;
    }
    query->copy_bytes = bytes;
    return weights_allocate(&query->copy, network)
               ? ERROR_NONE
               : error_set(error, ERROR_MEMORY, NULL, "no memory for a copy of the weights");
}

static enum error_code reserve_answer(struct query *query, struct error *error) {
    const struct network *network = &query->model->network;
    const size_t rows = query->examples.rows;
    size_t bytes;
    if (!checked_multiply(rows, network->outputs * sizeof(float), &bytes)) {
        return error_set(error, ERROR_MEMORY, NULL, "answers beyond the address space");
    }
    enum error_code code = ERROR_NONE;
    if (bytes > 0) {
        code = buffer_reserve(&query->outputs, bytes, error);
    }
    if (code == ERROR_NONE && query->kind == QUERY_EVALUATION) {
        code = buffer_reserve(&query->workspace,
                              evaluation_bytes(network, &query->evaluation_request, rows), error);
    }
    if (code == ERROR_NONE && query->numbers != NULL) {
        query->copy = state_weights(query->numbers, network);
    } else if (code == ERROR_NONE && !query->prompt && query->kind != QUERY_INITIALIZATION) {
        code = reserve_copy(query, error);
    }
    query->outputs.used = code == ERROR_NONE ? bytes : 0;
    return code;
}

enum error_code query_create(struct model *model, enum query_kind kind, struct examples *examples,
                             const struct evaluation_request *request, struct query **query,
                             struct error *error) {
    return query_create_of_version(model, kind, NULL, examples, request, query, error);
}

enum error_code query_create_of_version(struct model *model, enum query_kind kind,
                                        struct state *numbers, struct examples *examples,
                                        const struct evaluation_request *request,
                                        struct query **result, struct error *error) {
    struct query *query = memory_allocate_object(sizeof *query);
    if (query == NULL) {
        return error_set(error, ERROR_MEMORY, NULL, "no memory for a query");
    }
    memset(query, 0, sizeof *query);
    atomic_init(&query->references, 1);
    query->kind = kind;
    query->model = model_reference(model);
    query->numbers = numbers != NULL ? state_reference(numbers) : NULL;
    query->evaluation_request = request != NULL ? *request : (struct evaluation_request){0};
    examples_init(&query->examples, model->ledger);
    buffer_init(&query->outputs, model->ledger, "the outputs of a request");
    buffer_init(&query->workspace, model->ledger, "the figures of an evaluation");
    if (examples != NULL) {
        query->examples.rows = examples->rows;
    }
    judge_size(query);
    const enum error_code code = reserve_answer(query, error);
    if (code != ERROR_NONE) {
        query_release(query);
        return code;
    }
    if (examples != NULL) {
        examples_move(&query->examples, examples);
    }
    *result = query;
    return ERROR_NONE;
}

struct query *query_reference(struct query *query) {
    /* Relaxed: who takes a reference has one already. */
    atomic_fetch_add_explicit(&query->references, 1, memory_order_relaxed);
    return query;
}

void query_release(struct query *query) {
    /* Acquire and release: the last one out sees all that the others wrote. */
    if (atomic_fetch_sub_explicit(&query->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    examples_free(&query->examples);
    buffer_free(&query->outputs);
    buffer_free(&query->workspace);
    if (query->numbers == NULL) {
        weights_free(&query->copy);
    }
    state_release(query->numbers);
    ledger_release(query->model->ledger, query->copy_bytes);
    model_release(query->model);
    memory_free(query);
}

void query_queue_push(struct query_queue *queue, struct query *query) {
    query->next = NULL;
    if (queue->last == NULL) {
        queue->first = query;
    } else {
        queue->last->next = query;
    }
    queue->last = query;
}

struct query *query_queue_pop(struct query_queue *queue) {
    struct query *query = queue->first;
    if (query != NULL) {
        queue->first = query->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        query->next = NULL;
    }
    return query;
}
