/* Snapshots: when a model's log has become long or old, its state takes the log's place.
 *
 * The trainer copies the state at a place of the model's order (ENTRY_TAKE); the writer stores
 * the copy in chunks, between groups, and at last the head, the new rows of the loss history and
 * the end of the log that is covered, in one commit.  What a crash leaves unfinished is nothing.
 *
 * A snapshot is due when replaying the log would take long (by the work computed from shapes),
 * when the log is large beside the state, when its oldest entry is SNAPSHOT_SECONDS old, and
 * when the daemon ends.  The writer's thread alone, but for what a task is told by a worker. */
#ifndef MLPD_CORE_ENGINE_SNAPSHOT_H
#define MLPD_CORE_ENGINE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine/entry.h"
#include "core/engine/history.h"

struct writer;
struct model;

#define SNAPSHOT_SECONDS 300
#define SNAPSHOT_VERSION 1

/* As the store has a snapshot's head: this, then the create body with the settings in force. */
struct snapshot_head {
    uint32_t version;
    uint32_t reserved;
    uint64_t number;   /* of the newest batch that is covered */
    uint64_t revision; /* of the settings */
    double updated_at; /* seconds since 1970 */
    uint64_t state_bytes;
};

/* As the store has rows of the loss history. */
struct snapshot_row {
    uint64_t batch, step;
    double loss, accuracy, time;
    uint32_t examples, state;
};

struct snapshots {
    struct writer *writer;
    struct model *oldest, *newest; /* that have entries in their logs, referenced */
    size_t running;
    bool due; /* one of those noted last is */
    bool all; /* the daemon ends: every one of them is due */
};

void snapshots_init(struct snapshots *snapshots, struct writer *writer);

/* The entry, of a place in the log, is stored.  Nothing begins yet: other entries of its group may
 * have places that its model's queue does not have. */
void snapshots_note(struct snapshots *snapshots, const struct entry *entry);

/* All entries of the group are in their queues: begin what has become due. */
void snapshots_begin_noted(struct snapshots *snapshots);

/* A model came from the store, with a log of so many bytes and so much work. */
void snapshots_note_log(struct snapshots *snapshots, struct model *model, uint64_t bytes,
                        double work);

/* The model was deleted. */
void snapshots_forget(struct snapshots *snapshots, struct model *model);

/* Begin those that are due; once a second. */
void snapshots_tick(struct snapshots *snapshots);

/* From now on every one is due.  False when nothing is left to be done. */
bool snapshots_finish(struct snapshots *snapshots);

/* Forget all. */
void snapshots_end(struct snapshots *snapshots);

#endif
