/* Specifications as text; see specification_text.h. */
#include "api/specification_text.h"

#include "api/specification_json.h"

static enum error_code write_text(const struct specification *structure,
                                  const struct specification *settings, struct buffer *text,
                                  struct error *error) {
    struct json_writer json;
    json_write_start(&json, text);
    json_write_begin_object(&json);
    specification_write(&json, structure, settings);
    json_write_end_object(&json);
    return json_write_finish(&json, error);
}

static enum error_code read_text(const char *text, size_t bytes, struct ledger *ledger,
                                 struct specification *specification, struct error *error) {
    struct buffer copy;
    struct json_document document;
    buffer_init(&copy, ledger, "a stored specification");
    enum error_code code = buffer_append(&copy, text, bytes, error);
    if (code == ERROR_NONE) {
        code = json_document_parse(&document, &copy, ledger, error);
    }
    if (code == ERROR_NONE) {
        code = specification_read(document.root, specification, error);
        json_document_free(&document);
    }
    buffer_free(&copy);
    return code;
}

const struct specification_codec specification_text = {.write = write_text, .read = read_text};
