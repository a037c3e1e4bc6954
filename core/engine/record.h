/* Records: entries of a model's queue as the store's log keeps them, and back.
 *
 * A record is one entry, or the batches of one request as one.  Its payload is a head of 64
 * bytes and what the kind has:
 *
 *   RECORD_BATCHES       inputs float [rows × inputs], labels int32 [rows], targets float
 *                        [rows × outputs], sample weights float [rows]: what there is of them
 *   RECORD_SETTINGS      the create body with these settings (specification_codec.h)
 *   RECORD_RESET         the same
 *   RECORD_RESTORE       struct record_restore, then the same
 *   RECORD_CANCELLATION  pairs of numbers: batches from the first to the second one of each
 *
 * little-endian, as every machine that mlpd runs on.  Pure functions on what the caller has. */
#ifndef MLPD_CORE_ENGINE_RECORD_H
#define MLPD_CORE_ENGINE_RECORD_H

#include "core/engine/checkpoint.h"
#include "core/engine/entry.h"
#include "core/engine/specification_codec.h"
#include "core/store/store.h"

/* As they are in stores: never renumbered. */
enum record_kind {
    RECORD_BATCHES = 1,
    RECORD_SETTINGS = 2,
    RECORD_RESET = 3,
    RECORD_CANCELLATION = 4,
    RECORD_RESTORE = 5
};

/* What is restored, and what becomes of what stood before. */
struct record_restore {
    uint64_t version;
    uint64_t former; /* the version that it is kept as; 0: it is not */
    char note[CHECKPOINT_NOTE_BYTES_MAX + 1];
};

struct record_head {
    uint32_t version;
    uint32_t contents;      /* of batches: RECORD_HAS_… */
    uint64_t number;        /* of batches: of the first one */
    uint64_t rows;          /* all batches together */
    uint64_t rows_of_batch; /* but the last, which has the rest */
    uint64_t revision;      /* of settings */
    uint64_t inputs, outputs;
    uint64_t reserved;
};

#define RECORD_HAS_LABELS 1u
#define RECORD_HAS_TARGETS 2u
#define RECORD_HAS_SAMPLE_WEIGHTS 4u

/* Append the payload of `entry`, which with the `count - 1` behind it in the same set makes one
 * record of `rows` rows, to `payload`, which then refers to `head`, `text` and the entry.
 * `text` is empty before, and the caller's to free.  ERROR_MEMORY. */
enum error_code record_write(const struct entry *entry, uint64_t rows,
                             const struct specification_codec *codec, struct record_head *head,
                             struct buffer *text, struct store_payload *payload,
                             struct error *error);

/* The kind under which an entry is kept; 0: its kind is no part of the log. */
uint32_t record_kind_of(const struct entry *entry);

/* What makes the entries of one record.  ERROR_INVALID: it is not a record of this model. */
struct record_reader {
    struct record_head head;
    uint32_t kind;
    uint64_t count;
    struct example_set *set;   /* of batches, referenced */
    struct settings *settings; /* referenced */
    struct record_restore restore;
    const uint64_t *numbers; /* [2 × pairs] of a cancellation, within the data */
    size_t pairs;
};

enum error_code record_read(const struct store_entry *stored, const struct model *model,
                            const struct specification_codec *codec, struct record_reader *record,
                            struct error *error);

/* Entry i of `count`: of batches and settings; of a restore without its numbers.  NULL when there
 * is no memory. */
struct entry *record_entry(const struct record_reader *record, struct model *model, uint64_t i);

void record_reader_free(struct record_reader *record);

#endif
