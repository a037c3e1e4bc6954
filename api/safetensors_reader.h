/* The safetensors format, read as it arrives: what batches (safetensors_intake.c) and models
 * (model_intake.c) come in.
 *
 * A body is a length (u64), a header of that length (JSON, small and bounded, so a tree is
 * made of it), and the tensors in the order of their offsets.  When the header is known
 * everything about the sizes is.  The data may start at any address and be cut anywhere: items
 * are handed on whole.
 *
 * The reader knows the frame; what tensors mean, which there may be and of which type and
 * shape, its user says by functions.  Tensors are numbered by the user.  A reader belongs to one
 * call. */
#ifndef MLPD_API_SAFETENSORS_READER_H
#define MLPD_API_SAFETENSORS_READER_H

#include <jansson.h>
#include <stdbool.h>

#include "api/dtype.h"
#include "core/base/buffer.h"

#define SAFETENSORS_LENGTH_BYTES 8

struct safetensors_tensor {
    size_t number;
    const struct dtype *dtype;
    size_t rank, shape[2]; /* of the shape the first two */
    size_t items;
    size_t begin, end; /* bytes, from the end of the header */
};

struct safetensors_reader;

/* All return ERROR_NONE or end the reading with what they filled in. */
struct safetensors_user {
    size_t header_bytes_max;
    size_t marks_max; /* of { [ , : in the header, which bounds what a tree of it takes */

    /* First: __metadata__, an object of strings, or NULL.  From here on there is room for
     * the tensors. */
    enum error_code (*take_metadata)(void *context, const json_t *metadata, struct error *error);

    /* Which tensor has that name. */
    enum error_code (*find)(void *context, const char *name, size_t *number, struct error *error);
    const char *(*name)(const void *context, size_t number);

    /* It is of a type that safetensors does not know, or mlpd does not. */
    enum error_code (*refuse_dtype)(void *context, size_t number, const char *dtype,
                                    struct error *error);

    /* The header is read, and its tensors follow each other and fill the body. */
    enum error_code (*begin)(void *context, struct error *error);

    /* Items of a tensor, in their order, at any address. */
    enum error_code (*take)(void *context, const struct safetensors_tensor *tensor,
                            const char *items, size_t count, struct error *error);
};

enum safetensors_stage { READING_LENGTH, READING_HEADER, READING_DATA };

struct safetensors_reader {
    const struct safetensors_user *user;
    void *context;
    struct ledger *ledger;
    size_t body_bytes; /* 0: unknown */

    enum safetensors_stage stage;
    size_t length_bytes;
    unsigned char length[SAFETENSORS_LENGTH_BYTES];
    size_t header_bytes;
    struct buffer header;

    /* The user's, who gives room for all that it knows (no name comes twice) before the first
     * one is read.  From `begin` on in the order of their offsets. */
    struct safetensors_tensor *tensors; /* [tensor_count] */
    size_t tensor_count, current;
    size_t data_bytes, data_taken;
    size_t item_bytes; /* of an item that the last chunk's end cut */
    char item[ITEM_BYTES_MAX];
};

/* `tensors` may be NULL until take_metadata. */
void safetensors_reader_init(struct safetensors_reader *reader, const struct safetensors_user *user,
                             void *context, struct safetensors_tensor *tensors,
                             struct ledger *ledger, size_t body_bytes);
void safetensors_reader_free(struct safetensors_reader *reader);

/* The next bytes.  ERROR_SYNTAX for a broken frame, ERROR_MEMORY, or what the user says. */
enum error_code safetensors_reader_feed(struct safetensors_reader *reader, const char *data,
                                        size_t size, struct error *error);

/* The body is whole: ERROR_SYNTAX when the file is not. */
enum error_code safetensors_reader_end(const struct safetensors_reader *reader,
                                       struct error *error);

/* ERROR_SYNTAX: the header lies about a tensor. */
enum error_code safetensors_reader_refuse(const char *name, const char *why, struct error *error);

#endif
