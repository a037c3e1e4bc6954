/* Asking the engine and waiting; see answer_query.h. */
#include "api/answer_query.h"

#include <math.h>

static void start_asking(struct call *call, struct completion *completion) {
    if (engine_ask(call->api->engine, call->query, completion, &call->error) != ERROR_NONE) {
        completion_call(completion);
    }
}

bool query_succeeded(struct call *call) {
    const struct error *error = call->error.code != ERROR_NONE ? &call->error : &call->query->error;
    if (error->code != ERROR_NONE) {
        call_answer_error(call, error);
    }
    return error->code == ERROR_NONE;
}

void answer_query(struct call *call, enum query_kind kind, const struct evaluation_request *request,
                  resume_function *answer) {
    struct error error;
    struct examples *examples = call->intake != NULL ? &call->intake->examples : NULL;
    if (query_create_of_version(call->model, kind, call->numbers, examples, request, &call->query,
                                &error) != ERROR_NONE) {
        call_answer_error(call, &error);
        return;
    }
    call_wait(call, start_asking, answer, INFINITY);
    if (call->predictor != NULL && local_predictor_take(call->predictor, call->query)) {
        call->state = CALL_GATHERING;
        (void)call_end(call); /* it may have its answer already */
    }
}
