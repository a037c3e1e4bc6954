/* A file that a model is taken away in, as it is sent: written text and, between it, the
 * model's own numbers, which stay where they are until they are copied into an answer piece
 * by piece.
 *
 * safetensors_file.c and onnx_file.c make them, exports.c sends them.  A file belongs to one
 * call; the state that it points into is only read and has to outlive it. */
#ifndef MLPD_API_MODEL_FILE_H
#define MLPD_API_MODEL_FILE_H

#include <stdint.h>

#include "core/base/buffer.h"
#include "core/engine/settings.h"
#include "core/engine/state.h"

/* What is written. */
struct model_source {
    struct model *model;             /* its name and structure */
    const struct settings *settings; /* in force where the state was taken */
    const struct state *state;
    bool with_optimizer;
};

struct model_file {
    struct buffer text;  /* what is not numbers, in the order of the file */
    struct buffer parts; /* struct model_file_part [] */
    size_t text_noted;   /* of the text: is in a part already */
    uint64_t bytes;      /* of the whole file */

    size_t part, part_bytes, text_bytes; /* read so far: parts, of the present one, of the text */
};

void model_file_init(struct model_file *file, struct ledger *ledger);
void model_file_free(struct model_file *file);

/* What was appended to file->text since the last call stands here, then these numbers.
 * ERROR_MEMORY. */
enum error_code model_file_add(struct model_file *file, const void *numbers, size_t bytes,
                               struct error *error);

/* Put a text before all that the file has so far.  ERROR_MEMORY. */
enum error_code model_file_put_first(struct model_file *file, const struct buffer *text,
                                     struct error *error);

/* The next bytes of the file, at most so many; 0: the end.  After the last model_file_add,
 * whose text is the end of the file. */
size_t model_file_read(struct model_file *file, char *bytes, size_t size);

/* The same facts for every format: what the file says of itself, as pairs of texts.  Fills
 * `config` with the create body that makes such a model.  ERROR_MEMORY. */
#define MODEL_FACTS_MAX 8
struct model_facts {
    struct buffer config;
    size_t count;
    struct {
        const char *key;
        char value[80];
    } rows[MODEL_FACTS_MAX]; /* beside `config` */
};

enum error_code model_facts_write(struct model_facts *facts, const struct model_source *source,
                                  struct error *error);
void model_facts_free(struct model_facts *facts);

/* The formats, by the name in the query. */
typedef enum error_code model_file_function(struct model_file *file,
                                            const struct model_source *source, struct error *error);

struct model_file_format {
    const char *name; /* in the query, and behind the dot of a file's name */
    const char *media_type;
    model_file_function *write; /* ERROR_MEMORY; ERROR_INVALID: not in this format */
};

extern const struct model_file_format model_file_safetensors, model_file_onnx;

#endif
