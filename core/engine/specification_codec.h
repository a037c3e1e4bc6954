/* A specification as text, for the store: the create body, made whole.
 *
 * core knows no JSON; the api gives the engine these functions when it is made.  What is
 * written and read again is the same to the bit.  Any thread may call. */
#ifndef MLPD_CORE_ENGINE_SPECIFICATION_CODEC_H
#define MLPD_CORE_ENGINE_SPECIFICATION_CODEC_H

#include "core/base/buffer.h"
#include "core/maths/specification.h"

struct specification_codec {
    /* Append the text: layers and classes of `structure`, all the rest of `settings`.
     * ERROR_MEMORY. */
    enum error_code (*write)(const struct specification *structure,
                             const struct specification *settings, struct buffer *text,
                             struct error *error);

    /* A complete specification, the caller's.  ERROR_INVALID, ERROR_SYNTAX, ERROR_MEMORY. */
    enum error_code (*read)(const char *text, size_t bytes, struct ledger *ledger,
                            struct specification *specification, struct error *error);
};

#endif
