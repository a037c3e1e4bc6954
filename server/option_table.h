/* The table of options: a row for each flag with its variable, default, bounds and text.
 *
 * Everything that is said or done about an option comes from its row.  Constant. */
#ifndef MLPD_SERVER_OPTION_TABLE_H
#define MLPD_SERVER_OPTION_TABLE_H

#include <stddef.h>

#include "core/base/error.h"

enum option_kind {
    OPTION_KIND_ADDRESS,
    OPTION_KIND_PATH,
    OPTION_KIND_COUNT,
    OPTION_KIND_SIZE,
    OPTION_KIND_SECONDS,
    OPTION_KIND_CHOICE,
    OPTION_KIND_LIST,
    OPTION_KIND_SWITCH,  /* on or off; without a value: on */
    OPTION_KIND_COMMAND, /* a deed in place of running, and what it is done to */
    OPTION_KIND_FLAG     /* a deed in place of running */
};

/* A flag takes no value; a command may, and is for the command line alone: its variable
 * would turn every daemon of an environment into something else. */
struct option_row {
    const char *name;          /* without the dashes */
    const char *value_name;    /* for --help; NULL for a flag that takes none */
    const char *initial;       /* the default as one would type it; NULL: see `automatic` */
    const char *initial_note;  /* the default in words, where typing does not say it */
    size_t (*automatic)(void); /* the default from the machine */
    const char *text;          /* for --help */
    enum option_kind kind;
    size_t offset;             /* of the field in struct options */
    size_t minimum, maximum;   /* of counts, sizes and seconds */
    const char *const *choice; /* of choices; an index becomes the value */
    /* of lists: whether the value is one */
    enum error_code (*check)(const char *list, struct error *error);
};

#define OPTION_ROWS_MAX 64

extern const struct option_row option_rows[];
extern const size_t option_row_count; /* up to OPTION_ROWS_MAX */

#endif
