/* The file that tells a script where the daemon listens: one line with the port, or
 * with `unix:PATH`.  It appears whole, and only once the daemon answers. */
#ifndef MLPD_SERVER_PORT_FILE_H
#define MLPD_SERVER_PORT_FILE_H

#include "core/base/error.h"
#include "server/address.h"

/* ERROR_INTERNAL with a sentence. */
enum error_code port_file_write(const char *path, const struct address *address,
                                struct error *error);

#endif
