/* What the handlers of models share; see model_answer.h. */
#include "api/model_answer.h"

#include <stdio.h>

#include "api/precondition.h"

enum error_code model_check_name(const char *name, struct error *error) {
    return model_name_is_valid(name)
               ? ERROR_NONE
               : error_set(error, ERROR_INVALID, "/name",
                           "the name '%.80s'; allowed are 1 to 64 letters, digits, '.', '_' and "
                           "'-', a letter or digit first",
                           name);
}

enum error_code model_read_name(const json_t *body, char name[MODEL_NAME_BYTES],
                                struct error *error) {
    const json_t *value = json_object_get(body, "name");
    if (value == NULL) {
        return error_set(error, ERROR_INVALID, "/name", "name is missing");
    }
    const char *text = NULL;
    enum error_code code = json_read_string(value, "/name", &text, error);
    if (code == ERROR_NONE) {
        code = model_check_name(text, error);
    }
    if (code == ERROR_NONE) {
        snprintf(name, MODEL_NAME_BYTES, "%s", text);
    }
    return code;
}

void model_answer(struct call *call, unsigned status, struct model *model,
                  const struct model_extras *extras) {
    uint64_t revision;
    char tag[MODEL_TAG_BYTES];
    struct json_writer json = call_json(call);
    model_write(&json, model, extras, &revision);
    call_answer_json(call, status, &json);
    model_tag_write(tag, model, revision);
    call_add_header(call, "ETag", "\"%s\"", tag);
}
