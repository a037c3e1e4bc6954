/* Ids of requests: what X-Request-Id has in an answer, and `request_id` in a line of the
 * log.
 *
 * A client's own id is kept when it is 1 to 128 letters, digits and -._~:@+=,/ : what
 * base64, UUIDs and trace ids are made of, and what can stand in a header, a line and a
 * document without being escaped.  Any other, or none, is replaced: by a random number of
 * this process and a count, so that no two are the same anywhere.  Any thread. */
#ifndef MLPD_SERVER_REQUEST_ID_H
#define MLPD_SERVER_REQUEST_ID_H

#include <stdbool.h>

#define REQUEST_ID_LENGTH_MAX 128
#define REQUEST_ID_BYTES (REQUEST_ID_LENGTH_MAX + 1)

/* Once, before requests come.  False when the system has no random numbers. */
bool request_id_start(void);

/* Whether a client may call its request so.  NULL: no. */
bool request_id_is_valid(const char *id);

/* The client's id, or a new one. */
void request_id_choose(char id[REQUEST_ID_BYTES], const char *wanted);

#endif
