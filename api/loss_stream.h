/* The loss history as server-sent events: what is kept, then what comes, without end.
 *
 *   retry: 2000                      at the beginning
 *   id: 57                           a point: a message event whose id is the batch
 *   data: {"batch":57,"step":57,"loss":0.31,…}
 *   event: gap                       points between `after` and `oldest` are no longer kept,
 *   data: {"after":57,"oldest":1203}   or `after` (null: no number) is no batch of the model
 *   event: deleted                   the model is gone; the last event
 *   : keep-alive                     after 15 seconds without any of these
 *
 * A stream is an answer in pieces that waits between them (call.h).  It keeps no points
 * of its own: each piece is read from the model's history behind a cursor, so a slow
 * reader costs no memory, and one that falls behind what is kept gets a gap.  Points that
 * come fast share a piece.  A stream belongs to its call. */
#ifndef MLPD_API_LOSS_STREAM_H
#define MLPD_API_LOSS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine/completion.h"

struct call;
struct request;

struct loss_stream {
    bool resumes;    /* there is a cursor, from Last-Event-ID */
    bool unreadable; /* but it is no number */
    bool ended;
    uint64_t cursor;               /* the batch before the next one to tell of */
    double points_at, written_at;  /* monotonic seconds, of the last point, of anything */
    struct completion *completion; /* of a wait for time alone */
};

/* With the headers: Last-Event-ID, where there is one. */
void loss_stream_read_cursor(struct call *call, const struct request *request);

/* Begin the answer. */
void loss_stream_answer(struct call *call);

#endif
