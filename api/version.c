/* Versions as calls name them; see version.h. */
#include "api/version.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/engine/checkpoint_store.h"
#include "core/engine/state.h"

bool version_read(struct call *call, uint64_t *version) {
    const char *text = call->target.segments[4];
    char *end;
    errno = 0;
    *version = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        call_answer_problem(call, 404, NULL, "'%.40s' is not the version of a checkpoint", text);
        return false;
    }
    return true;
}

bool version_find(struct call *call, uint64_t version) {
    struct error error;
    const enum error_code code = checkpoints_find(call->model, version, &call->checkpoint, &error);
    if (code != ERROR_NONE) {
        call_answer_error(call, &error);
    }
    return code == ERROR_NONE;
}

static void start_opening(struct call *call, struct completion *completion) {
    if (checkpoint_open(call->model, call->checkpoint, completion, &call->opening, &call->error) !=
        ERROR_NONE) {
        completion_call(completion);
    }
}

static void resume_opened(struct call *call, bool expired) {
    (void)expired; /* there is no patience to be over */
    const struct checkpoint_opening *opening = call->opening;
    if (opening == NULL) {
        call_answer_error(call, &call->error);
    } else if (opening->numbers == NULL) {
        call_answer_error(call, &opening->error);
    } else {
        call->numbers = state_reference(opening->numbers);
        call->opened(call, false);
    }
}

void version_open(struct call *call, uint64_t version, resume_function *resume) {
    if (!version_find(call, version)) {
        return;
    }
    call->opened = resume;
    call->numbers = checkpoints_numbers(call->model, call->checkpoint);
    if (call->numbers != NULL) {
        resume(call, false);
    } else {
        call_wait(call, start_opening, resume_opened, INFINITY);
    }
}
